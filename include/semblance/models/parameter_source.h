#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/parameter.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Takes parameters out of weight files by checkpoint key, under one key prefix, and refuses any
// that is missing or has another shape than the configuration asks for.
class ParameterSource {
 public:
  // Finds the prefix under which `anchor`, a key that every checkpoint of the family has, is
  // stored. Throws ShapeError when it is under none of the prefixes.
  ParameterSource(const WeightFiles& files, std::initializer_list<std::string_view> prefixes,
                  std::string_view anchor)
      : files_(files) {
    for (const std::string_view prefix : prefixes) {
      if (files.find(std::string(prefix) + std::string(anchor))) {
        prefix_ = prefix;
        return;
      }
    }
    throw ShapeError(files.file_of(anchor), anchor,
                     "a tensor of this name, after a known prefix or none", "no such tensor");
  }

  const std::string& prefix() const noexcept { return prefix_; }

  bool contains(std::string_view key) const {
    return files_.find(prefix_ + std::string(key)).has_value();
  }

  TensorView require(std::string_view key, const Shape& shape) const {
    const std::string full_key = prefix_ + std::string(key);
    const auto tensor = files_.find(full_key);
    if (!tensor) {
      throw ShapeError(files_.file_of(full_key), full_key, "a tensor of shape " + shape.to_string(),
                       "no such tensor");
    }
    if (!is_floating_point(tensor->dtype) || tensor->shape != shape) {
      throw ShapeError(files_.file_of(full_key), full_key,
                       "F32, F16, BF16 or F64 " + shape.to_string(), tensor->to_string());
    }
    return *tensor;
  }

  // weight [out_features, in_features], bias [out_features]
  LinearParameters linear(const std::string& key, std::size_t out_features,
                          std::size_t in_features) const {
    return {.weight = require(key + ".weight", {out_features, in_features}),
            .bias = require(key + ".bias", {out_features})};
  }

  // "weight" and "bias", or "gamma" and "beta" as TensorFlow checkpoints say.
  LayerNormParameters layer_norm(const std::string& key, std::size_t size, double eps) const {
    const bool tensorflow = !contains(key + ".weight") && contains(key + ".gamma");
    return {.weight = require(key + (tensorflow ? ".gamma" : ".weight"), {size}),
            .bias = require(key + (tensorflow ? ".beta" : ".bias"), {size}),
            .eps = eps};
  }

 private:
  const WeightFiles& files_;
  std::string prefix_;
};

}  // namespace semblance
