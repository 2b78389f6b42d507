#include "semblance/text/fast_path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "semblance/text/bert_tokenizer.h"
#include "support/allocations.h"
#include "tokenizer_golden.h"

namespace semblance {
namespace {

using Ids = std::vector<std::int32_t>;

// Bytes that meet every branch: ASCII, marks, expansions, ideographs, added tokens, broken UTF-8.
std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> kPieces = {"a",
                                                   "hello",
                                                   "un",
                                                   "Running",
                                                   "1",
                                                   " ",
                                                   "\t",
                                                   "\n",
                                                   ".",
                                                   "[CLS]",
                                                   "[MASK]",
                                                   "<x>",
                                                   "ab",
                                                   "\xCC\x81",
                                                   "\xCC\xA7",
                                                   "\xE3\x80\xAE",
                                                   "\xE3\x80\xAF",
                                                   "\xCD\x84",
                                                   "\xC3\xA9",
                                                   "\xC4\xB0",
                                                   "\xE4\xB8\xAD",
                                                   "\xE5\x9B\xBD",
                                                   "\xEF\xA4\x80",
                                                   "\xED\x95\x9C",
                                                   "\xE3\x80\x82",
                                                   "\xC2\xA0",
                                                   "\xE2\x80\xA8",
                                                   "\xF0\x9F\x98\x80",
                                                   "\xF0\xA0\x80\x80",
                                                   "\xF0\x9D\x85\xA5",
                                                   "\xEF\xBF\xBD",
                                                   "\xFF",
                                                   "\xE4\xB8",
                                                   "\xF0\x9F",
                                                   "\xC3",
                                                   "\x80",
                                                   std::string(1, '\0'),
                                                   "\x7F",
                                                   "\xC2\xAD"};
  std::string text;
  for (auto count = random() % 30; count > 0; --count) {
    if (random() % 4 == 0) {
      const char32_t c = static_cast<char32_t>(random() % 0x110000);
      if (c < 0xD800 || c >= 0xE000) append_utf8(c, text);
    } else {
      text += kPieces[random() % kPieces.size()];
    }
  }
  return text;
}

TEST(FastPath, GivesTheIdsOfThePlainSteps) {
  std::mt19937_64 random(7);
  const auto golden = testing::read_tokenizer_golden("cases.json");
  for (const auto& setting : golden.at("settings")) {
    SCOPED_TRACE(setting.at("name"));
    const BertTokenizer tokenizer(testing::config_of(setting));
    TokenizerScratch scratch;
    for (int i = 0; i < 1500; ++i) {
      const std::string text = random_text(random);
      TokenizeOptions options;
      if (random() % 3 == 0) options.max_length = 2 + random() % 12;
      const Encoding expected = tokenizer.encode(text, options);
      Ids ids;
      const TokenCount count = tokenizer.append_input_ids(text, options, scratch, ids);
      ASSERT_EQ(ids, expected.input_ids) << ::testing::PrintToString(text);
      ASSERT_EQ(count.truncated, expected.truncated) << ::testing::PrintToString(text);
    }
  }
}

BertTokenizer uncased() {
  return BertTokenizer(
      testing::config_of(testing::read_tokenizer_golden("cases.json").at("settings").at(0)));
}

TEST(FastPath, AllocatesNothingOnceItsMemoryHasGrown) {
  const BertTokenizer tokenizer = uncased();
  const std::string text =
      "Hello [MASK] caf\xC3\xA9 \xE4\xB8\xAD\xE5\x9B\xBD a\xE3\x80\xAF\xE3\x80\xAE \xED\x95\x9C "
      "unaffable.";
  TokenizerScratch scratch;
  Ids ids;
  tokenizer.append_input_ids(text, {}, scratch, ids);
  const Ids expected = ids;
  const std::size_t before = testing::num_allocations;
  for (int i = 0; i < 10; ++i) {
    ids.clear();
    tokenizer.append_input_ids(text, {.max_length = 64}, scratch, ids);
  }
  EXPECT_EQ(testing::num_allocations, before);
  EXPECT_EQ(ids, expected);
}

TEST(FastPath, LongTextsOfOneKindAreTheSumOfTheirParts) {
  const BertTokenizer tokenizer = uncased();
  const std::int32_t unk = tokenizer.id("[UNK]").value();
  const auto ids_of = [&](const std::string& part, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += part;
    Ids ids;
    tokenizer.append_input_ids(text, {.add_special_tokens = false}, ids);
    EXPECT_EQ(tokenizer.encode(text, {.add_special_tokens = false}).input_ids, ids);
    return ids;
  };
  constexpr std::size_t kTimes = 300'000;
  EXPECT_EQ(ids_of("a", kTimes), Ids{unk});
  EXPECT_EQ(ids_of("\xCC\x81\xCC\xA7", kTimes), Ids{});
  EXPECT_EQ(ids_of("\xE3\x80\xAF\xE3\x80\xAE", kTimes), Ids{unk});
  EXPECT_EQ(ids_of(std::string(1, '\0'), kTimes), Ids{});
  EXPECT_EQ(ids_of("\xFF", kTimes), Ids{});
  EXPECT_EQ(ids_of("\xE4\xB8\xAD", kTimes), Ids(kTimes, tokenizer.id("\xE4\xB8\xAD").value()));
  EXPECT_EQ(ids_of("[CLS]", kTimes), Ids(kTimes, tokenizer.id("[CLS]").value()));
  EXPECT_EQ(ids_of("[", kTimes), Ids(kTimes, tokenizer.id("[").value()));
}

TEST(FastPath, TimeGrowsWithTheTextAndNotFaster) {
  const BertTokenizer tokenizer = uncased();
  TokenizerScratch scratch;
  // Processor time of the fastest of a few runs, in seconds.
  const auto seconds = [&](const std::string& part, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += part;
    std::clock_t best = std::numeric_limits<std::clock_t>::max();
    for (int run = 0; run < 5; ++run) {
      Ids ids;
      const std::clock_t start = std::clock();
      tokenizer.append_input_ids(text, {}, scratch, ids);
      best = std::min(best, std::clock() - start);
    }
    return static_cast<double>(best) / CLOCKS_PER_SEC;
  };
  for (const char* part : {"a", "\xCC\x81\xCC\xA7", "\xE3\x80\xAF\xE3\x80\xAE", "[CLS", " ",
                           "a\xCC\x81 ", "\xE4\xB8\xAD", "\xFF"}) {
    // 16 times the text takes 16 times as long when linear, 256 times when quadratic.
    const double small = seconds(part, 20'000);
    const double large = seconds(part, 320'000);
    EXPECT_LT(large, 100 * small + 2e-3) << ::testing::PrintToString(std::string(part));
  }
}

class AllCodePoints : public ::testing::TestWithParam<nlohmann::json> {};

TEST_P(AllCodePoints, BecomeWhatTheReferenceMakesOfThem) {
  const auto& setting = GetParam();
  TokenizerConfig config;
  config.vocabulary.add("[UNK]", 0);
  config.wordpiece.max_input_chars_per_word = 0;  // every word is one [UNK]
  config.normalizer = testing::normalizer_of(setting);
  const BertNormalizer normalizer(config.normalizer);
  const BertTokenizer tokenizer(std::move(config));
  TokenizerScratch scratch;
  Ids ids;
  for (char32_t start = 0; start < 0x110000; start += 1024) {
    std::uint64_t digest = 0xCBF29CE484222325U;
    const auto add = [&digest](unsigned byte) { digest = (digest ^ byte) * 0x100000001B3U; };
    for (char32_t c = start; c < start + 1024; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string text = "x";
      append_utf8(c, text);
      text += 'y';
      for (const char byte : normalizer.normalize(text)) add(static_cast<unsigned char>(byte));
      const Encoding encoding = tokenizer.encode(text);
      for (const Offset& offset : encoding.offsets) {
        add(static_cast<unsigned>(offset.begin));
        add(static_cast<unsigned>(offset.end));
      }
      add(0xFF);
      ids.clear();
      tokenizer.append_input_ids(text, {}, scratch, ids);
      ASSERT_EQ(ids, encoding.input_ids) << "U+" << std::hex << static_cast<std::uint32_t>(c);
    }
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(digest));
    EXPECT_EQ(setting.at("digests").at(start / 1024), hex)
        << "within 1024 code points from U+" << std::hex << static_cast<std::uint32_t>(start);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Settings, AllCodePoints,
    ::testing::ValuesIn(testing::read_tokenizer_golden("codepoints.json")["settings"]
                            .get<std::vector<nlohmann::json>>()),
    testing::setting_name);

}  // namespace
}  // namespace semblance
