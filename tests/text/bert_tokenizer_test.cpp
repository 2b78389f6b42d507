#include "semblance/text/bert_tokenizer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tokenizer_golden.h"

namespace semblance {
namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

TokenizerConfig small_config() {
  TokenizerConfig config;
  std::int32_t id = 0;
  for (const char* token :
       {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##b", "ab", "c", "##c"}) {
    config.vocabulary.add(token, id++);
  }
  config.post_processor = PostProcessor::bert("[CLS]", 2, "[SEP]", 3);
  return config;
}

using Ids = std::vector<std::int32_t>;

class BertTokenizerGolden : public ::testing::TestWithParam<nlohmann::json> {};

TEST_P(BertTokenizerGolden, EqualsTheReferenceInIdsTypesTokensAndOffsets) {
  const BertTokenizer tokenizer(testing::config_of(GetParam()));
  TokenizerScratch scratch;
  for (const auto& expected : GetParam().at("cases")) {
    SCOPED_TRACE(expected.dump());
    const std::string text = expected.contains("hex") ? from_hex(expected.at("hex"))
                                                      : expected.at("text").get<std::string>();
    TokenizeOptions options{.add_special_tokens = expected.value("add_special_tokens", true)};
    if (expected.contains("max_length")) options.max_length = expected.at("max_length");
    const bool pair = expected.contains("pair");
    const Encoding encoding =
        pair ? tokenizer.encode(text, expected.at("pair").get<std::string>(), options)
             : tokenizer.encode(text, options);

    const auto ids = expected.at("ids").get<Ids>();
    EXPECT_EQ(encoding.input_ids, ids);
    EXPECT_EQ(encoding.token_type_ids, expected.value("types", Ids(ids.size(), 0)));
    EXPECT_EQ(encoding.attention_mask, Ids(ids.size(), 1));
    EXPECT_EQ(encoding.tokens, expected.at("tokens").get<std::vector<std::string>>());
    std::vector<std::size_t> offsets;
    for (const Offset& offset : encoding.offsets) {
      offsets.insert(offsets.end(), {offset.begin, offset.end});
    }
    EXPECT_EQ(offsets, expected.at("offsets").get<std::vector<std::size_t>>());
    if (pair) continue;

    EXPECT_EQ(encoding.truncated, expected.value("truncated", false));
    Ids fast{-7};
    const TokenCount count = tokenizer.append_input_ids(text, options, scratch, fast);
    EXPECT_EQ(count.num_tokens, ids.size());
    EXPECT_EQ(count.truncated, encoding.truncated);
    EXPECT_EQ(fast.front(), -7);
    EXPECT_EQ(Ids(fast.begin() + 1, fast.end()), ids);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Settings, BertTokenizerGolden,
    ::testing::ValuesIn(testing::read_tokenizer_golden("cases.json")["settings"]
                            .get<std::vector<nlohmann::json>>()),
    testing::setting_name);

TEST(BertTokenizer, MaxLengthWithoutRoomForTheSpecialTokensIsTheCallersMistake) {
  const BertTokenizer tokenizer(small_config());
  EXPECT_THROW(tokenizer.encode("a", {.max_length = 1}), std::invalid_argument);
  EXPECT_THROW(tokenizer.encode("a", "b", {.max_length = 2}), std::invalid_argument);
  EXPECT_EQ(tokenizer.encode("a", {.max_length = 2}).input_ids, (Ids{2, 3}));
  EXPECT_TRUE(tokenizer.encode("a", {.max_length = 2}).truncated);
  EXPECT_FALSE(tokenizer.encode("", {.max_length = 2}).truncated);
  EXPECT_TRUE(
      tokenizer.encode("a", {.max_length = 0, .add_special_tokens = false}).input_ids.empty());
}

TEST(BertTokenizer, TruncatedSaysWhetherATokenWasLeftOut) {
  const BertTokenizer tokenizer(small_config());
  for (const std::size_t max_length : {3u, 4u, 5u, 6u, 7u}) {
    Ids ids;
    const TokenCount count =
        tokenizer.append_input_ids("a b abc  \t", {.max_length = max_length}, ids);
    EXPECT_EQ(count.truncated, max_length < 6) << max_length;
    EXPECT_EQ(count.num_tokens, std::min<std::size_t>(max_length, 6));
  }
}

TEST(BertTokenizer, RefusesAVocabularyWithoutTheUnknownToken) {
  TokenizerConfig config = small_config();
  config.wordpiece.unk_token = "<unk>";
  EXPECT_THROW(BertTokenizer{std::move(config)}, std::invalid_argument);
}

TEST(BertTokenizer, RefusesAddedTokensThatNormalizationMakesEqualOrEmpty) {
  TokenizerConfig equal = small_config();
  equal.added_tokens = {{.content = "Hi"}, {.content = "hI"}};
  EXPECT_THROW(BertTokenizer{std::move(equal)}, std::invalid_argument);
  TokenizerConfig empty = small_config();
  empty.added_tokens = {{.content = "\xCC\x81"}};
  EXPECT_THROW(BertTokenizer{std::move(empty)}, std::invalid_argument);
}

TEST(BertTokenizer, IdsAndSpellingsGoBothWays) {
  TokenizerConfig config = small_config();
  config.added_tokens = {{.content = "<new>", .normalized = false},
                         {.content = "ab", .normalized = false}};
  const BertTokenizer tokenizer(std::move(config));
  EXPECT_EQ(tokenizer.id("<new>"), 10);
  EXPECT_EQ(tokenizer.id("ab"), 7);
  EXPECT_EQ(tokenizer.id("##c"), 9);
  EXPECT_EQ(tokenizer.id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.token(10), "<new>");
  EXPECT_EQ(tokenizer.token(7), "ab");
  EXPECT_EQ(tokenizer.token(9), "##c");
  EXPECT_EQ(tokenizer.token(11), "");
  EXPECT_EQ(tokenizer.token(-1), "");
  EXPECT_EQ(tokenizer.id_limit(), 11U);
  EXPECT_EQ(tokenizer.num_special_tokens(), 2U);
  EXPECT_EQ(tokenizer.num_special_tokens(true), 3U);
}

TEST(BertTokenizer, TokenTypesFollowTheTemplate) {
  TokenizerConfig config = small_config();
  using P = TemplatePiece;
  config.post_processor.single = {P::special("a", 4, 3), P::first(2), P::special("b", 5, 1)};
  const BertTokenizer tokenizer(std::move(config));
  EXPECT_EQ(tokenizer.encode("c c").token_type_ids, (Ids{3, 2, 2, 1}));
  TokenizerScratch scratch;
  Ids ids;
  Ids types{9};
  tokenizer.append_input_ids("c c", {}, scratch, ids, &types);
  EXPECT_EQ(types, (Ids{9, 3, 2, 2, 1}));
}

// Every second code point a word.
class EverySecond : public WordSplitter {
 public:
  void split(const NormalizedText& text,
             std::vector<std::pair<std::size_t, std::size_t>>& words) const override {
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) words.emplace_back(i, i + 2);
  }
};

TEST(BertTokenizer, AWordSplitterTakesThePlaceOfBertsRule) {
  TokenizerConfig config = small_config();
  config.word_splitter = std::make_shared<EverySecond>();
  const BertTokenizer tokenizer(std::move(config));
  const Encoding encoding = tokenizer.encode("abbcxa");
  EXPECT_EQ(encoding.tokens,
            (std::vector<std::string>{"[CLS]", "ab", "b", "##c", "[UNK]", "[SEP]"}));
  EXPECT_EQ(encoding.offsets[4], (Offset{4, 6}));
  Ids ids;
  tokenizer.append_input_ids("abbcxa", {}, ids);
  EXPECT_EQ(ids, encoding.input_ids);
}

TEST(BertTokenizer, AMovedTokenizerWorksOn) {
  TokenizerConfig config = small_config();
  config.added_tokens = {{.content = "<n>", .normalized = false}};
  BertTokenizer first(std::move(config));
  const BertTokenizer second(std::move(first));
  EXPECT_EQ(second.encode("ab<n>").input_ids, (Ids{2, 7, 10, 3}));
  EXPECT_EQ(second.token(10), "<n>");
}

TEST(BertTokenizer, ManyThreadsMayEncodeAtOnce) {
  const BertTokenizer tokenizer(small_config());
  const Encoding expected = tokenizer.encode("a abc \xE4\xB8\xAD b");
  std::vector<std::thread> threads;
  std::vector<int> equal(4, 0);
  for (int& result : equal) {
    threads.emplace_back([&] {
      TokenizerScratch scratch;
      for (int i = 0; i < 200; ++i) {
        Ids ids;
        tokenizer.append_input_ids("a abc \xE4\xB8\xAD b", {}, scratch, ids);
        result += ids == expected.input_ids;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, std::vector<int>(4, 200));
}

}  // namespace
}  // namespace semblance
