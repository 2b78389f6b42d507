#include "semblance/text/jieba_word_splitter.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/text/bert_tokenizer.h"

namespace semblance {
namespace {

const std::string& folder() {
  static const std::string name = std::string(SEMBLANCE_TEST_DATA) + "/golden/roformer_tokenizer/";
  return name;
}

Vocabulary golden_vocabulary() {
  Vocabulary vocabulary;
  std::ifstream file(folder() + "vocab.txt", std::ios::binary);
  std::string line;
  for (std::int32_t id = 0; std::getline(file, line); ++id) vocabulary.add(line, id);
  return vocabulary;
}

WordSegmenter golden_segmenter() {
  std::ifstream file(folder() + "dictionary.txt", std::ios::binary);
  std::stringstream contents;
  contents << file.rdbuf();
  return WordSegmenter(WordDictionary::parse(contents.str(), "dictionary.txt"));
}

BertTokenizer make_tokenizer(bool lowercase, std::optional<bool> strip_accents) {
  TokenizerConfig config;
  config.vocabulary = golden_vocabulary();
  config.normalizer = {
      .handle_chinese_chars = false, .strip_accents = strip_accents, .lowercase = lowercase};
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    config.added_tokens.push_back({.content = token, .normalized = false, .special = true});
  }
  config.post_processor = PostProcessor::bert("[CLS]", *config.vocabulary.id("[CLS]"), "[SEP]",
                                              *config.vocabulary.id("[SEP]"));
  config.word_splitter = std::make_shared<JiebaWordSplitter>(golden_segmenter(), config.vocabulary);
  return BertTokenizer(std::move(config));
}

TEST(JiebaWordSplitter, GivesTheIdsAndOffsetsOfTransformersRoFormerTokenizer) {
  std::map<std::string, BertTokenizer> tokenizers;
  std::ifstream cases(folder() + "cases.jsonl", std::ios::binary);
  std::string line;
  std::getline(cases, line);  // versions
  std::size_t num_ids = 0;
  std::size_t num_offsets = 0;
  while (std::getline(cases, line)) {
    const auto row = nlohmann::json::parse(line);
    const auto text = row["text"].get<std::string>();
    const bool lowercase = row.value("lower", true);
    const auto strip_accents = row.contains("strip_accents")
                                   ? std::optional(row["strip_accents"].get<bool>())
                                   : std::nullopt;
    const std::string key =
        std::to_string(lowercase) + std::to_string(strip_accents.value_or(true));
    if (!tokenizers.contains(key))
      tokenizers.emplace(key, make_tokenizer(lowercase, strip_accents));
    const BertTokenizer& tokenizer = tokenizers.at(key);

    const Encoding encoding = tokenizer.encode(text);
    EXPECT_EQ(encoding.input_ids, row["input_ids"].get<std::vector<std::int32_t>>()) << text;
    std::vector<std::int32_t> input_ids;
    tokenizer.append_input_ids(text, {}, input_ids);
    EXPECT_EQ(input_ids, encoding.input_ids) << text;
    ++num_ids;
    if (!row.contains("offsets")) continue;
    std::vector<std::pair<std::size_t, std::size_t>> offsets;
    for (const Offset& offset : encoding.offsets) offsets.emplace_back(offset.begin, offset.end);
    const auto expected = row["offsets"].get<std::vector<std::pair<std::size_t, std::size_t>>>();
    EXPECT_EQ(offsets, expected) << text;
    ++num_offsets;
  }
  EXPECT_EQ(num_ids, 1300U);
  EXPECT_EQ(num_offsets, 325U);
}

std::vector<std::string> words_of(std::string_view dictionary,
                                  const std::vector<const char*>& vocabulary,
                                  std::string_view text) {
  Vocabulary known;
  for (const char* token : vocabulary) known.add(token, static_cast<std::int32_t>(known.size()));
  const JiebaWordSplitter splitter(WordSegmenter(WordDictionary::parse(dictionary, "")), known);
  const NormalizedText normalized = decode_aligned(text);
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  splitter.split(normalized, ranges);
  std::vector<std::string> words;
  for (const auto& [first, last] : ranges) {
    std::string& word = words.emplace_back();
    for (std::size_t i = first; i < last; ++i) append_utf8(normalized[i].value, word);
  }
  return words;
}

using Words = std::vector<std::string>;

TEST(JiebaWordSplitter, KeepsAWordOfTheVocabularyWhole) {
  EXPECT_EQ(words_of("\xE4\xBB\x8A\xE5\xA4\xA9 9\n", {"\xE4\xBB\x8A\xE5\xA4\xA9"},
                     "\xE4\xBB\x8A\xE5\xA4\xA9"),
            (Words{"\xE4\xBB\x8A\xE5\xA4\xA9"}));
}

TEST(JiebaWordSplitter, SplitsAnyOtherWordAtItsIdeographs) {
  EXPECT_EQ(words_of("T\xE6\x81\xA4"
                     "ab 9\n",
                     {"[UNK]"},
                     "T\xE6\x81\xA4"
                     "ab"),
            (Words{"T", "\xE6\x81\xA4", "ab"}));
}

TEST(JiebaWordSplitter, DropsWhitespaceAndMakesPunctuationAWord) {
  EXPECT_EQ(words_of("at&t 9\n", {"[UNK]"}, "  at&t a&b, "), (Words{"at&t", "a", "&", "b", ","}));
}

TEST(JiebaWordSplitter, KeepsASpaceThatTheVocabularyHolds) {
  EXPECT_EQ(words_of("ab 9\n", {" "}, "a b"), (Words{"a", " ", "b"}));
}

}  // namespace
}  // namespace semblance
