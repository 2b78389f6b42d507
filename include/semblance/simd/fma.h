#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "semblance/simd/target_region.h"

namespace semblance::simd {

namespace detail {

// a * b + c rounded once, by float64 alone: the product is exact there, the sum is rounded to odd,
// and what was rounded to odd with so many bits to spare rounds to float32 as the exact sum would
// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
SEMBLANCE_INLINE float fma_by_float64(float a, float b, float c) noexcept {
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double sum = product + c;
  const double added = sum - product;
  const double error = (product - (sum - added)) + (c - added);  // Knuth's two-sum: exact
  auto bits = std::bit_cast<std::uint64_t>(sum);
  if ((error > 0 || error < 0) && (bits & 1) == 0) {
    bits = (error > 0) == (sum > 0) ? bits + 1 : bits - 1;
  }
  return static_cast<float>(std::bit_cast<double>(bits));
}

}  // namespace detail

// a * b + c, rounded once. MinGW's std::fma is not: its C library rounds twice.
SEMBLANCE_INLINE float fma(float a, float b, float c) noexcept {
#if defined(__MINGW32__) && !defined(__FMA__)
  return detail::fma_by_float64(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

}  // namespace semblance::simd
