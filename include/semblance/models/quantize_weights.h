#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/error.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/io/quantized_weights.h"
#include "semblance/io/safetensors_writer.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/int8_weights.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/half_float.h"
#include "semblance/simd/kernels.h"

namespace semblance {

struct QuantizeOptions {
  // 8, or 4. The tables of positions and of types, which are small and added to every token, stay
  // as they are.
  int bits = 8;
  // A matrix whose relative error would be larger stays as it is, and with 4 bits one with values
  // beyond 524032, for which binary16 has no scale.
  double keep_above = std::numeric_limits<double>::infinity();
  // When stop is requested, Cancelled is thrown soon after and nothing is written.
  std::stop_token stop_token = {};
};

// What became of one matrix.
struct QuantizedMatrix {
  std::string key;
  Shape shape;
  int bits = 0;  // 0: kept as it was
  // Length of the difference over length of the matrix, both as one vector.
  double relative_error = 0.0;
};

// Writes the tensors of `files` to a safetensors file at `path` in the form of
// io/quantized_weights.h: every matrix "...weight" in floating point is quantized but for the small
// tables, all else is copied. 8-bit codes and scales of the layers are those that loading in int8
// makes of the same matrix. A 4-bit scale is the one of several near v / 7 and v / -8, v the
// value of largest magnitude, that has the least squared error in its block; a matrix of an odd
// number of columns gets 8 bits. Throws std::invalid_argument for other `bits`, FileError,
// FormatError (a weight that is not finite, or quantized already, or one to quantize whose key with
// "_scale" or "_pieces" behind it is a tensor of the files too), Cancelled.
std::vector<QuantizedMatrix> quantize_weights(const WeightFiles& files, const std::string& path,
                                              const QuantizeOptions& options, Executor& executor);

namespace detail {

struct FourBitScale {
  std::uint16_t bits = 0;  // binary16
  float value = 0.0f;
};

inline FourBitScale four_bit_scale(float value) {
  FourBitScale scale;
  scale.bits = simd::narrow_float16(value);
  scale.value = simd::widen_float16(scale.bits);
  return scale;
}

inline int four_bit_code(float value, float scale) noexcept {
  const float code = std::nearbyint(value / scale) + static_cast<float>(kFourBitZero);
  return static_cast<int>(code > 0.0f ? std::min(code, 15.0f) : 0.0f);  // 0 for NaN
}

// The scale of a block, and its codes.
inline FourBitScale quantize_block(const float* values, std::size_t count, std::uint8_t* codes) {
  float extreme = 0.0f;  // of largest magnitude, with its sign
  for (std::size_t i = 0; i < count; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  FourBitScale best;
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 8; ++step) {
    const float shrink = 1.0f - 0.05f * static_cast<float>(step);
    for (const float levels : {-8.0f, 7.0f}) {
      const FourBitScale scale = four_bit_scale(shrink * extreme / levels);
      if (scale.value == 0.0f) continue;
      double error = 0.0;
      for (std::size_t i = 0; i < count; ++i) {
        const int code = four_bit_code(values[i], scale.value) - kFourBitZero;
        const float difference = values[i] - static_cast<float>(code) * scale.value;
        error += static_cast<double>(difference * difference);
      }
      if (error < least) {
        least = error;
        best = scale;
      }
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    codes[i] = static_cast<std::uint8_t>(best.value == 0.0f ? kFourBitZero
                                                            : four_bit_code(values[i], best.value));
  }
  return best;
}

// nibbles [values.size()] are room to work in; scales one a block; codes two a byte.
inline void quantize_row_to_four_bits(std::span<const float> values,
                                      std::span<std::uint8_t> nibbles, std::uint16_t* scales,
                                      std::byte* codes) {
  for (std::size_t begin = 0; begin < values.size(); begin += kFourBitBlock) {
    const std::size_t count = std::min(kFourBitBlock, values.size() - begin);
    *scales++ = quantize_block(values.data() + begin, count, nibbles.data() + begin).bits;
  }
  for (std::size_t i = 0; i < values.size() / 2; ++i) {
    codes[i] = static_cast<std::byte>(nibbles[2 * i] | nibbles[2 * i + 1] << 4);
  }
}

// Whether the largest scale of binary16 is enough for a row.
inline bool reaches(std::span<const float> values) noexcept {
  constexpr float kLargest = 8.0f * 65504.0f;
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::fabs(value) <= kLargest; });
}

// The codes and scales of one matrix while the file is being made.
struct QuantizedTensors {
  WeightMatrix matrix;
  AlignedBuffer<std::byte> codes;
  AlignedBuffer<std::byte> scales;
  std::uint8_t pieces = 1;
  double relative_error = 0.0;  // infinite where 4 bits do not reach the values
};

// Of the layers of BERT and DistilBERT: the input is the output of a LayerNorm.
inline bool has_normalized_input(std::string_view key) {
  for (const std::string_view ending :
       {".self.query.weight", ".self.key.weight", ".self.value.weight",
        ".intermediate.dense.weight", ".q_lin.weight", ".k_lin.weight", ".v_lin.weight",
        ".lin1.weight"}) {
    if (key.ends_with(ending)) return true;
  }
  return false;
}

// A table of rows that are looked up, not multiplied.
inline bool is_table(std::string_view key) { return key.find("_embeddings.") != key.npos; }

// pieces: 1 for 4 bits and for a table.
inline QuantizedTensors quantize_matrix(const TensorView& weight, int bits, std::size_t pieces,
                                        bool table, Executor& executor) {
  const std::size_t rows = weight.shape[0];
  const std::size_t columns = weight.shape[1];
  const std::size_t blocks = (columns + kFourBitBlock - 1) / kFourBitBlock;
  QuantizedTensors result;
  result.codes = AlignedBuffer<std::byte>(bits == 8 ? rows * columns : rows * (columns / 2));
  result.scales = AlignedBuffer<std::byte>(bits == 8 ? rows * 4 : rows * blocks * 2);
  result.matrix =
      bits == 8
          ? WeightMatrix({result.codes.data(), DType::i8, {rows, columns}},
                         TensorView{result.scales.data(), DType::f32, {rows}}, weight.shape, pieces)
          : WeightMatrix({result.codes.data(), DType::u8, {rows, columns / 2}},
                         TensorView{result.scales.data(), DType::f16, {rows, blocks}},
                         weight.shape);
  result.pieces = static_cast<std::uint8_t>(pieces);
  std::vector<double> errors(rows), squares(rows);
  const auto quantize = [&](std::size_t, std::size_t first, std::size_t last) {
    AlignedBuffer<float> values(columns), restored(columns);
    std::vector<std::uint8_t> nibbles(columns);
    for (std::size_t r = first; r < last; ++r) {
      copy_elements(weight, r * columns, columns, values.data());
      if (bits == 8) {
        auto* codes = reinterpret_cast<std::int8_t*>(result.codes.data()) + r * columns;
        reinterpret_cast<float*>(result.scales.data())[r] =
            table ? simd::kernels().quantize_row(values.data(), columns, codes)
                  : quantize_weight_row(values.data(), columns, pieces, restored.data(), codes);
      } else {
        quantize_row_to_four_bits(
            values, nibbles, reinterpret_cast<std::uint16_t*>(result.scales.data()) + r * blocks,
            result.codes.data() + r * (columns / 2));
        if (!reaches(values)) errors[r] = std::numeric_limits<double>::infinity();
      }
      dequantize_row(result.matrix, r, 0, columns, restored.data());
      for (std::size_t i = 0; i < columns; ++i) {
        const double value = static_cast<double>(values[i]);
        const double difference = value - static_cast<double>(restored[i]);
        errors[r] += difference * difference;
        squares[r] += value * value;
      }
    }
  };
  parallel_slices(executor, rows, 1, quantize);
  double error = 0.0, square = 0.0;
  for (std::size_t r = 0; r < rows; ++r) {
    error += errors[r];
    square += squares[r];
  }
  result.relative_error = square == 0.0 ? 0.0 : std::sqrt(error / square);
  return result;
}

// 0: not a matrix to quantize. The small tables cost more than their size: as 8-bit codes they
// alone take 0.0025 of bge-small-zh-v1.5's cosine.
inline int bits_of_matrix(std::string_view key, const TensorView& tensor, int bits) {
  const auto has = [&](std::string_view part) { return key.find(part) != key.npos; };
  if (!is_floating_point(tensor.dtype) || tensor.shape.rank() != 2) return 0;
  if (tensor.element_count() == 0) return 0;
  // RoFormer's saved positions turn every query and key.
  if (!key.ends_with(".weight") || has("embed_positions")) return 0;
  if (has("position_embeddings") || has("_type_embeddings")) return 0;
  if (tensor.shape[1] > simd::kMaxInt8Features) return 0;  // no layer could compute with it
  return tensor.shape[1] % 2 != 0 ? 8 : bits;
}

// Throws FormatError where the files have tensors of their own by the names that go with codes.
inline void check_names_are_free(const WeightFiles& files, const std::string& key) {
  for (const std::string_view suffix : {kScaleSuffix, kPiecesSuffix}) {
    const std::string taken = key + std::string(suffix);
    const StoredTensor* tensor = files.describe(taken);
    if (tensor == nullptr) continue;
    throw FormatError(files.file_of(taken), taken,
                      "no such tensor beside a matrix that is to be quantized",
                      TensorView{nullptr, tensor->dtype, tensor->shape}.to_string());
  }
}

// Throws FormatError for weights that are not finite, and for names that are taken.
inline QuantizedTensors quantize_matrix_of(const WeightFiles& files, const std::string& key,
                                           const TensorView& weight, int bits, Executor& executor) {
  check_names_are_free(files, key);
  const bool transform = bits == 8 && has_normalized_input(key);
  const std::size_t pieces = transform ? simd::hadamard_pieces(weight.shape[1]) : 1;
  QuantizedTensors result = quantize_matrix(weight, bits, pieces, is_table(key), executor);
  if (std::isnan(result.relative_error)) {
    throw FormatError(files.file_of(key), key, "finite weights", "nan or infinity");
  }
  return result;
}

// The tensors to write for a matrix, which must outlive them.
inline void append_tensors(const std::string& key, const QuantizedTensors& quantized,
                           std::vector<NamedTensor>& tensors) {
  const WeightMatrix& matrix = quantized.matrix;
  tensors.push_back({key, matrix.elements});
  tensors.push_back({key + std::string(kScaleSuffix), *matrix.scales});
  if (matrix.pieces == 1) return;
  const auto* pieces = reinterpret_cast<const std::byte*>(&quantized.pieces);
  tensors.push_back({key + std::string(kPiecesSuffix), TensorView{pieces, DType::u8, {1}}});
}

}  // namespace detail

inline std::vector<QuantizedMatrix> quantize_weights(const WeightFiles& files,
                                                     const std::string& path,
                                                     const QuantizeOptions& options,
                                                     Executor& executor) {
  if (options.bits != 8 && options.bits != 4) {
    throw std::invalid_argument("bits: expected 8 or 4, found " + std::to_string(options.bits));
  }
  std::vector<QuantizedMatrix> report;
  std::vector<NamedTensor> tensors;
  std::list<detail::QuantizedTensors> quantized;
  for (const std::string_view name : files.names()) {
    const std::string key(name);
    if (is_quantized(files, key)) {
      throw FormatError(files.file_of(key), "__metadata__." + std::string(kQuantizationKey),
                        "a model that is not quantized yet", "one that is");
    }
    if (options.stop_token.stop_requested()) {
      throw Cancelled("quantize_weights: cancelled by the caller");
    }
    const TensorView tensor = *files.find(key);
    const int bits = detail::bits_of_matrix(key, tensor, options.bits);
    if (bits == 0) {
      tensors.push_back({key, tensor});
      continue;
    }
    detail::QuantizedTensors matrix =
        detail::quantize_matrix_of(files, key, tensor, bits, executor);
    const bool keep =
        std::isinf(matrix.relative_error) || matrix.relative_error > options.keep_above;
    report.push_back({key, tensor.shape, keep ? 0 : bits, matrix.relative_error});
    if (keep) {
      tensors.push_back({key, tensor});
      continue;
    }
    files.release(tensor);
    quantized.push_back(std::move(matrix));
    detail::append_tensors(key, quantized.back(), tensors);
  }
  write_safetensors(path, std::move(tensors),
                    {{"format", "pt"},
                     {std::string(kQuantizationKey), std::string(kQuantizationVersion)},
                     {std::string(kPrecisionKey), std::string(name_of(Precision::int8))}});
  return report;
}

}  // namespace semblance
