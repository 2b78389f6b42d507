#pragma once

#include <cstddef>

#include "semblance/core/executor.h"
#include "semblance/layers/feed_forward.h"
#include "semblance/layers/self_attention.h"

namespace semblance {

struct EncoderLayerParameters {
  SelfAttentionParameters attention;
  FeedForwardParameters feed_forward;
};

// One layer of a BERT encoder (Devlin et al. 2019): self-attention, then feed-forward, each with
// residual and layer norm after it. Scalar float runs on the kernel table, double on plain Eigen as
// the reference that tests compare with.
template <LayerScalar Scalar, ActivationFunction Activation, class Positions>
requires PositionEncoding<Positions, Scalar>
class EncoderLayer {
 public:
  EncoderLayer(const EncoderLayerParameters& parameters, const Positions* positions,
               Executor& executor, Activation activation = {})
      : attention_(parameters.attention, positions, executor),
        feed_forward_(parameters.feed_forward, executor, activation) {}

  std::size_t byte_count() const noexcept {
    return attention_.byte_count() + feed_forward_.byte_count();
  }

  // hidden_states [num_tokens, hidden_size], in place. Returns the rows that are wanted, as
  // SelfAttention does.
  MatrixView<Scalar> forward(const SequenceBatch& batch, MatrixView<Scalar> hidden_states,
                             Workspace<Scalar>& workspace, Executor& executor,
                             WantedTokens wanted = WantedTokens::all) const {
    const MatrixView<Scalar> rows =
        attention_.forward(batch, hidden_states, workspace, executor, wanted);
    feed_forward_.forward(rows, workspace, executor);
    return rows;
  }

 private:
  SelfAttention<Scalar, Positions> attention_;
  FeedForward<Scalar, Activation> feed_forward_;
};

}  // namespace semblance
