#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "semblance/io/weight_files.h"
#include "semblance/semblance.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

// Published models with their real weights, from safetensors and, as NAME-bin, from
// pytorch_model.bin. They lie in $SEMBLANCE_MODELS where they can be had.
class RealModels : public ::testing::TestWithParam<const char*> {};

TEST_P(RealModels, VectorsEqualThoseOfSentenceTransformers) {
  const std::string name = GetParam();
  const char* models = std::getenv("SEMBLANCE_MODELS");
  const std::string folder = (models == nullptr ? "" : std::string(models) + "/") + name;
  if (models == nullptr || !std::filesystem::exists(folder + "/config.json")) {
    GTEST_SKIP() << name << " is not in SEMBLANCE_MODELS";
  }
  const std::string golden = std::string(SEMBLANCE_TEST_DATA) + "/golden/real_models/";
  const std::string reference =
      name.ends_with("-bin") ? name.substr(0, name.size() - std::string("-bin").size()) : name;
  nlohmann::json sentences;
  std::ifstream(golden + "sentences.json") >> sentences;
  const auto texts = sentences.get<std::vector<std::string>>();
  const auto expected = WeightFiles::open(golden + reference + ".safetensors");

  const auto found = SentenceEncoder::load(folder).encode(texts);
  // The vectors have length 1, so this bounds the absolute difference.
  EXPECT_LE(testing::largest_difference<float>(
                found.values, expected.find("sentence_embedding").value().as<float>()),
            1e-5);
}

std::string name_of_model(const ::testing::TestParamInfo<const char*>& model) {
  std::string name = model.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Published, RealModels,
                         ::testing::Values("bge-small-zh-v1.5", "bge-small-zh-v1.5-bin",
                                           "all-MiniLM-L6-v2", "all-MiniLM-L6-v2-bin"),
                         name_of_model);

}  // namespace
}  // namespace semblance
