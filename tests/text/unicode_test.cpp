#include "semblance/text/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace semblance {
namespace {

std::u32string decomposed(char32_t c) {
  const CodePoints points = canonical_decomposition(c);
  return {points.begin(), points.end()};
}
std::u32string lowered(char32_t c) {
  const CodePoints points = to_lower(c);
  return {points.begin(), points.end()};
}

TEST(Unicode, DecomposesCanonicallyToTheEnd) {
  EXPECT_EQ(decomposed(U'a'), U"a");
  EXPECT_EQ(decomposed(0xE9), U"e\u0301");
  EXPECT_EQ(decomposed(0x1F82), std::u32string({0x3B1, 0x313, 0x300, 0x345}));
  EXPECT_EQ(decomposed(0xD55C), std::u32string({0x1112, 0x1161, 0x11AB}));
  EXPECT_EQ(decomposed(0xAC00), std::u32string({0x1100, 0x1161}));
  EXPECT_EQ(decomposed(0xF900), std::u32string({0x8C48}));
  EXPECT_EQ(decomposed(0xFB01), std::u32string({0xFB01}));    // a compatibility ligature stays
  EXPECT_EQ(decomposed(0x11938), std::u32string({0x11938}));  // younger than the reference's tables
}

TEST(Unicode, LowersEachCodePointByItself) {
  EXPECT_EQ(lowered(U'A'), U"a");
  EXPECT_EQ(lowered(0x130), std::u32string({0x69, 0x307}));
  EXPECT_EQ(lowered(0x3A3), std::u32string({0x3C3}));
  EXPECT_EQ(lowered(0x1E9E), std::u32string({0xDF}));
  EXPECT_EQ(lowered(0x10D50), std::u32string({0x10D70}));  // Unicode 16
  EXPECT_EQ(lowered(0xA7CB), std::u32string({0x264}));     // Unicode 16
  EXPECT_EQ(lowered(0x4E2D), std::u32string({0x4E2D}));
}

TEST(Unicode, KnowsTheCategoriesOfTheReferencesUnicode9) {
  EXPECT_TRUE(is_nonspacing_mark(0x301));
  EXPECT_TRUE(is_nonspacing_mark(0x1734));   // Mc since Unicode 14
  EXPECT_FALSE(is_nonspacing_mark(0x1ABF));  // Unicode 13
  EXPECT_FALSE(is_nonspacing_mark(0x93E));   // Mc
  EXPECT_TRUE(is_other(0xAD));
  EXPECT_TRUE(is_other(0xE000));
  EXPECT_TRUE(is_other(0x10FFFD));
  EXPECT_FALSE(is_other(0x10FFFF));  // unassigned
  EXPECT_FALSE(is_other(0x890));     // Unicode 14
  EXPECT_FALSE(is_other('\t'));
  EXPECT_TRUE(is_other(0));
  EXPECT_TRUE(is_other(0xE0001));
  EXPECT_TRUE(is_punctuation('$'));
  EXPECT_TRUE(is_punctuation(0x3002));
  EXPECT_FALSE(is_punctuation(0x20AC));  // a currency sign beyond ASCII
  EXPECT_FALSE(is_punctuation(0x61D));   // Unicode 14
  EXPECT_TRUE(is_punctuation(0x166D));   // So since Unicode 12
}

TEST(Unicode, WhitespaceIsThatOfThePropertyList) {
  for (const char32_t c : {U' ', U'\t', U'\v', char32_t{0x85}, char32_t{0xA0}, char32_t{0x1680},
                           char32_t{0x2028}, char32_t{0x3000}}) {
    EXPECT_TRUE(is_whitespace(c)) << static_cast<std::uint32_t>(c);
  }
  for (const char32_t c : {char32_t{0x1F}, char32_t{0x180E}, char32_t{0x200B}, char32_t{0xFEFF}}) {
    EXPECT_FALSE(is_whitespace(c)) << static_cast<std::uint32_t>(c);
  }
}

TEST(Unicode, WordCharactersAreLettersMarksDigitsAndConnectors) {
  for (const char32_t c : {U'a', U'_', U'7', char32_t{0x301}, char32_t{0x4E2D}, char32_t{0x24B6},
                           char32_t{0x200D}, char32_t{0x2160}, char32_t{0x2EBF0}}) {
    EXPECT_TRUE(is_word_character(c)) << static_cast<std::uint32_t>(c);
  }
  for (const char32_t c : {U'-', U' ', char32_t{0xB2}, char32_t{0x3002}, char32_t{0x1F600}}) {
    EXPECT_FALSE(is_word_character(c)) << static_cast<std::uint32_t>(c);
  }
}

TEST(Unicode, ChineseCharactersAreBertsBlocks) {
  for (const char32_t c : {char32_t{0x4E00}, char32_t{0x9FFF}, char32_t{0x3400}, char32_t{0xF900},
                           char32_t{0x2B920}, char32_t{0x2F800}}) {
    EXPECT_TRUE(is_chinese_character(c)) << static_cast<std::uint32_t>(c);
  }
  for (const char32_t c : {char32_t{0x3042}, char32_t{0xAC00}, char32_t{0x3007}, char32_t{0x2B820},
                           char32_t{0x30000}}) {
    EXPECT_FALSE(is_chinese_character(c)) << static_cast<std::uint32_t>(c);
  }
}

TEST(Unicode, CombiningClassesOrderMarks) {
  EXPECT_EQ(canonical_combining_class(0x301), 230);
  EXPECT_EQ(canonical_combining_class(0x327), 202);
  EXPECT_EQ(canonical_combining_class(0x302E), 224);
  EXPECT_EQ(canonical_combining_class('a'), 0);
  EXPECT_EQ(canonical_combining_class(0x1ABF), 0);  // younger than the reference's tables
}

}  // namespace
}  // namespace semblance
