#include "semblance/text/vocabulary.h"

#include <gtest/gtest.h>

#include <string>

namespace semblance {
namespace {

TEST(Vocabulary, FindsWhatItWasGiven) {
  Vocabulary vocabulary;
  for (std::int32_t i = 0; i < 5000; ++i) vocabulary.add("token" + std::to_string(i), i * 2);
  EXPECT_EQ(vocabulary.size(), 5000U);
  EXPECT_EQ(vocabulary.id_limit(), 9999U);
  for (std::int32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(vocabulary.id("token" + std::to_string(i)), i * 2);
  }
  EXPECT_EQ(vocabulary.id("token5000"), std::nullopt);
  EXPECT_EQ(vocabulary.id(""), std::nullopt);
  EXPECT_EQ(vocabulary[1].first, "token1");
  EXPECT_EQ(vocabulary[1].second, 2);
}

TEST(Vocabulary, ATokenGivenAgainTakesTheNewId) {
  Vocabulary vocabulary;
  vocabulary.add("a", 0);
  vocabulary.add("b", 1);
  vocabulary.add("a", 2);
  EXPECT_EQ(vocabulary.id("a"), 2);
  EXPECT_EQ(vocabulary.size(), 2U);
  EXPECT_EQ(vocabulary.id_limit(), 3U);
}

TEST(Vocabulary, TakesAnyBytesButNoNegativeId) {
  Vocabulary vocabulary;
  vocabulary.add("", 0);
  vocabulary.add(std::string(1, '\0'), 1);
  vocabulary.add("\xFF", 2);
  EXPECT_EQ(vocabulary.id(""), 0);
  EXPECT_EQ(vocabulary.id(std::string(1, '\0')), 1);
  EXPECT_EQ(vocabulary.id("\xFF"), 2);
  EXPECT_THROW(vocabulary.add("x", -1), std::invalid_argument);
}

TEST(Vocabulary, AnEmptyOneHasNoIds) {
  EXPECT_EQ(Vocabulary().id("a"), std::nullopt);
  EXPECT_EQ(Vocabulary().id_limit(), 0U);
}

}  // namespace
}  // namespace semblance
