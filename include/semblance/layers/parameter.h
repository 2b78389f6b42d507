#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "semblance/core/block_arena.h"
#include "semblance/core/error.h"
#include "semblance/layers/layer_scalar.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/packed_store.h"
#include "semblance/tensor/precision.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"
#include "semblance/tensor/weight_matrix.h"

namespace semblance {

// The parameters of one affine map, as the weight file holds them.
struct LinearParameters {
  WeightMatrix weight;             // [out_features, in_features]
  std::optional<TensorView> bias;  // [out_features]
  // What to keep the weights in; the reference in double takes them as they are.
  Precision precision = Precision::f32;
  // Of a Linear whose first part this is: where what it packs is kept, and the memory that it packs
  // into; none: memory of its own.
  PackedPlace packed = {};
  std::shared_ptr<BlockArena> arena = {};
  // The input comes out of a LayerNorm, where few features are far larger than the others: in int8
  // it is transformed across pieces (simd::Kernels::hadamard) before it is quantized.
  bool input_is_normalized = false;
};

inline LinearParameters with_normalized_input(LinearParameters parameters) {
  parameters.input_is_normalized = true;
  return parameters;
}

struct LayerNormParameters {
  TensorView weight;  // gamma [size]
  TensorView bias;    // beta [size]
  double eps = 1e-12;
};

// Copies `count` elements of a floating-point tensor from element `first` on. f16 and bf16 widen
// exactly; f64 rounds to nearest when the layer computes in float. Throws ShapeError for other
// types.
template <LayerScalar Scalar>
void copy_elements(const TensorView& from, std::size_t first, std::size_t count, Scalar* to) {
  const std::byte* bytes = from.data + first * byte_size(from.dtype);
  const auto convert = [&]<class Stored>(const Stored* values) {
    if constexpr (std::same_as<Stored, Scalar>) {
      std::copy_n(values, count, to);
    } else {
      std::transform(values, values + count, to, [](Stored v) { return static_cast<Scalar>(v); });
    }
  };
  const auto widen = [&](auto kernel) {
    const auto* halves = reinterpret_cast<const std::uint16_t*>(bytes);
    if constexpr (std::same_as<Scalar, float>) {
      kernel(halves, count, to);
    } else {
      AlignedBuffer<float> floats(count);
      kernel(halves, count, floats.data());
      std::copy(floats.begin(), floats.end(), to);
    }
  };
  switch (from.dtype) {
    case DType::f32: return convert(reinterpret_cast<const float*>(bytes));
    case DType::f64: return convert(reinterpret_cast<const double*>(bytes));
    case DType::f16: return widen(simd::kernels().float16_to_float32);
    case DType::bf16: return widen(simd::kernels().bfloat16_to_float32);
    default: throw ShapeError("expected a floating-point tensor, found " + from.to_string());
  }
}

// Values of a row of a quantized matrix, columns [first, first + count): code times scale, one
// product in float32; then the transform, which is its own inverse, where there is one.
inline void dequantize_row(const WeightMatrix& from, std::size_t row, std::size_t first,
                           std::size_t count, float* to) {
  const simd::Kernels& kernels = simd::kernels();
  if (from.elements.dtype == DType::i8) {
    const std::int8_t* codes = from.elements.as<std::int8_t>().data() + row * from.columns();
    const float scale = from.scales->as<float>()[row];
    if (from.pieces == 1) return kernels.int8_to_float32(codes + first, scale, count, to);
    const std::size_t columns = from.columns();
    AlignedBuffer<float> values(2 * columns);
    kernels.int8_to_float32(codes, scale, columns, values.data());
    kernels.hadamard(values.data(), columns, from.pieces, values.data() + columns);
    std::copy_n(values.data() + columns + first, count, to);
    return;
  }
  const std::size_t num_blocks = from.scales->shape[1];
  const std::uint16_t* scales = from.scales->as<std::uint16_t>().data() + row * num_blocks;
  const std::uint8_t* bytes = from.elements.as<std::uint8_t>().data() + row * (from.columns() / 2);
  for (std::size_t i = 0; i < count;) {
    const std::size_t block = (first + i) / kFourBitBlock;
    const std::size_t size = std::min(count, (block + 1) * kFourBitBlock - first) - i;
    std::int8_t codes[kFourBitBlock];
    for (std::size_t j = 0; j < size; ++j) {
      const std::size_t column = first + i + j;
      const int nibble = bytes[column / 2] >> (column % 2 * 4) & 15;
      codes[j] = static_cast<std::int8_t>(nibble - kFourBitZero);
    }
    float scale = 0.0f;
    kernels.float16_to_float32(scales + block, 1, &scale);
    kernels.int8_to_float32(codes, scale, size, to + i);
    i += size;
  }
}
inline void dequantize_row(const WeightMatrix& from, std::size_t row, std::size_t first,
                           std::size_t count, double* to) {
  AlignedBuffer<float> floats(count);
  dequantize_row(from, row, first, count, floats.data());
  std::copy(floats.begin(), floats.end(), to);
}

// The same for elements `first` on of a matrix, which may begin and end within rows.
template <LayerScalar Scalar>
void copy_elements(const WeightMatrix& from, std::size_t first, std::size_t count, Scalar* to) {
  if (!from.is_quantized()) return copy_elements(from.elements, first, count, to);
  const std::size_t columns = from.columns();
  while (count != 0) {
    const std::size_t column = first % columns;
    const std::size_t part = std::min(count, columns - column);
    dequantize_row(from, first / columns, column, part, to);
    first += part;
    to += part;
    count -= part;
  }
}

template <LayerScalar Scalar>
AlignedBuffer<Scalar> copy_elements(const TensorView& from) {
  AlignedBuffer<Scalar> values(from.element_count());
  copy_elements(from, 0, values.size(), values.data());
  return values;
}

}  // namespace semblance
