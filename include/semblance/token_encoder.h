#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/core/function_ref.h"
#include "semblance/core/object_pool.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/layers/sequence_groups.h"
#include "semblance/layers/workspace.h"
#include "semblance/models/encoder_model.h"
#include "semblance/pooling/embedding_head.h"
#include "semblance/pooling/normalize.h"
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

// The second half of the way: ids become hidden states, hidden states become vectors, for any
// number of texts, in groups that share out over the threads.
class TokenEncoder {
 public:
  explicit TokenEncoder(const EncoderModel<float>& encoder)
      : encoder_(encoder), position_weights_(encoder.sizes().max_position_embeddings) {
    std::iota(position_weights_.begin(), position_weights_.end(), 1.0f);
  }

  // Tokens that go through the encoder together at most, unless one text alone is longer.
  static constexpr std::size_t kTokenBudget = 512;

  // Room that one call of encode() works in.
  struct Scratch {
    SequenceGroups groups;
  };

  //   batch, input_ids  the texts
  //   batch_size        most texts in a group
  //   embeddings        [batch.batch_size(), plan.dim], out, in the order of the texts
  //   before_group      called before each group; what it throws ends the work
  //   after_group       called after each group with its number of texts, on any thread
  void encode(const SequenceBatch& batch, std::span<const std::int32_t> input_ids,
              const PoolingPlan& plan, std::size_t batch_size, float* embeddings, Scratch& scratch,
              Executor& executor, FunctionRef<void()> before_group,
              FunctionRef<void(std::size_t)> after_group) const {
    SequenceGroups& groups = scratch.groups;
    const auto run = [&](std::size_t g, Executor& inner) {
      before_group();
      run_group({batch, input_ids, plan, embeddings}, groups[g], inner);
      after_group(groups[g].size());
    };
    const std::size_t concurrency = executor.concurrency();
    groups.plan(batch, batch_size, kTokenBudget, concurrency);
    if (concurrency > 1 && !groups.unbalanced(concurrency)) {
      executor.run(groups.size(), [&](std::size_t g) {
        InlineExecutor alone;
        run(g, alone);
      });
      return;
    }
    // Few or very unequal texts: all threads share the work of one group.
    groups.plan(batch, batch_size, kTokenBudget, 1);
    for (std::size_t g = 0; g < groups.size(); ++g) run(g, executor);
  }

 private:
  struct Call {
    const SequenceBatch& batch;
    std::span<const std::int32_t> input_ids;
    const PoolingPlan& plan;
    float* embeddings;
  };
  // What the thread that runs a group needs.
  struct GroupScratch {
    Workspace<float> workspace;
    std::vector<std::int32_t> input_ids;
    std::vector<std::size_t> starts;
    std::vector<std::size_t> row_starts;
    AlignedBuffer<float> pooled;
    AlignedBuffer<float> spare;
    AlignedBuffer<float> level;
  };

  void run_group(const Call& call, std::span<const std::uint32_t> texts, Executor& executor) const;
  void pool_level(Pooling pooling, const SequenceBatch& batch,
                  MatrixView<const float> hidden_states, std::size_t first_token,
                  MatrixView<float> rows) const;

  const EncoderModel<float>& encoder_;
  std::vector<float> position_weights_;  // 1, 2, 3 ...
  mutable ObjectPool<GroupScratch> group_scratch_;
};

inline void TokenEncoder::run_group(const Call& call, std::span<const std::uint32_t> texts,
                                    Executor& executor) const {
  const auto scratch = group_scratch_.borrow();
  scratch->input_ids.clear();
  scratch->starts.assign(1, 0);
  for (const std::uint32_t text : texts) {
    const auto ids =
        call.input_ids.subspan(call.batch.start(text), call.batch.sequence_length(text));
    scratch->input_ids.insert(scratch->input_ids.end(), ids.begin(), ids.end());
    scratch->starts.push_back(scratch->input_ids.size());
  }
  const SequenceBatch batch(scratch->starts);

  const PoolingPlan& plan = call.plan;
  const std::size_t hidden_size = encoder_.sizes().hidden_size;
  const std::size_t num_layers = encoder_.sizes().num_hidden_layers;
  const std::size_t pooled_size = hidden_size * plan.poolings.size();
  const std::size_t widest = plan.head != nullptr ? plan.head->widest(pooled_size) : pooled_size;
  scratch->pooled.reserve_discarding(texts.size() * widest);
  scratch->spare.reserve_discarding(texts.size() * widest);
  const std::size_t level_size =
      plan.whitening == nullptr ? hidden_size : std::max(hidden_size, plan.whitening->dimensions());
  scratch->level.reserve_discarding(texts.size() * level_size);
  const MatrixView<float> pooled(scratch->pooled.data(), texts.size(), pooled_size, widest);
  const MatrixView<float> spare(scratch->spare.data(), texts.size(), widest);
  const MatrixView<float> level(scratch->level.data(), texts.size(), hidden_size);

  // The averages over two levels meet one of them on the way.
  std::size_t kept_level = num_layers + 1;
  for (const Pooling pooling : plan.poolings) {
    if (pooling == Pooling::first_last_avg) kept_level = 1;
    if (pooling == Pooling::last_two_avg) kept_level = num_layers - 1;
  }
  const auto keep_level = [&](std::size_t number, MatrixView<const float> hidden_states) {
    if (number == kept_level) pool_level(Pooling::mean, batch, hidden_states, 0, level);
  };
  const WantedTokens wanted = plan.wanted_tokens(batch);
  const MatrixView<const float> last_hidden_state =
      encoder_.forward(batch, scratch->input_ids, {}, scratch->workspace, executor,
                       HiddenStatesObserver<float>(keep_level), wanted);
  // Which of its rows belong to which text.
  if (wanted == WantedTokens::first) {
    scratch->row_starts.resize(scratch->starts.size());
    std::iota(scratch->row_starts.begin(), scratch->row_starts.end(), std::size_t{0});
  }
  const SequenceBatch last_rows(wanted == WantedTokens::first ? scratch->row_starts
                                                              : scratch->starts);

  for (std::size_t p = 0; p < plan.poolings.size(); ++p) {
    const MatrixView<float> rows(pooled.data + p * hidden_size, texts.size(), hidden_size, widest);
    switch (const Pooling pooling = plan.poolings[p]) {
      case Pooling::pooler_output: {
        const MatrixView<float> cls(spare.data, texts.size(), hidden_size, widest);
        pool_level(Pooling::cls, last_rows, last_hidden_state, 0, cls);
        encoder_.pool(cls, rows, executor);
        break;
      }
      case Pooling::first_last_avg:
      case Pooling::last_two_avg:
        pool_level(Pooling::mean, last_rows, last_hidden_state, 0, rows);
        for (std::size_t i = 0; i < texts.size(); ++i) {
          std::transform(rows.row(i), rows.row(i) + hidden_size, level.row(i), rows.row(i),
                         [](float a, float b) { return (a + b) / 2.0f; });
        }
        break;
      default: pool_level(pooling, last_rows, last_hidden_state, plan.num_prompt_tokens, rows);
    }
  }

  MatrixView<float> vectors = pooled;
  if (plan.head != nullptr) {
    vectors = plan.head->forward(pooled, spare, plan.head_normalizes, executor);
  }
  if (plan.whitening != nullptr) {
    const MatrixView<float> whitened(scratch->level.data(), texts.size(),
                                     plan.whitening->dimensions());
    vectors.cols = plan.whitening->input_size();
    plan.whitening->apply_overwriting(vectors, whitened);
    vectors = whitened;
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::span<float> embedding(call.embeddings + texts[i] * plan.dim, plan.dim);
    std::copy_n(vectors.row(i), plan.dim, embedding.data());
    if (plan.normalize) normalize(embedding);
  }
}

inline void TokenEncoder::pool_level(Pooling pooling, const SequenceBatch& batch,
                                     MatrixView<const float> hidden_states, std::size_t first_token,
                                     MatrixView<float> rows) const {
  for (std::size_t i = 0; i < batch.batch_size(); ++i) {
    pool_tokens(pooling, hidden_states.rows_from(batch.start(i), batch.sequence_length(i)),
                first_token, position_weights_, rows.row_span(i));
  }
}

}  // namespace semblance
