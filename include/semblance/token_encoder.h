#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/function_ref.h"
#include "semblance/core/object_pool.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/layers/sequence_groups.h"
#include "semblance/layers/workspace.h"
#include "semblance/models/encoder_model.h"
#include "semblance/pooling/normalize.h"
#include "semblance/pooling_pass.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// The second half of the way: ids become hidden states, hidden states become vectors, for any
// number of texts, in groups that share out over the threads.
class TokenEncoder {
 public:
  // `encoder` must outlive this.
  explicit TokenEncoder(const EncoderModel<float>& encoder)
      : encoder_(encoder), position_weights_(encoder.sizes().max_position_embeddings) {
    std::iota(position_weights_.begin(), position_weights_.end(), 1.0f);
  }

  // Tokens that go through the encoder together, about: a group may exceed it by one text.
  static constexpr std::size_t kTokenBudget = 256;

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
    if (concurrency > 1) {
      groups.plan(batch, batch_size, kTokenBudget, concurrency);
      if (!groups.unbalanced(concurrency)) {
        executor.run(groups.size(), [&](std::size_t g) {
          InlineExecutor alone;
          run(g, alone);
        });
        return;
      }
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
    PoolingPass::Scratch pooling;

    // Puts the ids of the texts one after the other.
    void gather(const Call& call, std::span<const std::uint32_t> texts) {
      input_ids.clear();
      starts.assign(1, 0);
      for (const std::uint32_t text : texts) {
        const auto ids =
            call.input_ids.subspan(call.batch.start(text), call.batch.sequence_length(text));
        input_ids.insert(input_ids.end(), ids.begin(), ids.end());
        starts.push_back(input_ids.size());
      }
    }
    // Which rows of the last hidden state belong to which text.
    SequenceBatch last_rows(WantedTokens wanted) {
      if (wanted == WantedTokens::all) return SequenceBatch(starts);
      row_starts.resize(starts.size());
      std::iota(row_starts.begin(), row_starts.end(), std::size_t{0});
      return SequenceBatch(row_starts);
    }
  };

  void run_group(const Call& call, std::span<const std::uint32_t> texts, Executor& executor) const;

  const EncoderModel<float>& encoder_;
  std::vector<float> position_weights_;  // 1, 2, 3 ...
  mutable ObjectPool<GroupScratch> group_scratch_;
};

inline void TokenEncoder::run_group(const Call& call, std::span<const std::uint32_t> texts,
                                    Executor& executor) const {
  const PoolingPlan& plan = call.plan;
  const auto scratch = group_scratch_.borrow();
  scratch->gather(call, texts);
  const SequenceBatch batch(scratch->starts);
  const PoolingPass pooling(encoder_, plan, texts.size(), position_weights_, scratch->pooling);
  const auto see_level = [&](std::size_t number, MatrixView<const float> hidden_states) {
    pooling.see_level(number, batch, hidden_states);
  };

  const WantedTokens wanted = plan.wanted_tokens(batch);
  const MatrixView<const float> last_hidden_state =
      encoder_.forward(batch, scratch->input_ids, {}, scratch->workspace, executor,
                       HiddenStatesObserver<float>(see_level), wanted);
  const MatrixView<const float> vectors =
      pooling.run(scratch->last_rows(wanted), last_hidden_state, executor);

  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::span<float> embedding(call.embeddings + texts[i] * plan.dim, plan.dim);
    std::copy_n(vectors.row(i), plan.dim, embedding.data());
    if (plan.normalize) normalize(embedding);
  }
}

}  // namespace semblance
