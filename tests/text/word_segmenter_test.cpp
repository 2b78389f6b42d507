#include "semblance/text/word_segmenter.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace semblance {
namespace {

std::vector<std::string> cut(std::string_view dictionary, std::string_view text) {
  std::vector<std::string> words;
  for (const auto& word : WordSegmenter(WordDictionary::parse(dictionary, "")).cut(text)) {
    words.emplace_back(text.substr(word.begin, word.end - word.begin));
  }
  return words;
}

using Words = std::vector<std::string>;

TEST(WordSegmenter, CutsAsRjiebaDoes) {
  const std::string folder = std::string(SEMBLANCE_TEST_DATA) + "/golden/roformer_tokenizer/";
  std::ifstream dictionary(folder + "dictionary.txt", std::ios::binary);
  std::stringstream contents;
  contents << dictionary.rdbuf();
  const WordSegmenter segmenter(WordDictionary::parse(contents.str(), "dictionary.txt"));

  std::ifstream cases(folder + "cases.jsonl", std::ios::binary);
  std::string line;
  std::getline(cases, line);  // versions
  std::size_t count = 0;
  while (std::getline(cases, line)) {
    const auto row = nlohmann::json::parse(line);
    const auto text = row["text"].get<std::string>();
    std::vector<std::size_t> lengths;
    for (const auto& word : segmenter.cut(text)) lengths.push_back(word.end - word.begin);
    EXPECT_EQ(lengths, row["words"].get<std::vector<std::size_t>>()) << text;
    ++count;
  }
  EXPECT_EQ(count, 1300U);
}

TEST(WordSegmenter, TakesTheMostProbableWay) {
  // ab|c: 4/10 * 1/10; a|bc: 2/10 * 3/10.
  EXPECT_EQ(cut("ab. 4\nc 1\na 2\nb.c 3\n", "ab.c"), (Words{"a", "b.c"}));
  EXPECT_EQ(cut("ab. 6\nc 3\na 1\nb.c 1\n", "ab.c"), (Words{"ab.", "c"}));
}

TEST(WordSegmenter, OfEquallyProbableWaysTakesTheOneWithTheLongerFirstWord) {
  EXPECT_EQ(cut("#+ 2\n- 2\n# 2\n+- 2\n", "#+-"), (Words{"#+", "-"}));
}

TEST(WordSegmenter, KeepsLettersAndDigitsWithoutAWordTogether) {
  EXPECT_EQ(cut("zz 1\n", "abc12 X9-y"), (Words{"abc12", " ", "X9", "-", "y"}));
  EXPECT_EQ(cut("bc 9\n", "abcd"), (Words{"a", "bc", "d"}));
}

TEST(WordSegmenter, MakesAnythingElseAWordByItself) {
  EXPECT_EQ(cut("zz 1\n", "a\r\n\n\r \xE3\x80\x82\xC3\xA9"),
            (Words{"a", "\r\n", "\n", "\r", " ", "\xE3\x80\x82", "\xC3\xA9"}));
  EXPECT_EQ(cut("zz 1\n", ""), Words{});
}

TEST(WordSegmenter, GivesWhatIsNoUtf8AWordByItself) {
  EXPECT_EQ(cut("ab 1\n",
                "a\xFF"
                "b\xE4\xBD"),
            (Words{"a", "\xFF", "b", "\xE4\xBD"}));
}

TEST(WordSegmenter, LongRunsTakeLinearMemoryAndTime) {
  const std::string text(200'000, '+');
  const auto words = cut("++ 5\n+++ 5\n", text);
  EXPECT_EQ(words.size(), 66'667U);
}

}  // namespace
}  // namespace semblance
