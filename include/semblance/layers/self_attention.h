#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <concepts>
#include <cstddef>

#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/layers/layer_norm.h"
#include "semblance/layers/linear.h"
#include "semblance/layers/position_encoding.h"
#include "semblance/layers/row_slices.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/layers/workspace.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/eigen_map.h"

namespace semblance {

struct SelfAttentionParameters {
  LinearParameters query;  // [hidden_size, hidden_size] each
  LinearParameters key;
  LinearParameters value;
  LinearParameters output;
  LayerNormParameters output_layer_norm;
  std::size_t num_attention_heads = 0;
};

// Multi-head self-attention with its residual and layer norm (Vaswani et al. 2017, eq. 1; BERT
// keeps the 1/sqrt(head_dim) scale and normalizes after the residual):
//   hidden_states = LayerNorm(hidden_states + Attention(hidden_states) W_O + b_O)
// A text attends to its own tokens only; there is no padding and so no mask. Order of operations as
// simd::LinearCall, simd::AttentionCall and simd::LayerNormCall say, in int8 as
// simd::Int8LinearCall and, for long texts, simd::Kernels::attention_int8. NaN and infinity stay in
// their text.
template <LayerScalar Scalar, class Positions>
requires PositionEncoding<Positions, Scalar>
class SelfAttention {
 public:
  SelfAttention(const SelfAttentionParameters& parameters, const Positions* positions,
                Executor& executor)
      : query_key_value_(std::array{with_normalized_input(parameters.query),
                                    with_normalized_input(parameters.key),
                                    with_normalized_input(parameters.value)},
                         executor),
        output_(parameters.output, executor),
        output_layer_norm_(parameters.output_layer_norm),
        num_attention_heads_(parameters.num_attention_heads),
        positions_(positions) {}

  std::size_t byte_count() const noexcept {
    return query_key_value_.byte_count() + output_.byte_count();
  }

  // hidden_states [num_tokens, hidden_size], in place. Returns the rows that are wanted, which
  // begin where hidden_states do: all, or [batch_size, hidden_size], for which every text needs a
  // token.
  MatrixView<Scalar> forward(const SequenceBatch& batch, MatrixView<Scalar> hidden_states,
                             Workspace<Scalar>& workspace, Executor& executor,
                             WantedTokens wanted = WantedTokens::all) const {
    const MatrixView<Scalar> query_key_value = workspace.query_key_value();
    MatrixView<Scalar> context = workspace.context();
    for_each_row_slice(executor, hidden_states.rows,
                       [&](std::size_t slice, std::size_t begin, std::size_t end, Executor& own) {
                         query_key_value_.forward(hidden_states.rows_from(begin, end - begin),
                                                  query_key_value.rows_from(begin, end - begin),
                                                  own, {}, &workspace.quantized_rows(slice));
                       });
    parallel_slices(executor, batch.batch_size() * num_attention_heads_, 1,
                    [&](std::size_t slice, std::size_t first, std::size_t last) {
                      for (std::size_t unit = first; unit < last; ++unit) {
                        attend(batch, unit / num_attention_heads_, unit % num_attention_heads_,
                               wanted, query_key_value, context,
                               workspace.attention_scratch(slice));
                      }
                    });
    if (wanted == WantedTokens::first) {
      context = first_rows(batch, context);
      hidden_states = first_rows(batch, hidden_states);
    }
    for_each_row_slice(executor, hidden_states.rows,
                       [&](std::size_t slice, std::size_t begin, std::size_t end, Executor& own) {
                         const auto rows = hidden_states.rows_from(begin, end - begin);
                         output_.forward(context.rows_from(begin, end - begin), rows, own, rows,
                                         &workspace.quantized_rows(slice));
                         output_layer_norm_.forward(rows, own);
                       });
    return hidden_states;
  }

 private:
  // A text of so many tokens attends in int8 where its queries, keys and values come from products
  // in int8 and are so wide; shorter texts gain nothing.
  static constexpr std::size_t kInt8Tokens = 256;
  static constexpr std::size_t kInt8Width = 32;

  // The first row of each text, moved to the front.
  static MatrixView<Scalar> first_rows(const SequenceBatch& batch,
                                       MatrixView<Scalar> rows) noexcept {
    assert(batch.has_first_tokens());
    for (std::size_t i = 0; i < batch.batch_size(); ++i) {
      if (batch.start(i) != i) std::copy_n(rows.row(batch.start(i)), rows.cols, rows.row(i));
    }
    return rows.rows_from(0, batch.batch_size());
  }

  // One head of one text.
  void attend(const SequenceBatch& batch, std::size_t sequence, std::size_t head,
              WantedTokens wanted, MatrixView<Scalar> query_key_value, MatrixView<Scalar> context,
              Scalar* scratch) const {
    const std::size_t hidden_size = context.cols;
    const std::size_t head_dim = hidden_size / num_attention_heads_;
    const std::size_t length = batch.sequence_length(sequence);
    if (length == 0) return;
    const std::size_t num_queries = wanted == WantedTokens::first ? 1 : length;
    const auto head_of = [&](MatrixView<Scalar> rows, std::size_t column) {
      return MatrixView<Scalar>(rows.row(batch.start(sequence)) + column + head * head_dim, length,
                                head_dim, rows.stride);
    };
    const auto query = head_of(query_key_value, 0);
    const auto key = head_of(query_key_value, hidden_size);
    const auto value = head_of(query_key_value, 2 * hidden_size);
    const auto output = head_of(context, 0);
    positions_->apply(query, key, value);
    const Scalar scale = static_cast<Scalar>(1.0 / std::sqrt(static_cast<double>(head_dim)));
    if constexpr (std::same_as<Scalar, float>) {
      const simd::Kernels& kernels = simd::kernels();
      const bool in_int8 = query_key_value_.is_int8() && length >= kInt8Tokens &&
                           head_dim >= kInt8Width && length <= simd::kMostInt8Keys;
      const auto attention = in_int8 ? kernels.attention_int8 : kernels.attention;
      attention({.query = query.data,
                 .key = key.data,
                 .value = value.data,
                 .stride = query.stride,
                 .length = length,
                 .head_dim = head_dim,
                 .first_row = 0,
                 .last_row = num_queries,
                 .scale = scale,
                 .context = output.data,
                 .context_stride = output.stride,
                 .scratch = scratch});
    } else {
      RowMajorMatrix<Scalar> scores =
          as_eigen(query.rows_from(0, num_queries)) * as_eigen(key).transpose() * scale;
      for (Eigen::Index r = 0; r < scores.rows(); ++r) {
        auto row = scores.row(r);
        row = (row.array() - row.maxCoeff()).exp().matrix().eval();
        row /= row.sum();
      }
      as_eigen(output.rows_from(0, num_queries)) = scores * as_eigen(value);
    }
  }

  Linear<Scalar> query_key_value_;
  Linear<Scalar> output_;
  LayerNorm<Scalar> output_layer_norm_;
  std::size_t num_attention_heads_;
  const Positions* positions_;  // shared by the layers of a model, which owns it
};

}  // namespace semblance
