#include "semblance/text/bert_normalizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace semblance {
namespace {

// The bytes [begin, end) that each code point of the normalized text is aligned to.
std::vector<std::pair<std::uint32_t, std::uint32_t>> alignments(
    const BertNormalizerOptions& options, std::string_view text) {
  NormalizedText normalized = decode_aligned(text);
  BertNormalizer(options).normalize(normalized);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> result;
  for (const AlignedCodePoint& c : normalized) result.emplace_back(c.begin, c.end);
  return result;
}
using Alignments = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

TEST(BertNormalizer, CleansSplitsStripsAndLowers) {
  const BertNormalizer normalizer({});
  EXPECT_EQ(normalizer.normalize("H\xC3\xA9llo\tW\xC2\xADorld\x01!"), "hello world!");
  EXPECT_EQ(normalizer.normalize("\xE4\xB8\xAD\xE5\x9B\xBD"), " \xE4\xB8\xAD  \xE5\x9B\xBD ");
  EXPECT_EQ(normalizer.normalize("\xC4\xB0"), "i");
}

TEST(BertNormalizer, AccentsFollowTheCaseUnlessSaidOtherwise) {
  const std::string text = "\xC3\x89";
  EXPECT_EQ(BertNormalizer({.lowercase = true}).normalize(text), "e");
  EXPECT_EQ(BertNormalizer({.lowercase = false}).normalize(text), text);
  EXPECT_EQ(BertNormalizer({.strip_accents = true, .lowercase = false}).normalize(text), "E");
  EXPECT_EQ(BertNormalizer({.strip_accents = false, .lowercase = true}).normalize(text),
            "\xC3\xA9");
}

TEST(BertNormalizer, LoweringFirstStripsNoAccents) {
  EXPECT_EQ(
      BertNormalizer({.lowercase_first = true, .lowercase = false}).normalize("\xC3\x89\xC4\xB0"),
      "\xC3\xA9i\xCC\x87");
}

TEST(BertNormalizer, WithoutCleanUpEverythingStays) {
  const std::string text = "a\x01\tb\xEF\xBF\xBD";
  EXPECT_EQ(BertNormalizer({.clean_text = false}).normalize(text), text);
  EXPECT_EQ(BertNormalizer({.clean_text = false}).normalize("\xFF"), "\xEF\xBF\xBD");
}

TEST(BertNormalizer, WhatACodePointBecomesIsAlignedToItsBytes) {
  EXPECT_EQ(alignments({}, "a\xC3\xA9\x01z"), (Alignments{{0, 1}, {1, 3}, {4, 5}}));
  EXPECT_EQ(alignments({}, "x\xE4\xB8\xAD"), (Alignments{{0, 1}, {1, 4}, {1, 4}, {1, 4}}));
  EXPECT_EQ(alignments({}, "\xED\x95\x9C"), (Alignments{{0, 3}, {0, 3}, {0, 3}}));
  EXPECT_EQ(alignments({.strip_accents = false}, "\xC4\xB0."),
            (Alignments{{0, 2}, {0, 2}, {2, 3}}));
}

// U+302F (class 224) before U+1D165 (class 216), both kept: they change places, and each is aligned
// to where the other was.
TEST(BertNormalizer, ReorderedMarksAreAlignedByPosition) {
  const std::string text = "a\xE3\x80\xAF\xF0\x9D\x85\xA5";
  EXPECT_EQ(BertNormalizer({}).normalize(text), "a\xF0\x9D\x85\xA5\xE3\x80\xAF");
  EXPECT_EQ(alignments({}, text), (Alignments{{0, 1}, {1, 4}, {4, 8}}));
}

TEST(BertNormalizer, AStrippedStarterPartsWhatIsReordered) {
  // U+0901 is a nonspacing mark of class 0.
  const std::string text = "a\xE3\x80\xAF\xE0\xA4\x81\xF0\x9D\x85\xA5";
  EXPECT_EQ(BertNormalizer({}).normalize(text), "a\xE3\x80\xAF\xF0\x9D\x85\xA5");
}

}  // namespace
}  // namespace semblance
