#include "semblance/text/added_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace semblance {
namespace {

using Splits = std::vector<std::tuple<std::size_t, std::size_t, std::int32_t>>;

Splits splits(const AddedTokenMatcher& matcher, std::string_view text) {
  Splits result;
  matcher.for_each_split(text, [&](const AddedTokenMatcher::Split& split) {
    result.emplace_back(split.begin, split.end, split.id);
    return true;
  });
  return result;
}

TEST(AddedTokenMatcher, TakesTheLongestOfTheLeftmost) {
  const AddedTokenMatcher matcher({{"ab", 1, false, false, false},
                                   {"abc", 2, false, false, false},
                                   {"bcd", 3, false, false, false}});
  EXPECT_EQ(splits(matcher, "xabcdab"), (Splits{{0, 1, -1}, {1, 4, 2}, {4, 5, -1}, {5, 7, 1}}));
  EXPECT_EQ(splits(matcher, "abab"), (Splits{{0, 2, 1}, {2, 4, 1}}));
  EXPECT_EQ(splits(matcher, "x"), (Splits{{0, 1, -1}}));
  EXPECT_EQ(splits(matcher, ""), Splits{});
}

TEST(AddedTokenMatcher, ASingleWordHasNoWordCharacterBesideIt) {
  const AddedTokenMatcher matcher({{"ab", 1, true, false, false}});
  EXPECT_EQ(splits(matcher, "ab"), (Splits{{0, 2, 1}}));
  EXPECT_EQ(splits(matcher, "-ab-"), (Splits{{0, 1, -1}, {1, 3, 1}, {3, 4, -1}}));
  EXPECT_EQ(splits(matcher, "abab"), (Splits{{0, 4, -1}}));
  EXPECT_EQ(splits(matcher, "_ab"), (Splits{{0, 3, -1}}));
  EXPECT_EQ(splits(matcher,
                   "\xE4\xB8\xAD"
                   "ab"),
            (Splits{{0, 5, -1}}));
  EXPECT_EQ(splits(matcher,
                   "\xFF"
                   "ab\xFF"),
            (Splits{{0, 1, -1}, {1, 3, 1}, {3, 4, -1}}));
}

TEST(AddedTokenMatcher, StripsWhitespaceOnTheSidesAskedFor) {
  const AddedTokenMatcher matcher({{"L", 1, false, true, false}, {"R", 2, false, false, true}});
  EXPECT_EQ(splits(matcher, "a \xE3\x80\x80L b"), (Splits{{0, 1, -1}, {1, 6, 1}, {6, 8, -1}}));
  EXPECT_EQ(splits(matcher, "a R \xC2\xA0 b"), (Splits{{0, 2, -1}, {2, 7, 2}, {7, 8, -1}}));
  EXPECT_EQ(splits(matcher, "R L"), (Splits{{0, 2, 2}, {2, 3, 1}}));
}

TEST(AddedTokenMatcher, StopsWhenToldTo) {
  const AddedTokenMatcher matcher({{"a", 1, false, false, false}});
  int seen = 0;
  matcher.for_each_split("aaaa", [&](const AddedTokenMatcher::Split&) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
}

TEST(AddedTokenMatcher, RefusesPatternsThatAreEmptyTooLongOrGivenTwice) {
  using Patterns = std::vector<AddedTokenMatcher::Pattern>;
  const std::string longest(AddedTokenMatcher::kMaxTokenBytes, 'a');
  EXPECT_FALSE(AddedTokenMatcher(Patterns{{longest, 1, false, false, false}}).empty());
  EXPECT_THROW(AddedTokenMatcher(Patterns{{longest + "a", 1, false, false, false}}),
               std::invalid_argument);
  EXPECT_THROW(AddedTokenMatcher(Patterns{{"", 1, false, false, false}}), std::invalid_argument);
  EXPECT_THROW(
      AddedTokenMatcher(Patterns{{"a", 1, false, false, false}, {"a", 2, false, false, false}}),
      std::invalid_argument);
}

// Each of n such tokens in a row would take along all that follow it.
TEST(AddedTokenMatcher, RefusesWhitespaceAloneThatTakesWhitespaceAlong) {
  using Patterns = std::vector<AddedTokenMatcher::Pattern>;
  for (const std::string_view token : {" ", " \xE3\x80\x80"}) {
    EXPECT_THROW(AddedTokenMatcher(Patterns{{token, 1, false, false, true}}),
                 std::invalid_argument);
  }
  const AddedTokenMatcher left(Patterns{{" ", 1, false, true, false}});
  EXPECT_EQ(splits(left, "a  "), (Splits{{0, 1, -1}, {1, 2, 1}, {2, 3, 1}}));
  const AddedTokenMatcher mixed(Patterns{{" a", 1, false, false, true}});
  EXPECT_EQ(splits(mixed, " a  a"), (Splits{{0, 4, 1}, {3, 5, 1}}));
}

TEST(AssignIds, KnownTokensKeepTheirIdAndOthersFollowTheNumberOfTokens) {
  Vocabulary vocabulary;
  vocabulary.add("a", 0);
  vocabulary.add("b", 7);
  std::vector<AddedToken> tokens{{.content = "b"},
                                 {.content = "n"},
                                 {.content = ""},
                                 {.content = "m"},
                                 {.content = "n", .special = true}};
  EXPECT_EQ(assign_ids(tokens, vocabulary), (std::vector<std::int32_t>{7, 2, 3}));
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_TRUE(tokens[1].special);
}

TEST(AssignIds, OfTwoTokensWithOneIdTheLaterStays) {
  Vocabulary vocabulary;
  vocabulary.add("a", 0);
  vocabulary.add("b", 2);
  std::vector<AddedToken> tokens{{.content = "b"}, {.content = "n"}, {.content = "m"}};
  EXPECT_EQ(assign_ids(tokens, vocabulary), (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(tokens[0].content, "n");
  tokens = {{.content = "n"}, {.content = "m"}, {.content = "b"}};
  EXPECT_EQ(assign_ids(tokens, vocabulary), (std::vector<std::int32_t>{3, 2}));
  EXPECT_EQ(tokens[1].content, "b");
  tokens = {{.content = "b"}, {.content = "n"}, {.content = "b"}};
  EXPECT_EQ(assign_ids(tokens, vocabulary), (std::vector<std::int32_t>{2}));
}

}  // namespace
}  // namespace semblance
