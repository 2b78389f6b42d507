#include "semblance/layers/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "layers/plain_layers.h"
#include "semblance/core/thread_pool.h"
#include "semblance/layers/embeddings.h"
#include "semblance/layers/encoder_layer.h"
#include "semblance/layers/sequence_groups.h"
#include "support/allocations.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::RandomValues;

TEST(PaddedStride, IsAnOddNumberOfCacheLinesThatHoldsTheColumns) {
  for (std::size_t cols = 0; cols < 500; ++cols) {
    const std::size_t floats = padded_stride<float>(cols);
    EXPECT_GE(floats, cols);
    EXPECT_LT(floats, cols + 3 * 16);
    EXPECT_EQ(floats % 16, 0u);
    EXPECT_EQ(floats / 16 % 2, 1u);
    const std::size_t doubles = padded_stride<double>(cols);
    EXPECT_GE(doubles, cols);
    EXPECT_EQ(doubles / 8 % 2, 1u);
  }
  EXPECT_EQ(padded_stride<float>(768), 49u * 16);
}

template <class Scalar>
class WorkspaceOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(WorkspaceOf, Scalars);

TYPED_TEST(WorkspaceOf, GivesAlignedMatricesThatDoNotOverlap) {
  const std::vector<std::size_t> starts{0, 3, 10};
  Workspace<TypeParam> workspace;
  workspace.prepare(
      {.embedding_size = 20, .hidden_size = 24, .intermediate_size = 50, .head_dim = 8},
      SequenceBatch(starts), 2);
  const std::pair<MatrixView<TypeParam>, std::size_t> views[] = {{workspace.embedding(), 20},
                                                                 {workspace.hidden(), 24},
                                                                 {workspace.query_key_value(), 72},
                                                                 {workspace.context(), 24},
                                                                 {workspace.intermediate(), 50}};
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges;
  for (const auto& [view, cols] : views) {
    EXPECT_EQ(view.rows, 10u);
    EXPECT_EQ(view.cols, cols);
    EXPECT_EQ(view.stride, padded_stride<TypeParam>(cols));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view.data) % 64, 0u);
    ranges.emplace_back(reinterpret_cast<std::uintptr_t>(view.data),
                        reinterpret_cast<std::uintptr_t>(view.data + view.rows * view.stride));
    for (std::size_t r = 0; r < view.rows; ++r) {
      for (TypeParam& value : view.row_span(r)) value = static_cast<TypeParam>(cols);
    }
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_LE(ranges[i - 1].second, ranges[i].first);
}

TEST(Workspace, HasScratchForTheLongestTextInEachSlice) {
  const std::vector<std::size_t> starts{0, 3, 40, 41};
  Workspace<float> workspace;
  workspace.prepare({.hidden_size = 24, .head_dim = 8}, SequenceBatch(starts), 3);
  const std::size_t wanted = simd::kernels().attention_scratch(37, 8);
  for (std::size_t slice = 0; slice < 3; ++slice) {
    float* scratch = workspace.attention_scratch(slice);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(scratch) % 64, 0u);
    if (slice != 0) {
      EXPECT_GE(scratch, workspace.attention_scratch(slice - 1) + wanted);
    }
    std::fill_n(scratch, wanted, 1.0f);  // the address sanitizer checks the end
  }
}

TEST(Workspace, GrowsForALargerBatchAndAllocatesNothingForASmallerOne) {
  const Workspace<float>::Sizes sizes{
      .embedding_size = 16, .hidden_size = 24, .intermediate_size = 50, .head_dim = 8};
  const std::vector<std::size_t> large{0, 30, 64}, small{0, 5, 9, 20};
  Workspace<float> workspace;
  workspace.prepare(sizes, SequenceBatch(small), 1);
  workspace.prepare(sizes, SequenceBatch(large), 2);
  EXPECT_EQ(workspace.hidden().rows, 64u);
  const std::size_t before = testing::num_allocations;
  workspace.prepare(sizes, SequenceBatch(small), 2);
  EXPECT_EQ(workspace.hidden().rows, 20u);
  workspace.prepare(sizes, SequenceBatch(large), 1);
  EXPECT_EQ(workspace.hidden().rows, 64u);
  EXPECT_EQ(testing::num_allocations, before);
}

// Groups, embeddings and an encoder layer over a batch no larger than one before.
TEST(Workspace, ForwardPassOfASizeMetBeforeAllocatesNothing) {
  constexpr std::size_t kHidden = 48, kIntermediate = 96, kEmbedding = 32;
  RandomValues random(1, 0.25f);
  struct Case {
    DType dtype;
    Precision precision;
  };
  for (const auto& [dtype, wanted] :
       {Case{DType::f32, Precision::f32}, Case{DType::f16, Precision::f16},
        Case{DType::f32, Precision::int8}}) {
    const Precision precision = wanted;  // clang 14 captures no structured binding
    const testing::StoredTensor word({50, kEmbedding}, random, dtype);
    const testing::StoredTensor position({64, kEmbedding}, random, dtype);
    const testing::RandomLayerNorm norm(kEmbedding, random);
    const testing::RandomLinear projection(kHidden, kEmbedding, random);
    const testing::RandomEncoderLayer parameters(kHidden, kIntermediate, 3, random);
    ThreadPool pool(2);
    ThreadPool::Team team(pool, 2);
    const Embeddings<float> embeddings({.word = word.view(),
                                        .position = position.view(),
                                        .token_type = {},
                                        .task_type = {},
                                        .layer_norm = norm.parameters(),
                                        .projection = projection.parameters()},
                                       team);
    const RotaryPositions<float> positions(64, kHidden / 3, true);
    EncoderLayerParameters layer_parameters = parameters.parameters();
    for (LinearParameters* linear :
         {&layer_parameters.attention.query, &layer_parameters.attention.key,
          &layer_parameters.attention.value, &layer_parameters.attention.output,
          &layer_parameters.feed_forward.intermediate, &layer_parameters.feed_forward.output}) {
      linear->precision = precision;
    }
    const EncoderLayer<float, Gelu, RotaryPositions<float>> layer(layer_parameters, &positions,
                                                                  team);
    const std::vector<std::size_t> large{0, 20, 64, 70}, small{0, 1, 44, 60};
    std::vector<std::int32_t> ids(large.back());
    for (auto& id : ids) id = static_cast<std::int32_t>(random.index(50));
    SequenceGroups groups;
    Workspace<float> workspace;
    const auto forward = [&](const std::vector<std::size_t>& starts) {
      const SequenceBatch batch(starts);
      groups.plan(batch, 2, 32, team.concurrency());
      workspace.prepare({.embedding_size = kEmbedding,
                         .hidden_size = kHidden,
                         .intermediate_size = kIntermediate,
                         .head_dim = kHidden / 3,
                         .int8 = precision == Precision::int8},
                        batch, team.concurrency());
      embeddings.forward(batch, std::span(ids).first(starts.back()), {}, workspace.embedding(),
                         workspace.hidden(), team);
      layer.forward(batch, workspace.hidden(), workspace, team);
    };
    forward(large);
    const std::size_t before = testing::num_allocations;
    forward(large);
    forward(small);
    EXPECT_EQ(testing::num_allocations, before) << name_of(precision);
  }
}

TEST(Workspace, CountsAllocationsAtAll) {
  const std::size_t before = testing::num_allocations;
  const AlignedBuffer<float> buffer(10);
  EXPECT_EQ(testing::num_allocations, before + 1);
}

}  // namespace
}  // namespace semblance
