#include "semblance/core/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace semblance {
namespace {

// Code points and lengths of a whole text.
std::vector<std::pair<char32_t, std::uint32_t>> decode_all(std::string_view text) {
  std::vector<std::pair<char32_t, std::uint32_t>> result;
  while (!text.empty()) {
    const DecodedCodePoint c = decode_utf8(text);
    result.emplace_back(c.value, c.length);
    text.remove_prefix(c.length);
  }
  return result;
}
using Decoded = std::vector<std::pair<char32_t, std::uint32_t>>;

TEST(Utf8, EveryScalarValueGoesThereAndBack) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(c, text);
    const DecodedCodePoint decoded = decode_utf8(text);
    ASSERT_EQ(decoded.value, c);
    ASSERT_EQ(decoded.length, text.size());
    ASSERT_EQ(find_invalid_utf8(text), text.size());
  }
}

TEST(Utf8, EachMaximalIllFormedPartBecomesOneReplacementCharacter) {
  // The example of the Unicode standard, table 3-8, among others.
  EXPECT_EQ(decode_all("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            (Decoded{{'a', 1},
                     {0xFFFD, 3},
                     {0xFFFD, 2},
                     {0xFFFD, 1},
                     {'b', 1},
                     {0xFFFD, 1},
                     {'c', 1},
                     {0xFFFD, 1},
                     {0xFFFD, 1},
                     {'d', 1}}));
  EXPECT_EQ(decode_all("\xC0\xAF\xE0\x80\xBF"),
            (Decoded{{0xFFFD, 1}, {0xFFFD, 1}, {0xFFFD, 1}, {0xFFFD, 1}, {0xFFFD, 1}}));
  EXPECT_EQ(decode_all("\xED\xA0\x80"), (Decoded{{0xFFFD, 1}, {0xFFFD, 1}, {0xFFFD, 1}}));
  EXPECT_EQ(decode_all("\xF4\x90\x80\x80"),
            (Decoded{{0xFFFD, 1}, {0xFFFD, 1}, {0xFFFD, 1}, {0xFFFD, 1}}));
  EXPECT_EQ(decode_all("\xF5\xFF"), (Decoded{{0xFFFD, 1}, {0xFFFD, 1}}));
}

TEST(Utf8, ATextCutAnywhereNeverReadsPastItsEnd) {
  const std::string whole = "\xF0\x9F\x98\x80";
  for (std::uint32_t length = 1; length < 4; ++length) {
    const std::vector<char> cut(whole.begin(), whole.begin() + length);
    EXPECT_EQ(decode_all({cut.data(), cut.size()}), (Decoded{{0xFFFD, length}}));
  }
}

TEST(Utf8, FindsTheFirstInvalidByteAndTakesARealReplacementCharacter) {
  EXPECT_EQ(find_invalid_utf8("ab\xEF\xBF\xBD\xFFz"), 5U);
  EXPECT_EQ(find_invalid_utf8("ab\xEF\xBF"), 2U);
  EXPECT_EQ(find_invalid_utf8(""), 0U);
  EXPECT_EQ(find_invalid_utf8("\xF0\x9F\x98"), 0U);
}

}  // namespace
}  // namespace semblance
