#pragma once

#include <cstddef>

#include "semblance/core/executor.h"
#include "semblance/layers/activation.h"
#include "semblance/layers/layer_norm.h"
#include "semblance/layers/linear.h"
#include "semblance/layers/row_slices.h"
#include "semblance/layers/workspace.h"

namespace semblance {

struct FeedForwardParameters {
  LinearParameters intermediate;  // [intermediate_size, hidden_size]
  LinearParameters output;        // [hidden_size, intermediate_size]
  LayerNormParameters output_layer_norm;
};

// Position-wise feed-forward block with its residual and layer norm (Vaswani et al. 2017, section
// 3.3, with BERT's order): x = LayerNorm(x + activation(x W_1 + b_1) W_2 + b_2), each step as
// Linear and LayerNorm say. NaN and infinity stay in their row.
template <LayerScalar Scalar, ActivationFunction Activation>
class FeedForward {
 public:
  FeedForward(const FeedForwardParameters& parameters, Executor& executor,
              Activation activation = {})
      : activation_(activation),
        intermediate_(with_normalized_input(parameters.intermediate), executor),
        output_(parameters.output, executor),
        output_layer_norm_(parameters.output_layer_norm) {}

  std::size_t byte_count() const noexcept {
    return intermediate_.byte_count() + output_.byte_count();
  }

  // hidden_states [at most num_tokens, hidden_size], in place.
  void forward(MatrixView<Scalar> hidden_states, Workspace<Scalar>& workspace,
               Executor& executor) const {
    const auto slice_of_rows = [&](std::size_t slice, std::size_t begin, std::size_t end,
                                   Executor& own) {
      const MatrixView<Scalar> rows = hidden_states.rows_from(begin, end - begin);
      const MatrixView<Scalar> intermediate =
          workspace.intermediate().rows_from(begin, end - begin);
      QuantizedRows& quantized_rows = workspace.quantized_rows(slice);
      intermediate_.forward(rows, intermediate, own, {}, &quantized_rows, activation_);
      output_.forward(intermediate, rows, own, rows, &quantized_rows);
      output_layer_norm_.forward(rows, own);
    };
    for_each_row_slice(executor, hidden_states.rows, slice_of_rows);
  }

 private:
  [[no_unique_address]] Activation activation_;
  Linear<Scalar> intermediate_;
  Linear<Scalar> output_;
  LayerNorm<Scalar> output_layer_norm_;
};

}  // namespace semblance
