// Any bytes are a text: encoded in time linear in their number, with truncation reported.

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "semblance/sentence_encoder.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;

std::string repeated(const std::string& part, std::size_t byte_count) {
  std::string text;
  text.reserve(byte_count + part.size());
  while (text.size() < byte_count) text += part;
  return text;
}

class HostileText : public ::testing::Test {
 protected:
  SentenceEncoder encoder = SentenceEncoder::load(GoldenModel("bert-mlm").folder());
};

TEST_F(HostileText, OfAnyBytesHasTheVectorOfWhatIsLeftOfIt) {
  constexpr std::size_t kMillion = 1'000'000;
  const auto nothing = encoder.encode("");
  for (const std::string& part :
       {std::string(1, '\0'), std::string("\xFF"), std::string("\xE4\xB8"),
        std::string("\xED\xA0\x80"), std::string("\xCC\x81"), std::string(" "),
        std::string("\xE2\x80\x8B"), std::string("\xEF\xBF\xBD")}) {
    const auto result = encoder.encode(repeated(part, kMillion));
    EXPECT_EQ(result.values, nothing.values) << ::testing::PrintToString(part);
    EXPECT_EQ(result.num_tokens, 2u);
    EXPECT_FALSE(result.truncated);
  }
  // A word too long is one [UNK], however long; marks make no word longer where they are dropped.
  const auto unknown = encoder.encode("[UNK]");
  for (const std::string& part : {std::string("x"), std::string("\xE3\x80\xAE\xE3\x80\xAF"),
                                  std::string("x\xCC\x81"), std::string("x\xFF")}) {
    const auto result = encoder.encode(repeated(part, kMillion));
    EXPECT_EQ(result.values, unknown.values) << ::testing::PrintToString(part);
    EXPECT_FALSE(result.truncated);
  }
  EXPECT_EQ(encoder.encode("how" + repeated("\xCC\x81", kMillion) + " are").values,
            encoder.encode("how are").values);
}

TEST_F(HostileText, OfAHundredMegabytesInOneLineIsCutAndSaysSo) {
  constexpr std::size_t kHundredMegabytes = 100'000'000;
  const auto result = encoder.encode(repeated("how are you ", kHundredMegabytes));
  EXPECT_TRUE(result.truncated);
  EXPECT_EQ(result.num_tokens, encoder.max_length());
  EXPECT_EQ(result.values, encoder.encode(repeated("how are you ", 10'000)).values);
}

TEST_F(HostileText, RandomBytesGiveFiniteVectors) {
  std::mt19937_64 random(11);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = static_cast<char>(random());
    texts.push_back(text);
  }
  const auto vectors = encoder.encode(texts);
  for (const float value : vectors.values) ASSERT_TRUE(std::isfinite(value));
}

TEST_F(HostileText, FourTimesTheTextTakesFourTimesTheTime) {
  // Processor time of this thread, in seconds.
  const auto seconds = [&](const std::string& text) {
    const auto now = [] {
      timespec time{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    };
    const double start = now();
    encoder.encode(text, {.num_threads = 1});
    return now() - start;
  };
  for (const std::string& part :
       {std::string(1, '\0'), std::string("\xFF"), std::string("\xCC\x81"), std::string("x"),
        std::string("\xE3\x80\xAE\xE3\x80\xAF"), std::string("[CLS"), std::string(" ")}) {
    const std::string text = repeated(part, 1'000'000);
    const std::string longer = repeated(part, 4'000'000);
    // The fastest of a few runs in turns: what else the machine does disturbs both alike.
    double once = 1e9, four_times = 1e9;
    for (int i = 0; i < 5; ++i) {
      once = std::min(once, seconds(text));
      four_times = std::min(four_times, seconds(longer));
    }
    RecordProperty("part_" + std::to_string(static_cast<unsigned char>(part[0])),
                   std::to_string(four_times / once));
    // A square would be 16 times; a busy machine may be half as fast from one run to the next.
    EXPECT_LT(four_times, 8.0 * once + 1e-3) << ::testing::PrintToString(part);
  }
}

}  // namespace
}  // namespace semblance
