#include "semblance/text/token_trie.h"

#include <gtest/gtest.h>

#include <ctime>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace semblance {
namespace {

using Strings = std::vector<std::pair<std::string_view, std::int32_t>>;

TokenTrie::Match longest(const TokenTrie& trie, std::string_view text) {
  return trie.longest(TokenTrie::kRoot, text);
}

TEST(TokenTrie, FindsTheLongestStringAtTheFront) {
  const TokenTrie trie(Strings{{"a", 1}, {"abc", 2}, {"b", 3}, {"abcde", 4}});
  EXPECT_EQ(longest(trie, "abcdf").length, 3U);
  EXPECT_EQ(longest(trie, "abcdf").value, 2);
  EXPECT_EQ(longest(trie, "ab").value, 1);
  EXPECT_EQ(longest(trie, "abcde").value, 4);
  EXPECT_EQ(longest(trie, "cab").length, 0U);
  EXPECT_EQ(longest(trie, "").length, 0U);
}

TEST(TokenTrie, GoesOnFromAPrefix) {
  const TokenTrie trie(Strings{{"##a", 1}, {"##ab", 2}, {"a", 3}});
  const auto prefix = trie.walk(TokenTrie::kRoot, "##");
  ASSERT_TRUE(prefix.has_value());
  EXPECT_EQ(trie.longest(*prefix, "abc").value, 2);
  EXPECT_EQ(trie.longest(*prefix, "b").length, 0U);
  EXPECT_FALSE(trie.walk(TokenTrie::kRoot, "@").has_value());
}

TEST(TokenTrie, AnEmptyOneFindsNothing) {
  EXPECT_EQ(longest(TokenTrie(), "abc").length, 0U);
  EXPECT_TRUE(TokenTrie().walk(TokenTrie::kRoot, "").has_value());
}

TEST(TokenTrie, RefusesAStringGivenTwice) {
  EXPECT_THROW(TokenTrie(Strings{{"a", 1}, {"a", 2}}), std::invalid_argument);
}

TEST(TokenTrie, OfOneLongStringIsBuiltInNoTime) {
  for (const char* piece : {"\xE9\xBE\xA5", "a", "\xFF"}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    const std::clock_t begin = std::clock();
    const TokenTrie trie(Strings{{text, 7}});
    // A walk over the whole chain for each of its nodes takes minutes.
    EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 5);
    EXPECT_EQ(longest(trie, text).value, 7);
  }
}

TEST(TokenTrie, AgreesWithAMapOverRandomStringsOfAllBytes) {
  std::mt19937_64 random(3);
  for (const unsigned alphabet : {2U, 4U, 256U}) {
    std::map<std::string, std::int32_t> map;
    const auto draw = [&](std::size_t longest_string) {
      std::string text;
      for (auto n = random() % longest_string + 1; n > 0; --n) {
        text += static_cast<char>(random() % alphabet);
      }
      return text;
    };
    for (std::int32_t i = 0; i < 3000; ++i) map.emplace(draw(8), i);
    Strings strings(map.begin(), map.end());
    std::shuffle(strings.begin(), strings.end(), random);
    const TokenTrie trie(strings);
    for (const auto& [text, value] : map) {
      ASSERT_EQ(longest(trie, text).length, text.size());
      ASSERT_EQ(longest(trie, text).value, value);
    }
    for (int i = 0; i < 20000; ++i) {
      const std::string text = draw(12);
      TokenTrie::Match expected;
      for (std::size_t n = 1; n <= text.size(); ++n) {
        const auto found = map.find(text.substr(0, n));
        if (found != map.end()) expected = {n, found->second};
      }
      const TokenTrie::Match match = longest(trie, text);
      ASSERT_EQ(match.length, expected.length);
      ASSERT_EQ(match.value, expected.value);
    }
  }
}

}  // namespace
}  // namespace semblance
