#include "semblance/evaluation/score_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace semblance {
namespace {

std::string message_of(std::string_view text) {
  try {
    parse_scored_pairs(text, "pairs.tsv");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no FormatError";
}

TEST(ScoreFile, ReadsPairsWithTheirScores) {
  const auto pairs = parse_scored_pairs("a b\tc\t0.5\n\t\xE4\xBD\xA0\t-3\nx\ty\t1e1", "pairs.tsv");
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0].sentence1, "a b");
  EXPECT_EQ(pairs[0].sentence2, "c");
  EXPECT_EQ(pairs[0].score, 0.5);
  EXPECT_EQ(pairs[1].sentence1, "");
  EXPECT_EQ(pairs[1].sentence2, "\xE4\xBD\xA0");
  EXPECT_EQ(pairs[1].score, -3.0);
  EXPECT_EQ(pairs[2].score, 10.0);
}

TEST(ScoreFile, TakesCarriageReturnsAByteOrderMarkAndBlanksAroundTheScore) {
  const auto pairs = parse_scored_pairs(
      "\xEF\xBB\xBF"
      "a\tb\t1\r\n c \td\t +2.5 \r\n",
      "pairs.tsv");
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].sentence1, "a");
  EXPECT_EQ(pairs[0].score, 1.0);
  EXPECT_EQ(pairs[1].sentence1, " c ");
  EXPECT_EQ(pairs[1].score, 2.5);
}

TEST(ScoreFile, AMissingOrExtraColumnIsNamedWithItsLine) {
  EXPECT_EQ(message_of("a\tb\t1\na\tb\n"),
            "pairs.tsv: line 2: expected sentence1, sentence2 and score with tabs between, "
            "found 2 columns");
  EXPECT_EQ(message_of("a\n"),
            "pairs.tsv: line 1: expected sentence1, sentence2 and score with tabs between, "
            "found 1 column");
  EXPECT_EQ(message_of("a\tb\t1\t2\n"),
            "pairs.tsv: line 1: expected sentence1, sentence2 and score with tabs between, "
            "found 4 columns");
  EXPECT_EQ(message_of("a\tb\t1\n\n"),
            "pairs.tsv: line 2: expected sentence1, sentence2 and score with tabs between, "
            "found an empty line");
}

TEST(ScoreFile, AScoreThatIsNoFiniteNumberIsNamedWithItsLine) {
  EXPECT_EQ(message_of("a\tb\tscore\n"),
            "pairs.tsv: line 1: expected a number as score, found \"score\"");
  for (const std::string score : {"", " ", "nan", "inf", "-inf", "1e999", "1,5", "0x1", "1 2",
                                  "+-1", "--1", "+", "-", "1.5.2"}) {
    EXPECT_EQ(message_of("a\tb\t1\na\tb\t" + score + "\n").substr(0, 45),
              "pairs.tsv: line 2: expected a number as score")
        << score;
  }
}

TEST(ScoreFile, AnEmptyFileIsRefused) {
  const std::string expected = "pairs.tsv: expected scored pairs of sentences, found an empty file";
  EXPECT_EQ(message_of(""), expected);
  EXPECT_EQ(message_of("\xEF\xBB\xBF"), expected);
}

TEST(ScoreFile, IsReadFromDisk) {
  const std::string path = testing::TempDir() + "semblance_score_file_test.tsv";
  std::ofstream(path, std::ios::binary) << "a\tb\t1\nc\td\t0\n";
  EXPECT_EQ(read_score_file(path).size(), 2u);
  std::ofstream(path, std::ios::binary) << "a\tb\n";
  EXPECT_THROW(read_score_file(path), FormatError);
  std::remove(path.c_str());
  EXPECT_THROW(read_score_file(path), FileError);
  EXPECT_THROW(read_score_file(testing::TempDir()), FileError);
}

}  // namespace
}  // namespace semblance
