#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/models/encoder_model.h"
#include "semblance/pooling/embedding_head.h"
#include "semblance/pooling/pooling.h"
#include "semblance/pooling/whitening_transform.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// How hidden states become a vector of `dim` values.
struct PoolingPlan {
  std::span<const Pooling> poolings;     // concatenated
  std::size_t num_prompt_tokens = 0;     // left out of the pooling
  const EmbeddingHead* head = nullptr;   // what follows, or nothing
  bool head_normalizes = true;           // false: its Normalize steps are skipped
  const Whitening* whitening = nullptr;  // then this, or nothing
  std::size_t dim = 0;                   // the first so many dimensions are kept
  bool normalize = false;                // at the very end

  WantedTokens wanted_tokens(const SequenceBatch& batch) const noexcept {
    const bool first = std::all_of(poolings.begin(), poolings.end(), [this](Pooling pooling) {
      return pooling == Pooling::pooler_output ||
             (pooling == Pooling::cls && num_prompt_tokens == 0);
    });
    return first && batch.has_first_tokens() ? WantedTokens::first : WantedTokens::all;
  }
};

// The steps of a plan up to the whitening, for the texts that go through the encoder together.
class PoolingPass {
 public:
  // Where the rows are between the steps. Grows on demand and is reused.
  struct Scratch {
    AlignedBuffer<float> pooled;
    AlignedBuffer<float> spare;
    AlignedBuffer<float> level;
  };

  //   num_texts         of the group, at least 1
  //   position_weights  1, 2, 3 ... for every position
  PoolingPass(const EncoderModel<float>& encoder, const PoolingPlan& plan, std::size_t num_texts,
              std::span<const float> position_weights, Scratch& scratch)
      : encoder_(encoder),
        plan_(plan),
        num_texts_(num_texts),
        hidden_size_(encoder.sizes().hidden_size),
        position_weights_(position_weights) {
    const std::size_t pooled_size = hidden_size_ * plan.poolings.size();
    widest_ = plan.head != nullptr ? plan.head->widest(pooled_size) : pooled_size;
    std::size_t level_size = hidden_size_;
    if (plan.whitening != nullptr) level_size = std::max(level_size, plan.whitening->dimensions());
    scratch.pooled.reserve_discarding(num_texts * widest_);
    scratch.spare.reserve_discarding(num_texts * widest_);
    scratch.level.reserve_discarding(num_texts * level_size);
    pooled_ = {scratch.pooled.data(), num_texts, pooled_size, widest_};
    spare_ = {scratch.spare.data(), num_texts, widest_};
    level_ = {scratch.level.data(), num_texts, hidden_size_};

    // The averages over two levels meet one of them on the way.
    const std::size_t num_layers = encoder.sizes().num_hidden_layers;
    kept_level_ = num_layers + 1;
    for (const Pooling pooling : plan.poolings) {
      if (pooling == Pooling::first_last_avg) kept_level_ = 1;
      if (pooling == Pooling::last_two_avg) kept_level_ = num_layers - 1;
    }
  }

  // To be told of the hidden states [tokens, hidden_size] of every level on the way.
  void see_level(std::size_t number, const SequenceBatch& batch,
                 MatrixView<const float> hidden_states) const {
    if (number == kept_level_) pool_tokens_of(Pooling::mean, batch, hidden_states, 0, level_);
  }

  // The vectors before the cut to plan.dim, one a row. They lie in the scratch.
  //   batch              which rows of last_hidden_state belong to which text
  //   last_hidden_state  [tokens, hidden_size]
  MatrixView<const float> run(const SequenceBatch& batch, MatrixView<const float> last_hidden_state,
                              Executor& executor) const {
    for (std::size_t p = 0; p < plan_.poolings.size(); ++p) {
      const MatrixView<float> rows(pooled_.data + p * hidden_size_, num_texts_, hidden_size_,
                                   widest_);
      pool(plan_.poolings[p], batch, last_hidden_state, rows, executor);
    }
    MatrixView<float> vectors = pooled_;
    if (plan_.head != nullptr) {
      vectors = plan_.head->forward(pooled_, spare_, plan_.head_normalizes, executor);
    }
    if (plan_.whitening == nullptr) return vectors;
    const MatrixView<float> whitened(level_.data, num_texts_, plan_.whitening->dimensions());
    vectors.cols = plan_.whitening->input_size();
    plan_.whitening->apply_overwriting(vectors, whitened);
    return whitened;
  }

 private:
  void pool(Pooling pooling, const SequenceBatch& batch, MatrixView<const float> last_hidden_state,
            MatrixView<float> rows, Executor& executor) const {
    switch (pooling) {
      case Pooling::pooler_output: {
        const MatrixView<float> cls(spare_.data, num_texts_, hidden_size_, widest_);
        pool_tokens_of(Pooling::cls, batch, last_hidden_state, 0, cls);
        encoder_.pool(cls, rows, executor);
        break;
      }
      case Pooling::first_last_avg:
      case Pooling::last_two_avg:
        pool_tokens_of(Pooling::mean, batch, last_hidden_state, 0, rows);
        for (std::size_t i = 0; i < num_texts_; ++i) {
          std::transform(rows.row(i), rows.row(i) + hidden_size_, level_.row(i), rows.row(i),
                         [](float a, float b) { return (a + b) / 2.0f; });
        }
        break;
      default: pool_tokens_of(pooling, batch, last_hidden_state, plan_.num_prompt_tokens, rows);
    }
  }

  void pool_tokens_of(Pooling pooling, const SequenceBatch& batch,
                      MatrixView<const float> hidden_states, std::size_t first_token,
                      MatrixView<float> rows) const {
    for (std::size_t i = 0; i < num_texts_; ++i) {
      pool_tokens(pooling, hidden_states.rows_from(batch.start(i), batch.sequence_length(i)),
                  first_token, position_weights_, rows.row_span(i));
    }
  }

  const EncoderModel<float>& encoder_;
  const PoolingPlan& plan_;
  std::size_t num_texts_;
  std::size_t hidden_size_;
  std::size_t widest_;      // row of pooled_ and spare_
  std::size_t kept_level_;  // none: beyond the last
  std::span<const float> position_weights_;
  MatrixView<float> pooled_;  // the poolings side by side
  MatrixView<float> spare_;
  MatrixView<float> level_;  // means of the kept level, then the whitened vectors
};

}  // namespace semblance
