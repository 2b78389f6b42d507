#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "semblance/tensor/dtype.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Whether all of `count` elements of a floating-point tensor, from element `first` on, are finite
// as float32: no NaN, no infinity, and no double beyond float32. True for any other dtype. Reads
// at the speed of memory in a plain build.
bool all_finite(const TensorView& tensor, std::size_t first, std::size_t count) noexcept;

namespace detail {

// NaN and infinity are the values whose exponent is all ones. One more in its lowest bit then
// carries into the sign bit, which was masked out; so the test of an element is an AND, an addition
// and an OR. Blocks of a fixed length, since compilers vectorize those at -O2.
template <class Bits, Bits kExponent>
bool bits_are_finite(const std::byte* values, std::size_t count) noexcept {
  constexpr std::size_t kBlock = 256;
  const auto carry = [](const std::byte* value) {
    Bits bits;
    std::memcpy(&bits, value, sizeof bits);
    return static_cast<Bits>((bits & kExponent) + (kExponent & (~kExponent + 1)));
  };
  Bits any = 0;
  for (; count >= kBlock; count -= kBlock, values += kBlock * sizeof(Bits)) {
    Bits seen = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      seen = static_cast<Bits>(seen | carry(values + i * sizeof(Bits)));
    }
    any = static_cast<Bits>(any | seen);
  }
  for (std::size_t i = 0; i < count; ++i) {
    any = static_cast<Bits>(any | carry(values + i * sizeof(Bits)));
  }
  return (any >> (8 * sizeof(Bits) - 1)) == 0;
}

inline bool doubles_are_finite(const double* values, std::size_t count) noexcept {
  constexpr std::size_t kBlock = 256;
  float narrow[kBlock];
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t size = std::min(kBlock, count - first);
    for (std::size_t i = 0; i < size; ++i) narrow[i] = static_cast<float>(values[first + i]);
    const auto* bytes = reinterpret_cast<const std::byte*>(narrow);
    if (!bits_are_finite<std::uint32_t, 0x7F800000>(bytes, size)) return false;
  }
  return true;
}

}  // namespace detail

inline bool all_finite(const TensorView& tensor, std::size_t first, std::size_t count) noexcept {
  const std::byte* values = tensor.data + first * byte_size(tensor.dtype);
  switch (tensor.dtype) {
    case DType::f32: return detail::bits_are_finite<std::uint32_t, 0x7F800000>(values, count);
    case DType::f16: return detail::bits_are_finite<std::uint16_t, 0x7C00>(values, count);
    case DType::bf16: return detail::bits_are_finite<std::uint16_t, 0x7F80>(values, count);
    case DType::f64:
      return detail::doubles_are_finite(reinterpret_cast<const double*>(values), count);
    default: return true;
  }
}

}  // namespace semblance
