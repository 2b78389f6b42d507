#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/io/weight_files.h"
#include "semblance/tensor/precision.h"
#include "semblance/tensor/weight_matrix.h"

namespace semblance {

// The quantized form of a model folder, version 1. It is the published folder with another
// model.safetensors and one more key in config.json.
//
// model.safetensors has all the tensors of the published file under their own names and shapes, but
// for the matrices that are quantized: any of the weights [rows, columns] of the linear layers
// ("...weight", [out_features, in_features]) and of the embedding tables ([vocab_size,
// embedding_size] and so on), each in one of two forms. Biases, LayerNorm and every matrix that is
// better left alone stay F32, F16 or BF16.
//
// 8 bits:
//   <key>         I8 [rows, columns]
//   <key>_scale   F32 [rows]
//   value[r, c] = <key>[r, c] * <key>_scale[r], in float32.
//   A writer keeps codes within [-127, 127]; scales are finite and not negative, 0 for a row of
//   zeros. The plain choice is scale = max |row| / 127, code = round(value / scale). In the layers
//   it pays to choose a scale at which the codes of the columns 2 i and 2 i + 1, where they have
//   one sign, sum to at most 128 in magnitude: AVX2 is faster at such rows, at equal results.
//   <key>_pieces  U8 [1], optional: 2, 4, 8 or 16, a divisor of columns
//   With it the codes are those of the transformed row. A row falls into that many equal pieces
//   x(0), x(1), ...; for h = 1, 2, 4, ... below their number every pair x(k), x(k + h) whose k
//   lacks the bit h becomes x(k) + x(k + h), x(k) - x(k + h) (the Walsh-Hadamard transform without
//   its factor). A writer transforms the row, quantizes it as above, and divides the scale by the
//   number of pieces; a reader applies the same transform, in float32, to codes times scale.
//
// 4 bits, in blocks of 32 columns; columns must be even:
//   <key>         U8 [rows, columns / 2]
//   <key>_scale   F16 [rows, ceil(columns / 32)]
//   Byte [r, j] holds column 2 j in its low nibble (byte & 15) and column 2 j + 1 in its high
//   nibble (byte >> 4).
//   value[r, c] = (nibble[r, c] - 8) * <key>_scale[r, c / 32], in float32, the scale widened first.
//   Blocks do not cross rows; where columns is no multiple of 32 the last block of a row is
//   shorter. Scales are finite, of either sign. The plain choices are max |block| / 7, or
//   v / -8 where v is the value of the block that is largest in magnitude; nibble =
//   clamp(round(value / scale) + 8, 0, 15) with the scale as rounded to F16; 0 for a block of
//   zeros, nibbles 8.
//
// For example "encoder.layer.0.attention.self.query.weight" and
// "encoder.layer.0.attention.self.query.weight_scale".
//
// __metadata__ of every safetensors file with such tensors:
//   "semblance_quantization": "1"     the version of this form; required
//   "semblance_precision": "int8"     what to compute in unless the caller says otherwise: "f32",
//                                     "f16", "bf16" or "int8"; int8 where it is absent
// In int8, matrices of the layers that such a file holds in floating point are computed with in
// float32.
//
// config.json: "quantization_config": {"quant_method": "semblance"}, so that readers that do not
// know this form refuse the folder instead of taking codes for weights.
inline constexpr std::string_view kQuantizationKey = "semblance_quantization";
inline constexpr std::string_view kQuantizationVersion = "1";
inline constexpr std::string_view kPrecisionKey = "semblance_precision";
inline constexpr std::string_view kScaleSuffix = "_scale";
inline constexpr std::string_view kPiecesSuffix = "_pieces";

// The matrix `key` of the given shape as the files hold it, floating-point or quantized. Throws
// ShapeError where it, or its scale, is missing or has another dtype or shape; FormatError for
// codes in a file that does not say that it has this form, and for a scale or a number of pieces
// that cannot be.
WeightMatrix require_weight_matrix(const WeightFiles& files, const std::string& key,
                                   const Shape& shape);

// Whether the file that holds `key` says that it has the quantized form. Throws FormatError for
// another version of it.
bool is_quantized(const WeightFiles& files, std::string_view key);

// What to compute in unless the caller says otherwise, by the file that holds `key`. Throws
// FormatError for a version or a precision that is not known.
Precision default_precision(const WeightFiles& files, std::string_view key);

namespace detail {

inline FormatError metadata_error(const WeightFiles& files, std::string_view key,
                                  std::string_view name, const std::string& expected,
                                  const std::string* found) {
  return FormatError(files.file_of(key), "__metadata__." + std::string(name), expected,
                     found == nullptr ? "no such key" : '"' + *found + '"');
}

inline void check_scales(const WeightFiles& files, const std::string& key,
                         const TensorView& scales) {
  const auto refuse = [&](std::size_t index, const char* expected, const std::string& found) {
    throw FormatError(files.file_of(key), key, expected,
                      found + " at element " + std::to_string(index));
  };
  const std::size_t count = scales.element_count();
  if (scales.dtype == DType::f32) {
    const auto values = scales.as<float>();
    for (std::size_t i = 0; i < count; ++i) {
      if (std::isfinite(values[i]) && values[i] >= 0.0f) continue;
      refuse(i, "finite scales that are not negative", std::to_string(values[i]));
    }
  } else {
    const auto values = scales.as<std::uint16_t>();
    for (std::size_t i = 0; i < count; ++i) {
      if ((values[i] & 0x7C00) != 0x7C00) continue;
      refuse(i, "finite scales", (values[i] & 0x3FF) != 0 ? "nan" : "inf");
    }
  }
}

// 1 where the file does not say.
inline std::size_t read_pieces(const WeightFiles& files, const std::string& matrix_key,
                               std::size_t columns) {
  const std::string key = matrix_key + std::string(kPiecesSuffix);
  const auto tensor = files.find(key);
  if (!tensor) return 1;
  if (tensor->dtype != DType::u8 || tensor->shape != Shape{1}) {
    throw ShapeError(files.file_of(key), key, "U8 [1]", tensor->to_string());
  }
  const std::size_t pieces = tensor->as<std::uint8_t>()[0];
  if (pieces < 2 || kMostPieces % pieces != 0 || columns % pieces != 0) {
    throw FormatError(files.file_of(key), key,
                      "2, 4, 8 or 16 that divides " + std::to_string(columns),
                      std::to_string(pieces));
  }
  return pieces;
}

}  // namespace detail

inline bool is_quantized(const WeightFiles& files, std::string_view key) {
  const std::string* version = files.metadata_of(key, kQuantizationKey);
  if (version == nullptr) return false;
  if (*version != kQuantizationVersion) {
    throw detail::metadata_error(files, key, kQuantizationKey,
                                 '"' + std::string(kQuantizationVersion) + '"', version);
  }
  return true;
}

inline Precision default_precision(const WeightFiles& files, std::string_view key) {
  if (!is_quantized(files, key)) return Precision::f32;
  const std::string* name = files.metadata_of(key, kPrecisionKey);
  if (name == nullptr) return Precision::int8;
  const auto precision = precision_of(*name);
  if (!precision) {
    throw detail::metadata_error(files, key, kPrecisionKey, "one of f32, f16, bf16, int8", name);
  }
  return *precision;
}

inline WeightMatrix require_weight_matrix(const WeightFiles& files, const std::string& key,
                                          const Shape& shape) {
  const auto require = [&](const std::string& name, const std::string& expected) {
    auto tensor = files.find(name);
    if (!tensor) throw ShapeError(files.file_of(key), name, expected, "no such tensor");
    return *std::move(tensor);
  };
  TensorView elements = require(key, "a tensor of shape " + shape.to_string());
  if (is_floating_point(elements.dtype) && elements.shape == shape) return elements;
  if (elements.dtype != DType::i8 && elements.dtype != DType::u8) {
    throw ShapeError(files.file_of(key), key, "F32, F16, BF16 or F64 " + shape.to_string(),
                     elements.to_string());
  }
  if (!is_quantized(files, key)) {
    throw detail::metadata_error(files, key, kQuantizationKey,
                                 '"' + std::string(kQuantizationVersion) + "\" beside \"" + key +
                                     "\", which is " + elements.to_string(),
                                 nullptr);
  }
  const bool four_bits = elements.dtype == DType::u8;
  if (four_bits && shape[1] % 2 != 0) {
    throw ShapeError(files.file_of(key), key, "I8 or floating point for an odd number of columns",
                     elements.to_string());
  }
  const Shape stored = four_bits ? Shape{shape[0], shape[1] / 2} : shape;
  if (elements.shape != stored) {
    throw ShapeError(files.file_of(key), key,
                     std::string(name_of(elements.dtype)) + " " + stored.to_string(),
                     elements.to_string());
  }
  const Shape scale_shape =
      four_bits ? Shape{shape[0], (shape[1] + kFourBitBlock - 1) / kFourBitBlock} : Shape{shape[0]};
  const std::string expected = (four_bits ? "F16 " : "F32 ") + scale_shape.to_string();
  const std::string scale_key = key + std::string(kScaleSuffix);
  TensorView scales = require(scale_key, expected);
  if (scales.dtype != (four_bits ? DType::f16 : DType::f32) || scales.shape != scale_shape) {
    throw ShapeError(files.file_of(scale_key), scale_key, expected, scales.to_string());
  }
  detail::check_scales(files, scale_key, scales);
  const std::size_t pieces = detail::read_pieces(files, key, shape[1]);
  if (four_bits && pieces != 1) {
    const std::string pieces_key = key + std::string(kPiecesSuffix);
    throw FormatError(files.file_of(pieces_key), pieces_key, "no such tensor beside 4-bit codes",
                      std::to_string(pieces));
  }
  return {std::move(elements), std::move(scales), shape, pieces};
}

}  // namespace semblance
