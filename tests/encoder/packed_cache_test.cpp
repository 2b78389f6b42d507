#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "semblance/io/packed_cache.h"
#include "semblance/semblance.h"
#include "semblance/tensor/precision.h"
#include "support/golden_model.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::GoldenModel;
using testing::TempFolder;

class EncoderPackedCache : public ::testing::Test {
 protected:
  TempFolder temp;
  std::string cache = temp.path() + "/packed";

  SentenceEncoder load(const std::string& folder, std::optional<Precision> precision = {}) const {
    return SentenceEncoder::load(folder, {.precision = precision, .packed_cache = cache});
  }
  // A copy of a golden folder whose weights may be changed.
  std::string copy_of(const GoldenModel& golden) const {
    const std::string folder = temp.path() + "/model";
    std::filesystem::copy(golden.folder(), folder, std::filesystem::copy_options::recursive);
    return folder;
  }
  static std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string cache_bytes() const { return bytes_of(cache); }
  // Where the values of a safetensors file begin.
  static std::size_t buffer_offset(const std::string& bytes) {
    std::uint64_t header_size = 0;
    std::memcpy(&header_size, bytes.data(), sizeof header_size);
    return sizeof header_size + static_cast<std::size_t>(header_size);
  }
};

TEST_F(EncoderPackedCache, WrittenOrMappedGivesTheBitsOfNone) {
  // BERT with a pooler, rotary positions in 16-bit weights, DistilBERT, a projection of embeddings.
  for (const char* name : {"bert-mlm", "bert-f16", "bert-bf16-bin", "system-simbert-small",
                           "system-roformer-char", "st-distiluse-old"}) {
    const GoldenModel golden(name);
    std::filesystem::remove(cache);
    const auto& texts = golden.sentences();
    const auto expected = SentenceEncoder::load(golden.folder()).encode(texts).values;
    EXPECT_EQ(load(golden.folder()).encode(texts).values, expected) << name << ", written";
    const std::string written = cache_bytes();
    EXPECT_FALSE(written.empty()) << name;
    EXPECT_EQ(load(golden.folder()).encode(texts).values, expected) << name << ", mapped";
    EXPECT_EQ(cache_bytes(), written) << name;
  }
}

TEST_F(EncoderPackedCache, HoldsTheWeightsOfEachPrecisionAskedFor) {
  const GoldenModel golden("bert-wide");
  const auto& texts = golden.sentences();
  std::string before;
  for (const Precision precision : kAllPrecisions) {
    const auto expected =
        SentenceEncoder::load(golden.folder(), {.precision = precision}).encode(texts).values;
    EXPECT_EQ(load(golden.folder(), precision).encode(texts).values, expected)
        << name_of(precision) << ", written";
    const std::string written = cache_bytes();
    EXPECT_GT(written.size(), before.size()) << name_of(precision);
    EXPECT_EQ(load(golden.folder(), precision).encode(texts).values, expected)
        << name_of(precision) << ", mapped";
    EXPECT_EQ(cache_bytes(), written) << name_of(precision);
    before = written;
  }
}

#if defined(__linux__)
TEST_F(EncoderPackedCache, IsMappedByWhoeverWroteItToo) {
  const auto encoder = load(GoldenModel("bert-mlm").folder(), Precision::int8);
  EXPECT_NE(bytes_of("/proc/self/maps").find(cache), std::string::npos);
}
#endif

TEST_F(EncoderPackedCache, IsWhatTheSecondLoadComputesWith) {
  const GoldenModel golden("bert-mlm");
  const auto expected = load(golden.folder()).encode(golden.sentences()).values;
  // The first value of the first matrix becomes another: nothing else could show in the vectors.
  std::string bytes = cache_bytes();
  const std::size_t header = buffer_offset(bytes);
  ASSERT_LT(header + 4, bytes.size());
  ASSERT_EQ(header % 64, 0u);
  bytes[header + 3] = static_cast<char>(bytes[header + 3] ^ 0x40);
  temp.write("packed", bytes);
  EXPECT_NE(load(golden.folder()).encode(golden.sentences()).values, expected);
}

TEST_F(EncoderPackedCache, OfAnotherModelOrOfChangedWeightsIsWrittenAnew) {
  const GoldenModel golden("bert-relu-cased");
  const std::string folder = copy_of(golden);
  const std::string weights = folder + "/model.safetensors";
  load(GoldenModel("bert-mlm").folder());
  const auto expected = SentenceEncoder::load(folder).encode(golden.sentences()).values;
  EXPECT_EQ(load(folder).encode(golden.sentences()).values, expected);

  // Other values under the same name, size and time.
  const auto time = std::filesystem::last_write_time(weights);
  const std::string before = cache_bytes();
  std::string bytes = bytes_of(weights);
  for (std::size_t i = buffer_offset(bytes); i + 4 <= bytes.size(); i += 4) {
    bytes[i + 3] = static_cast<char>(bytes[i + 3] ^ 0x80);  // the sign
  }
  temp.write("model/model.safetensors", bytes);
  std::filesystem::last_write_time(weights, time);
  const auto changed = SentenceEncoder::load(folder).encode(golden.sentences()).values;
  EXPECT_EQ(load(folder).encode(golden.sentences()).values, changed);
  EXPECT_NE(cache_bytes(), before);
  EXPECT_EQ(load(folder).encode(golden.sentences()).values, changed);
}

TEST_F(EncoderPackedCache, AWeightFileUnderItsNameIsRefusedNotOverwritten) {
  const GoldenModel golden("bert-mlm");
  const std::string weights = copy_of(golden) + "/model.safetensors";
  const auto size = std::filesystem::file_size(weights);
  EXPECT_THROW(SentenceEncoder::load(temp.path() + "/model", LoadOptions{.packed_cache = weights}),
               FileError);
  EXPECT_EQ(std::filesystem::file_size(weights), size);
}

}  // namespace
}  // namespace semblance
