#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "semblance/simd/kernel_table.h"
#include "semblance/simd/target_region.h"

// The definition of every result: plain loops over 16 lanes with std::fma, which is exact on every
// CPU. Slow where the build has no FMA instruction.
namespace semblance::simd::scalar {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kPanelVecs = 1;
inline constexpr std::size_t kTileRows = 4;

struct FloatVec {
  float lane[kLanes];
};

// Keeps a rounded product away from a following addition, which g++ would fuse with it.
SEMBLANCE_INLINE float product(float a, float b) {
  float result = a * b;
#if defined(__x86_64__)
  __asm__("" : "+x"(result));
#elif defined(__aarch64__)
  __asm__("" : "+w"(result));
#else
  __asm__("" : "+m"(result));
#endif
  return result;
}

template <class Function>
SEMBLANCE_INLINE FloatVec each_lane(Function function) {
  FloatVec result;
  for (std::size_t i = 0; i < kLanes; ++i) result.lane[i] = function(i);
  return result;
}

SEMBLANCE_INLINE FloatVec load(const float* from) {
  return each_lane([&](std::size_t i) { return from[i]; });
}
SEMBLANCE_INLINE FloatVec load_partial(const float* from, std::size_t count) {
  return each_lane([&](std::size_t i) { return i < count ? from[i] : 0.0f; });
}
SEMBLANCE_INLINE void store(float* to, const FloatVec& v) {
  for (std::size_t i = 0; i < kLanes; ++i) to[i] = v.lane[i];
}
SEMBLANCE_INLINE void store_partial(float* to, std::size_t count, const FloatVec& v) {
  for (std::size_t i = 0; i < count; ++i) to[i] = v.lane[i];
}
SEMBLANCE_INLINE FloatVec splat(float value) {
  return each_lane([&](std::size_t) { return value; });
}
SEMBLANCE_INLINE FloatVec add(const FloatVec& a, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return a.lane[i] + b.lane[i]; });
}
SEMBLANCE_INLINE FloatVec sub(const FloatVec& a, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return a.lane[i] - b.lane[i]; });
}
SEMBLANCE_INLINE FloatVec mul(const FloatVec& a, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return product(a.lane[i], b.lane[i]); });
}
SEMBLANCE_INLINE FloatVec div(const FloatVec& a, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return a.lane[i] / b.lane[i]; });
}
// a * b + c, rounded once.
SEMBLANCE_INLINE FloatVec fma(const FloatVec& a, const FloatVec& b, const FloatVec& c) {
  return each_lane([&](std::size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
// The second operand where either is NaN or both are zero, as the x86 instructions have it.
SEMBLANCE_INLINE FloatVec max(const FloatVec& a, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
SEMBLANCE_INLINE FloatVec min(const FloatVec& a, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
SEMBLANCE_INLINE FloatVec abs(const FloatVec& a) {
  return each_lane([&](std::size_t i) { return std::fabs(a.lane[i]); });
}
SEMBLANCE_INLINE FloatVec copy_sign(const FloatVec& magnitude, const FloatVec& sign) {
  return each_lane([&](std::size_t i) { return std::copysign(magnitude.lane[i], sign.lane[i]); });
}
// a < b ? x : y
SEMBLANCE_INLINE FloatVec select_less(const FloatVec& a, const FloatVec& b, const FloatVec& x,
                                      const FloatVec& y) {
  return each_lane([&](std::size_t i) { return a.lane[i] < b.lane[i] ? x.lane[i] : y.lane[i]; });
}
// The first `count` lanes of a, then those of b.
SEMBLANCE_INLINE FloatVec keep_first(const FloatVec& a, std::size_t count, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return i < count ? a.lane[i] : b.lane[i]; });
}
// base * 2^n for the integer n that was added to 1.5 * 2^23.
SEMBLANCE_INLINE FloatVec power_of_two(const FloatVec& shifted, float base) {
  return each_lane([&](std::size_t i) {
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted.lane[i]) << 23) +
                                std::bit_cast<std::uint32_t>(base));
  });
}
// The 16-lane tree: lanes i and i + 8, then i + 4, i + 2, i + 1.
SEMBLANCE_INLINE float reduce_sum(FloatVec v) {
  for (std::size_t half = kLanes / 2; half != 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) v.lane[i] += v.lane[i + half];
  }
  return v.lane[0];
}
SEMBLANCE_INLINE float reduce_max(FloatVec v) {
  for (std::size_t half = kLanes / 2; half != 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) {
      v.lane[i] = v.lane[i] > v.lane[i + half] ? v.lane[i] : v.lane[i + half];
    }
  }
  return v.lane[0];
}
SEMBLANCE_INLINE float divide(float a, float b) { return a / b; }
SEMBLANCE_INLINE float square_root(float a) { return std::sqrt(a); }

// Bits of bfloat16 are the upper half of a float32.
SEMBLANCE_INLINE float widen_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
SEMBLANCE_INLINE float widen_float16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t magnitude = bits & 0x7FFFu;
  if (magnitude >= 0x7C00u) {  // infinity, or NaN made quiet
    const std::uint32_t quiet = magnitude > 0x7C00u ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | 0x7F800000u | quiet | (magnitude & 0x3FFu) << 13);
  }
  if (magnitude >= 0x0400u) return std::bit_cast<float>(sign | ((magnitude + 0x1C000u) << 13));
  const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
}
SEMBLANCE_INLINE FloatVec widen_bfloat16(const std::uint16_t* from) {
  return each_lane([&](std::size_t i) { return widen_bfloat16(from[i]); });
}
SEMBLANCE_INLINE FloatVec widen_float16(const std::uint16_t* from) {
  return each_lane([&](std::size_t i) { return widen_float16(from[i]); });
}

// to[c * to_stride + r] = from[r * from_stride + c] for 16 rows, those from `rows` on read as zero.
template <bool kStreaming>
inline void transpose_rows(const float* from, std::size_t from_stride, std::size_t rows,
                           std::size_t columns, float* to, std::size_t to_stride) noexcept {
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t r = 0; r < kLanes; ++r) {
      to[c * to_stride + r] = r < rows ? from[r * from_stride + c] : 0.0f;
    }
  }
}
SEMBLANCE_INLINE void finish_streaming() {}

// Rotates pairs (2i, 2i + 1) by the angle with sine[i] and cosine[i].
inline void rotate_pairs(float* values, const float* sine, const float* cosine,
                         std::size_t pairs) noexcept {
  for (std::size_t i = 0; i < pairs; ++i) {
    const float even = values[2 * i];
    const float odd = values[2 * i + 1];
    values[2 * i] = std::fma(even, cosine[i], -product(odd, sine[i]));
    values[2 * i + 1] = std::fma(odd, cosine[i], product(even, sine[i]));
  }
}

// Included in the order of use.
// clang-format off
#include "semblance/simd/generic/math.inl.h"
#include "semblance/simd/generic/linear.inl.h"
#include "semblance/simd/generic/attention.inl.h"
#include "semblance/simd/generic/rows.inl.h"
#include "semblance/simd/generic/table.inl.h"
// clang-format on

}  // namespace semblance::simd::scalar
