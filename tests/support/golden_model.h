#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "semblance/io/weight_files.h"

namespace semblance::testing {

// A reference model of tests/golden/models: the folder as it would be published, with the sentences
// and the outputs that make_models.py computed for them in float64.
class GoldenModel {
 public:
  explicit GoldenModel(const std::string& name)
      : folder_(std::string(SEMBLANCE_TEST_DATA) + "/golden/models/" + name),
        expected_(WeightFiles::open(folder_ + "/expected.safetensors")) {
    std::ifstream(folder_ + "/noise.json") >> noise_;
    nlohmann::json sentences;
    std::ifstream(folder_ + "/sentences.json") >> sentences;
    sentences_ = sentences.get<std::vector<std::string>>();
  }

  const std::string& folder() const { return folder_; }
  const std::vector<std::string>& sentences() const { return sentences_; }
  bool has(const std::string& key) const { return expected_.contains(key); }
  TensorView expected(const std::string& key) const {
    const auto tensor = expected_.find(key);
    if (!tensor) throw std::runtime_error(folder_ + ": no expected " + key);
    return *tensor;
  }

  // On |difference| / max(1, |expected|): 2e-5, or four times what the reference's own float32
  // differs from its float64 where that is more.
  double tolerance(const std::string& key) const {
    return std::max(2e-5, 4 * noise_.value(key, 0.0));
  }

  // Ids of sentence i without padding.
  std::vector<std::int32_t> input_ids(std::size_t i) const {
    const auto ids = expected("input_ids");
    const auto mask = expected("attention_mask").as<std::int32_t>();
    const std::size_t width = ids.shape[1];
    std::vector<std::int32_t> row;
    for (std::size_t c = 0; c < width; ++c) {
      if (mask[i * width + c] != 0) row.push_back(ids.as<std::int32_t>()[i * width + c]);
    }
    return row;
  }

 private:
  std::string folder_;
  WeightFiles expected_;
  nlohmann::json noise_;
  std::vector<std::string> sentences_;
};

// The largest |difference| / max(1, |expected|); infinite when the sizes differ or one is NaN.
template <class T>
double largest_difference(std::span<const T> found, std::span<const float> expected) {
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double reference = expected[i];
    const double difference = std::abs(static_cast<double>(found[i]) - reference);
    if (!(difference < INFINITY)) return INFINITY;
    worst = std::max(worst, difference / std::max(1.0, std::abs(reference)));
  }
  return worst;
}

}  // namespace semblance::testing
