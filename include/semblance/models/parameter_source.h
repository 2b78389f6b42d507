#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "semblance/core/block_arena.h"
#include "semblance/core/error.h"
#include "semblance/io/quantized_weights.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernel_table.h"
#include "semblance/tensor/precision.h"
#include "semblance/tensor/tensor_view.h"
#include "semblance/tensor/weight_matrix.h"

namespace semblance {

// Takes parameters out of weight files by checkpoint key, under one key prefix, and refuses any
// that is missing or has another shape than the configuration asks for.
class ParameterSource {
 public:
  // Finds the prefix under which `anchor`, a key that every checkpoint of the family has, is
  // stored, the first of them that has it. Throws ShapeError when it is under none of the prefixes.
  // `precision` is what the matrices of the layers are to be kept in; absent means as the file
  // that holds the anchor says.
  ParameterSource(const WeightFiles& files, std::initializer_list<std::string_view> prefixes,
                  std::string_view anchor, std::optional<Precision> precision = Precision::f32)
      : files_(files) {
    for (const std::string_view prefix : prefixes) {
      if (files.contains(std::string(prefix) + std::string(anchor))) {
        prefix_ = prefix;
        precision_ =
            precision ? *precision : default_precision(files, prefix_ + std::string(anchor));
        return;
      }
    }
    throw ShapeError(files.file_of(anchor), anchor,
                     "a tensor of this name, after a known prefix or none", "no such tensor");
  }

  bool contains(std::string_view key) const { return files_.contains(prefix_ + std::string(key)); }

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

  // A matrix that may be quantized.
  WeightMatrix require_matrix(std::string_view key, const Shape& shape) const {
    return require_weight_matrix(files_, prefix_ + std::string(key), shape);
  }

  // A linear map inside the layers, which may be computed in int8: weight [out_features,
  // in_features], bias [out_features]. What a quantized file keeps in floating point is not.
  LinearParameters layer_linear(const std::string& key, std::size_t out_features,
                                std::size_t in_features) const {
    LinearParameters parameters = linear(key, out_features, in_features);
    parameters.precision = precision_;
    if (precision_ == Precision::int8 && !parameters.weight.is_quantized() &&
        is_quantized(files_, prefix_ + key + ".weight")) {
      parameters.precision = Precision::f32;
    }
    if (parameters.precision == Precision::int8 && in_features > simd::kMaxInt8Features) {
      const std::string full_key = prefix_ + key + ".weight";
      throw ShapeError(files_.file_of(full_key), full_key,
                       "at most " + std::to_string(simd::kMaxInt8Features) + " columns in int8",
                       std::to_string(in_features));
    }
    return parameters;
  }

  // One outside of the layers, never in int8.
  LinearParameters linear(const std::string& key, std::size_t out_features,
                          std::size_t in_features) const {
    return {.weight = require_matrix(key + ".weight", {out_features, in_features}),
            .bias = require(key + ".bias", {out_features}),
            .precision = precision_ == Precision::int8 ? Precision::f32 : precision_,
            .packed = {files_.packed_store(), prefix_ + key + ".weight"},
            .arena = arena_};
  }

  // "weight" and "bias", or "gamma" and "beta" as TensorFlow checkpoints say. Throws FormatError
  // for both names of one.
  LayerNormParameters layer_norm(const std::string& key, std::size_t size, double eps) const {
    const auto either = [&](const char* name, const char* tensorflow_name) {
      if (!contains(key + tensorflow_name)) return require(key + name, {size});
      if (contains(key + name)) {
        const std::string full_key = prefix_ + key + tensorflow_name;
        throw FormatError(files_.file_of(full_key), full_key, "one name for it",
                          "a tensor \"" + prefix_ + key + name + "\" too");
      }
      return require(key + tensorflow_name, {size});
    };
    return {.weight = either(".weight", ".gamma"), .bias = either(".bias", ".beta"), .eps = eps};
  }

 private:
  const WeightFiles& files_;
  std::shared_ptr<BlockArena> arena_ = std::make_shared<BlockArena>();
  std::string prefix_;
  Precision precision_ = Precision::f32;
};

}  // namespace semblance
