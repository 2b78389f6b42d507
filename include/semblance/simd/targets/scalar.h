#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "semblance/simd/fma.h"
#include "semblance/simd/half_float.h"
#include "semblance/simd/kernel_table.h"
#include "semblance/simd/target_region.h"

// The definition of every result: plain loops over 16 lanes with fma, which is exact on every CPU.
// Slow where the build has no FMA instruction.
namespace semblance::simd::scalar {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kPanelVecs = 1;
inline constexpr std::size_t kSteps = 4;      // of k in a turn of a micro-kernel
inline constexpr std::size_t kTableRows = 1;  // of a tile of a table, with two queries
// Rows of a tile share its weights. Where fma is a call they gain nothing by it, and each height of
// a tile takes a second of every compilation. Compiler flags decide, so that two files of a program
// may differ: each has kernels of its own name.
#if defined(__FP_FAST_FMAF) || defined(__FMA__)
inline namespace tiles_of_four_rows {
inline constexpr std::size_t kTileRows = 4;
#else
inline namespace tiles_of_one_row {
inline constexpr std::size_t kTileRows = 1;
#endif

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
  return each_lane([&](std::size_t i) { return simd::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
SEMBLANCE_INLINE void add_product(FloatVec& sum, const FloatVec& a, const FloatVec& b) {
  sum = fma(a, b, sum);
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
SEMBLANCE_INLINE FloatVec swap_neighbours(const FloatVec& a) {
  return each_lane([&](std::size_t i) { return a.lane[i ^ 1]; });
}
// The first `count` lanes of a, then those of b.
SEMBLANCE_INLINE FloatVec keep_first(const FloatVec& a, std::size_t count, const FloatVec& b) {
  return each_lane([&](std::size_t i) { return i < count ? a.lane[i] : b.lane[i]; });
}
// a * 2^n for the integer n that was added to 1.5 * 2^23, where a and the result are normal.
SEMBLANCE_INLINE FloatVec times_power_of_two(const FloatVec& a, const FloatVec& shifted) {
  return each_lane([&](std::size_t i) {
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted.lane[i]) << 23) +
                                std::bit_cast<std::uint32_t>(a.lane[i]));
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

using simd::narrow_bfloat16;
using simd::narrow_float16;
using simd::widen_bfloat16;
using simd::widen_float16;
SEMBLANCE_INLINE FloatVec widen_bfloat16(const std::uint16_t* from) {
  return each_lane([&](std::size_t i) { return widen_bfloat16(from[i]); });
}
SEMBLANCE_INLINE FloatVec widen_float16(const std::uint16_t* from) {
  return each_lane([&](std::size_t i) { return widen_float16(from[i]); });
}

struct IntVec {
  std::int32_t lane[kLanes];
};
template <class Function>
SEMBLANCE_INLINE IntVec each_int(Function function) {
  IntVec result;
  for (std::size_t i = 0; i < kLanes; ++i) result.lane[i] = function(i);
  return result;
}
SEMBLANCE_INLINE IntVec splat_int(std::int32_t value) {
  return each_int([&](std::size_t) { return value; });
}
SEMBLANCE_INLINE IntVec add_int(const IntVec& a, const IntVec& b) {
  return each_int([&](std::size_t i) { return a.lane[i] + b.lane[i]; });
}
// Modulo 2^32.
SEMBLANCE_INLINE IntVec mul_int(const IntVec& a, const IntVec& b) {
  return each_int([&](std::size_t i) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.lane[i]) *
                                     static_cast<std::uint32_t>(b.lane[i]));
  });
}
SEMBLANCE_INLINE IntVec load_int(const std::int32_t* from) {
  return each_int([&](std::size_t i) { return from[i]; });
}
SEMBLANCE_INLINE void store_int(std::int32_t* to, const IntVec& a) {
  for (std::size_t i = 0; i < kLanes; ++i) to[i] = a.lane[i];
}
SEMBLANCE_INLINE std::int32_t reduce_max(const IntVec& a) {
  std::int32_t largest = a.lane[0];
  for (const std::int32_t lane : a.lane) largest = lane > largest ? lane : largest;
  return largest;
}
SEMBLANCE_INLINE IntVec load_int8(const std::int8_t* from) {
  return each_int([&](std::size_t i) { return from[i]; });
}
SEMBLANCE_INLINE void store_int8(std::int8_t* to, const IntVec& a) {
  for (std::size_t i = 0; i < kLanes; ++i) to[i] = static_cast<std::int8_t>(a.lane[i]);
}
// The columns of `rows`, one after the other.
template <std::size_t kCount>
SEMBLANCE_INLINE void store_interleaved(std::int8_t* to, const IntVec (&rows)[kCount]) {
  for (std::size_t i = 0; i < kLanes; ++i) {
    for (const IntVec& row : rows) *to++ = static_cast<std::int8_t>(row.lane[i]);
  }
}
SEMBLANCE_INLINE FloatVec as_float(const IntVec& a) {
  return each_lane([&](std::size_t i) { return std::bit_cast<float>(a.lane[i]); });
}
SEMBLANCE_INLINE FloatVec to_float(const IntVec& a) {
  return each_lane([&](std::size_t i) { return static_cast<float>(a.lane[i]); });
}
// For magnitudes far below 2^22: adding 1.5 * 2^23 leaves the nearest integer in the low bits.
SEMBLANCE_INLINE IntVec to_nearest(const FloatVec& a) {
  return each_int([&](std::size_t i) {
    return std::bit_cast<std::int32_t>(a.lane[i] + 12582912.0f) - 0x4B400000;
  });
}
// The larger of a and the bits of |x|.
SEMBLANCE_INLINE IntVec max_magnitude(const IntVec& a, const FloatVec& x) {
  return each_int([&](std::size_t i) {
    const std::int32_t bits = std::bit_cast<std::int32_t>(x.lane[i]) & 0x7FFFFFFF;
    return bits > a.lane[i] ? bits : a.lane[i];
  });
}

// Products of 8-bit codes, four inputs at a time.
struct QuadDot {
  using Any = QuadDot;
  using Code = std::int16_t;
  static constexpr std::size_t kGroup = 4;
  static constexpr std::size_t kUnroll = 4;
  static constexpr std::size_t kTurnInputs = 16;
  static constexpr std::int32_t kShift = kDifference;
  struct Weights {
    const std::int8_t* codes;
  };
  static SEMBLANCE_INLINE void store(Code* to, const IntVec& a) {
    for (std::size_t i = 0; i < kLanes; ++i) to[i] = static_cast<Code>(a.lane[i]);
  }
  // Values below 2^16 as two codes each.
  static SEMBLANCE_INLINE void store_bytes(Code* high, Code* low, const IntVec (&values)[4]) {
    for (const IntVec& value : values) {
      for (std::size_t i = 0; i < kLanes; ++i) {
        *high++ = static_cast<Code>(value.lane[i] >> 8);
        *low++ = static_cast<Code>(value.lane[i] & 255);
      }
    }
  }
  static SEMBLANCE_INLINE Weights load(const std::int8_t* from) { return {from}; }
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      for (std::size_t j = 0; j < kGroup; ++j) {
        sums[0].lane[i] += input[j] * weight[0].codes[i * kGroup + j];
      }
    }
  }
};

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
    values[2 * i] = simd::fma(even, cosine[i], -product(odd, sine[i]));
    values[2 * i + 1] = simd::fma(odd, cosine[i], product(even, sine[i]));
  }
}

// Included in the order of use.
// clang-format off
#include "semblance/simd/generic/math.inl.h"
#include "semblance/simd/generic/epilogue.inl.h"
#include "semblance/simd/generic/prefetch.inl.h"
#include "semblance/simd/generic/row_cursor.inl.h"
#include "semblance/simd/generic/linear.inl.h"
#include "semblance/simd/generic/int8_codes.inl.h"
#include "semblance/simd/generic/int8.inl.h"
#include "semblance/simd/generic/hadamard.inl.h"
#include "semblance/simd/generic/attention.inl.h"
#include "semblance/simd/generic/int8_columns.inl.h"
#include "semblance/simd/generic/attention_int8.inl.h"
#include "semblance/simd/generic/rows.inl.h"
#include "semblance/simd/generic/row_tables.inl.h"
#include "semblance/simd/generic/table.inl.h"
// clang-format on

}  // the namespace of kTileRows
}  // namespace semblance::simd::scalar
