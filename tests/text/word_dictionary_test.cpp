#include "semblance/text/word_dictionary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <string_view>

#include "semblance/core/error.h"

namespace semblance {
namespace {

std::string error_of(std::string_view text) {
  try {
    WordDictionary::parse(text, "words.txt");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

TEST(WordDictionary, KeepsWordsWithTheLogarithmOfTheirShare) {
  const auto dictionary = WordDictionary::parse("ab 3 n\nb 1\n\ncd\t4\tv\n", "words.txt");
  EXPECT_EQ(dictionary.size(), 3U);
  EXPECT_TRUE(dictionary.contains("ab"));
  EXPECT_FALSE(dictionary.contains("a"));
  EXPECT_FALSE(dictionary.contains("abc"));
  EXPECT_FALSE(dictionary.contains(""));
  const auto ab = dictionary.narrow(dictionary.all_words(), "ab");
  ASSERT_TRUE(dictionary.is_word(ab));
  EXPECT_DOUBLE_EQ(dictionary.log_probability(ab.first), std::log(3.0 / 8.0));
  EXPECT_DOUBLE_EQ(dictionary.unknown_log_probability(), std::log(1.0 / 8.0));
}

TEST(WordDictionary, NarrowsToTheWordsWithAPrefix) {
  const auto dictionary = WordDictionary::parse("ab 1\na 1\nabc 1\nb 1\nac 1\n", "words.txt");
  auto range = dictionary.words_with(U'a', "a");
  EXPECT_TRUE(dictionary.is_word(range));
  EXPECT_EQ(range.last - range.first, 4U);
  range = dictionary.narrow(range, "b");
  EXPECT_TRUE(dictionary.is_word(range));
  EXPECT_EQ(range.last - range.first, 2U);
  range = dictionary.narrow(range, "d");
  EXPECT_EQ(range.first, range.last);
  EXPECT_FALSE(dictionary.is_word(range));
}

TEST(WordDictionary, FindsWordsByTheirFirstCharacterInEveryPlane) {
  const auto dictionary = WordDictionary::parse(
      "\xE4\xBD\xA0\xE5\xA5\xBD 1\n\xEF\xBF\xBF 1\n\xF0\xA0\x80\x80x 1\n\xF0\xA0\x80\x81 1\nz 1\n",
      "words.txt");
  const auto count = [&](char32_t c, std::string_view spelling) {
    const auto range = dictionary.words_with(c, spelling);
    return range.last - range.first;
  };
  EXPECT_EQ(count(U'z', "z"), 1U);
  EXPECT_EQ(count(U'y', "y"), 0U);
  EXPECT_EQ(count(0x4F60, "\xE4\xBD\xA0"), 1U);
  EXPECT_EQ(count(0xFFFF, "\xEF\xBF\xBF"), 1U);
  EXPECT_EQ(count(0x20000, "\xF0\xA0\x80\x80"), 1U);
  EXPECT_EQ(count(0x20001, "\xF0\xA0\x80\x81"), 1U);
  EXPECT_EQ(count(0x20002, "\xF0\xA0\x80\x82"), 0U);
}

TEST(WordDictionary, OfAWordThatComesTwiceTheLaterCountHolds) {
  const auto dictionary = WordDictionary::parse("a 7\nb 1\na 3\n", "words.txt");
  EXPECT_EQ(dictionary.size(), 2U);
  const auto a = dictionary.narrow(dictionary.all_words(), "a");
  EXPECT_DOUBLE_EQ(dictionary.log_probability(a.first), std::log(3.0 / 4.0));
}

TEST(WordDictionary, TakesAByteOrderMarkCarriageReturnsAndAMissingFinalNewline) {
  const auto dictionary = WordDictionary::parse(
      "\xEF\xBB\xBF"
      "a 1 n\r\n\r\nb 2",
      "words.txt");
  EXPECT_TRUE(dictionary.contains("a"));
  EXPECT_TRUE(dictionary.contains("b"));
}

TEST(WordDictionary, SaysTheLineThatIsWrong) {
  EXPECT_EQ(error_of("a 1\nb\n"),
            "words.txt: line 2: expected a word and its count, found nothing after \"b\"");
  EXPECT_EQ(error_of("a x 1\n"),
            "words.txt: line 1: expected a word and its count, found \"x\" for the count");
  EXPECT_EQ(error_of("a -1\n"),
            "words.txt: line 1: expected a word and its count, found \"-1\" for the count");
  EXPECT_EQ(error_of("a 1.5\n"),
            "words.txt: line 1: expected a word and its count, found \"1.5\" for the count");
  EXPECT_EQ(error_of("a 18446744073709551616\n"),
            "words.txt: line 1: expected a word and its count, found \"18446744073709551616\" for "
            "the count");
  EXPECT_EQ(error_of("\n\na 1 n n\n"),
            "words.txt: line 3: expected a word, its count and a tag, found a fourth column");
  EXPECT_EQ(error_of("ab\xC0 1\n"), "words.txt: line 1: expected UTF-8, found other bytes after 2");
  EXPECT_EQ(error_of(std::string(257, 'a') + " 1\n"),
            "words.txt: line 1: expected a word of at most 256 bytes, found 257");
}

TEST(WordDictionary, RefusesADictionaryThatSaysNothing) {
  EXPECT_EQ(error_of(""), "words.txt: expected a dictionary with at least one word, found none");
  EXPECT_EQ(error_of("\n\n"),
            "words.txt: expected a dictionary with at least one word, found none");
  EXPECT_EQ(error_of("a 0\nb 0\n"), "words.txt: expected a count above 0, found only counts of 0");
  EXPECT_EQ(error_of("a 18446744073709551615\nb 1\n"),
            "words.txt: expected counts whose sum fits 64 bits, found a larger sum");
}

}  // namespace
}  // namespace semblance
