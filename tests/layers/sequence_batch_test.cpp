#include "semblance/layers/sequence_batch.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace semblance {
namespace {

TEST(SequenceBatch, KnowsWhichRowsBelongToWhichText) {
  const std::vector<std::size_t> starts{0, 3, 3, 10};
  const SequenceBatch batch(starts);
  EXPECT_EQ(batch.batch_size(), 3u);
  EXPECT_EQ(batch.num_tokens(), 10u);
  EXPECT_EQ(batch.start(2), 3u);
  EXPECT_EQ(batch.sequence_length(0), 3u);
  EXPECT_EQ(batch.sequence_length(1), 0u);
  EXPECT_EQ(batch.sequence_length(2), 7u);
  EXPECT_EQ(batch.longest(), 7u);
}

TEST(SequenceBatch, MayHoldNoTexts) {
  const std::vector<std::size_t> starts{0};
  const SequenceBatch batch(starts);
  EXPECT_EQ(batch.batch_size(), 0u);
  EXPECT_EQ(batch.num_tokens(), 0u);
  EXPECT_EQ(batch.longest(), 0u);
}

TEST(SequenceBatch, RefusesStartsThatAreNone) {
  for (const std::vector<std::size_t>& starts :
       {std::vector<std::size_t>{}, {1}, {3, 5}, {0, 10, 5}, {0, 3, 3, 2, 8}}) {
    EXPECT_THROW(SequenceBatch{starts}, std::invalid_argument);
  }
}

}  // namespace
}  // namespace semblance
