#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "semblance/core/error.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// What a layer computes in: float by the kernel table, double by Eigen as the readable reference.
template <class T>
concept LayerScalar = std::same_as<T, float> || std::same_as<T, double>;

// The parameters of one affine map, as the weight file holds them.
struct LinearParameters {
  TensorView weight;               // [out_features, in_features]
  std::optional<TensorView> bias;  // [out_features]
};

struct LayerNormParameters {
  TensorView weight;  // gamma [size]
  TensorView bias;    // beta [size]
  double eps = 1e-12;
};

// Copies `count` elements of a floating-point tensor from element `first` on. f16 and bf16 widen
// exactly; f64 rounds to nearest when the layer computes in float.
template <LayerScalar Scalar>
void copy_elements(const TensorView& from, std::size_t first, std::size_t count, Scalar* to) {
  const std::byte* bytes = from.data + first * byte_size(from.dtype);
  const auto convert = [&]<class Stored>(const Stored* values) {
    std::transform(values, values + count, to, [](Stored v) { return static_cast<Scalar>(v); });
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

template <LayerScalar Scalar>
AlignedBuffer<Scalar> copy_elements(const TensorView& from) {
  AlignedBuffer<Scalar> values(from.element_count());
  copy_elements(from, 0, values.size(), values.data());
  return values;
}

}  // namespace semblance
