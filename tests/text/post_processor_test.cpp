#include "semblance/text/post_processor.h"

#include <gtest/gtest.h>

#include <utility>

namespace semblance {
namespace {

using Lengths = std::pair<std::size_t, std::size_t>;

TEST(TruncateLongestFirst, KeepsWhatFits) {
  EXPECT_EQ(truncate_longest_first(3, 4, 7), Lengths(3, 4));
  EXPECT_EQ(truncate_longest_first(0, 0, 0), Lengths(0, 0));
}

TEST(TruncateLongestFirst, TakesFromTheLongerTextFirst) {
  EXPECT_EQ(truncate_longest_first(3, 20, 10), Lengths(3, 7));
  EXPECT_EQ(truncate_longest_first(20, 3, 10), Lengths(7, 3));
}

TEST(TruncateLongestFirst, HalvesTheLimitWhereBothAreLong) {
  EXPECT_EQ(truncate_longest_first(20, 20, 10), Lengths(5, 5));
  EXPECT_EQ(truncate_longest_first(20, 21, 11), Lengths(5, 6));
  EXPECT_EQ(truncate_longest_first(21, 20, 11), Lengths(6, 5));
  EXPECT_EQ(truncate_longest_first(8, 8, 3), Lengths(1, 2));
}

TEST(TruncateLongestFirst, OneTextAloneIsCut) {
  EXPECT_EQ(truncate_longest_first(9, 0, 4), Lengths(4, 0));
  EXPECT_EQ(truncate_longest_first(9, 0, 0), Lengths(0, 0));
}

TEST(PostProcessor, BertsTemplateHasTwoAndThreeSpecialTokens) {
  const PostProcessor bert = PostProcessor::bert("[CLS]", 2, "[SEP]", 3);
  EXPECT_EQ(num_special_tokens(bert.single), 2U);
  EXPECT_EQ(num_special_tokens(bert.pair), 3U);
  EXPECT_EQ(bert.pair.back().token_type_id, 1);
  EXPECT_EQ(num_special_tokens(PostProcessor{}.pair), 0U);
}

}  // namespace
}  // namespace semblance
