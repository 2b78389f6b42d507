#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "semblance/core/executor.h"
#include "semblance/core/function_ref.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/layers/workspace.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Called with each level of hidden states, [num_tokens, hidden_size]: level 0 is what the
// embeddings gave, level n the output of layer n, as hidden_states[n] of the reference. The view is
// good only during the call.
template <LayerScalar Scalar>
using HiddenStatesObserver = FunctionRef<void(std::size_t level, MatrixView<const Scalar>)>;

struct EncoderSizes {
  std::size_t vocab_size = 0;
  std::size_t type_vocab_size = 0;
  std::size_t max_position_embeddings = 0;
  std::size_t hidden_size = 0;
  std::size_t num_hidden_layers = 0;
};

// An encoder: ids in, hidden states out. Immutable once loaded; forward() may run on many threads
// at once, each with its own workspace.
template <LayerScalar Scalar>
class EncoderModel {
 public:
  virtual ~EncoderModel() = default;

  virtual const EncoderSizes& sizes() const noexcept = 0;

  // Runs the texts of `batch` and returns last_hidden_state [num_tokens, hidden_size], which lives
  // in the workspace until its next use. A text has the same bits in any batch and with any
  // executor. With WantedTokens::first it is the rows of the texts' first tokens alone,
  // [batch_size, hidden_size], and so is the last level that the observer sees; every text then
  // needs a token.
  //   input_ids       [num_tokens]
  //   token_type_ids  [num_tokens], or empty for all 0
  // Throws std::invalid_argument when an id is outside its table, the counts disagree, a text is
  // longer than max_position_embeddings or has no first token where it is wanted.
  virtual MatrixView<const Scalar> forward(const SequenceBatch& batch,
                                           std::span<const std::int32_t> input_ids,
                                           std::span<const std::int32_t> token_type_ids,
                                           Workspace<Scalar>& workspace, Executor& executor,
                                           HiddenStatesObserver<Scalar> observer,
                                           WantedTokens wanted) const = 0;

  MatrixView<const Scalar> forward(const SequenceBatch& batch,
                                   std::span<const std::int32_t> input_ids,
                                   std::span<const std::int32_t> token_type_ids,
                                   Workspace<Scalar>& workspace, Executor& executor) const {
    const auto ignore = [](std::size_t, MatrixView<const Scalar>) {};
    return forward(batch, input_ids, token_type_ids, workspace, executor,
                   HiddenStatesObserver<Scalar>(ignore), WantedTokens::all);
  }

  // BERT's pooler over the first token: tanh(cls W^T + b), without the tanh where the configuration
  // says pooler_activation linear.
  virtual bool has_pooler() const noexcept = 0;
  // Only where has_pooler().
  //   cls            [batch_size, hidden_size]
  //   pooler_output  [batch_size, hidden_size], may not alias cls
  virtual void pool(MatrixView<const Scalar> cls, MatrixView<Scalar> pooler_output,
                    Executor& executor) const = 0;

  // Bytes of the packed matrices and of the biases, of the layers and the pooler.
  virtual std::size_t byte_count() const noexcept = 0;
};

}  // namespace semblance
