#include "semblance/default_model.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/file_bytes.h"
#include "semblance/io/json.h"
#include "semblance/io/weight_files.h"
#include "semblance/loaded_model.h"
#include "semblance/search/similarity.h"
#include "semblance/sentence_encoder.h"
#include "semblance/tensor/precision.h"

namespace semblance {
namespace {

const std::string kGolden = std::string(SEMBLANCE_TEST_DATA) + "/golden/default_model/";

// The files of the folder as a program that carries them has them.
struct FilesInMemory {
  std::vector<std::string> contents;
  std::vector<MemoryFile> files;

  explicit FilesInMemory(const std::string& folder) {
    static const std::vector<const char*> kNames = {"1_Pooling/config.json", "config.json",
                                                    "model.safetensors",     "modules.json",
                                                    "tokenizer_config.json", "vocab.txt"};
    for (const char* name : kNames) contents.push_back(read_file_bytes(folder + "/" + name));
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const auto* begin = reinterpret_cast<const std::byte*>(contents[i].data());
      files.push_back({kNames[i], begin, begin + contents[i].size()});
    }
  }
};

// What torch computes with the weights of the shipped file, as numbers of 4 bits give them.
TEST(DefaultModel, GivesTheVectorsOfTheTrainingFrameworksForwardPass) {
  const auto encoder = SentenceEncoder::load_default({.precision = Precision::f32});
  const auto document = JsonDocument::read(kGolden + "sentences.json");
  std::vector<std::string> sentences;
  for (const auto& text : document.root().elements()) sentences.push_back(text.as_string());
  const auto files = WeightFiles::open(kGolden + "expected.safetensors");
  const auto expected = files.find("sentence_embedding");
  ASSERT_TRUE(expected);
  ASSERT_EQ(expected->shape, Shape({sentences.size(), encoder.output_dim()}));
  const auto vectors = encoder.encode(sentences);
  const auto values = expected->as<float>();
  for (std::size_t i = 0; i < vectors.values.size(); ++i) {
    ASSERT_NEAR(vectors.values[i], values[i], 1e-3) << sentences[i / vectors.dim];
  }
}

TEST(DefaultModel, ComputesInEightBitsUnlessAskedOtherwise) {
  const auto plain = SentenceEncoder::load_default();
  const auto eight_bits = SentenceEncoder::load_default({.precision = Precision::int8});
  const auto exact = SentenceEncoder::load_default({.precision = Precision::f32});
  const std::string text = "a plain sentence";
  EXPECT_EQ(plain.encode(text).values, eight_bits.encode(text).values);
  EXPECT_NE(plain.encode(text).values, exact.encode(text).values);
  EXPECT_GT(similarity(plain.encode(text), exact.encode(text)), 0.99f);
}

TEST(DefaultModel, HasTheSameBitsFromDiskAndFromMemory) {
  const FilesInMemory memory(default_model_folder());
  const auto from_disk = SentenceEncoder::load_default();
  const auto from_memory = SentenceEncoder::load_from_memory("a table", memory.files);
  EXPECT_EQ(from_memory.model().folder, "a table");
  EXPECT_EQ(from_memory.max_length(), from_disk.max_length());
  for (const std::string text : {"a plain sentence", ""}) {
    EXPECT_EQ(from_memory.encode(text).values, from_disk.encode(text).values);
  }
}

TEST(DefaultModel, AFileThatIsMissingFromMemoryIsNamed) {
  FilesInMemory memory(default_model_folder());
  std::erase_if(memory.files,
                [](const MemoryFile& file) { return std::string_view(file.name) == "vocab.txt"; });
  try {
    SentenceEncoder::load_from_memory("a table", memory.files);
    FAIL() << "loaded without a vocabulary";
  } catch (const FileError& error) {
    EXPECT_STREQ(error.what(), "a table/vocab.txt: expected a file, found nothing of that name");
  }
}

TEST(DefaultModel, MeansTheSameThingsAsItsTeacher) {
  const auto encoder = SentenceEncoder::load_default();
  const auto cosine = [&](const char* a, const char* b) {
    return similarity(encoder.encode(a), encoder.encode(b));
  };
  // "How do I repay Huabei", "the way to repay Huabei", "Beijing is the capital of China".
  const char* how = "\xE8\x8A\xB1\xE5\x91\x97\xE5\xA6\x82\xE4\xBD\x95\xE8\xBF\x98\xE6\xAC\xBE";
  const char* way =
      "\xE8\x8A\xB1\xE5\x91\x97\xE8\xBF\x98\xE6\xAC\xBE\xE7\x9A\x84\xE6\x96\xB9\xE6\xB3\x95";
  const char* other =
      "\xE5\x8C\x97\xE4\xBA\xAC\xE6\x98\xAF\xE4\xB8\xAD\xE5\x9B\xBD\xE7\x9A\x84\xE9\xA6\x96\xE9\x83"
      "\xBD";
  EXPECT_GT(cosine(how, way), cosine(how, other) + 0.2f);
}

}  // namespace
}  // namespace semblance
