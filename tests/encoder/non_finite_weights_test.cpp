// NaN and infinity in a folder's weights: refused at load, unless they are asked for.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "semblance/io/safetensors.h"
#include "semblance/search/similarity.h"
#include "semblance/sentence_encoder.h"
#include "support/golden_model.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

namespace fs = std::filesystem;
using testing::GoldenModel;
using testing::TempFolder;

// A copy of a reference model in which one weight has another value.
class SpoiltModel {
 public:
  SpoiltModel(const std::string& model, const std::string& file, const std::string& key,
              std::size_t element, float value) {
    fs::copy(GoldenModel(model).folder(), path(), fs::copy_options::recursive);
    const std::string weights = path() + "/" + file;
    std::size_t offset = 0;
    {
      const WeightFile original = open_safetensors(weights);
      const StoredTensor* tensor = original.find(key);
      if (tensor == nullptr || tensor->dtype != DType::f32) throw std::runtime_error(key);
      offset = tensor->offset + element * sizeof value;
    }
    std::fstream out(weights, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(offset));
    out.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string path() const { return folder_.path() + "/model"; }

 private:
  TempFolder folder_;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void expect_refused(const SpoiltModel& model, const std::string& file, const std::string& key,
                    std::size_t element) {
  try {
    SentenceEncoder::load(model.path());
    ADD_FAILURE() << key << " was taken";
  } catch (const FormatError& error) {
    EXPECT_EQ(error.what(), model.path() + "/" + file + ": \"" + key +
                                "\": expected finite values, or LoadOptions::allow_non_finite, "
                                "found NaN or infinity at element " +
                                std::to_string(element));
  }
}

TEST(NonFiniteWeights, AreRefusedByNameWhereverTheyAre) {
  const std::string file = "model.safetensors";
  for (const auto& [key, element] : std::vector<std::pair<std::string, std::size_t>>{
           {"bert.embeddings.word_embeddings.weight", 1000},       // used in place
           {"bert.encoder.layer.1.intermediate.dense.weight", 0},  // packed
           {"bert.encoder.layer.0.attention.self.key.bias", 23},
           {"bert.embeddings.LayerNorm.weight", 5}}) {
    for (const float value : {kNan, kInfinity, -kInfinity}) {
      const SpoiltModel model("bert-mlm", file, key, element, value);
      expect_refused(model, file, key, element);
    }
  }
}

TEST(NonFiniteWeights, OfAModuleAreRefusedToo) {
  const std::string file = "2_Dense/model.safetensors";
  const SpoiltModel model("st-mean-dense-normalize", file, "linear.bias", 1, kNan);
  expect_refused(model, file, "linear.bias", 1);
}

TEST(NonFiniteWeights, AreTakenWhenAskedFor) {
  const SpoiltModel model("bert-mlm", "model.safetensors",
                          "bert.encoder.layer.2.output.LayerNorm.bias", 3, kNan);
  const auto encoder = SentenceEncoder::load(model.path(), {.allow_non_finite = true});
  const auto vector = encoder.encode("how are you");
  EXPECT_TRUE(std::isnan(vector.values[3]));
  EXPECT_TRUE(std::isfinite(vector.values[2]));
  EXPECT_TRUE(std::isnan(similarity(vector, vector))) << "no NaN is hidden";
}

}  // namespace
}  // namespace semblance
