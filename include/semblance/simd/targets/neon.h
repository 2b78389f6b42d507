#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "semblance/simd/kernel_table.h"
#include "semblance/simd/target_region.h"
#include "semblance/simd/targets/scalar.h"

// Advanced SIMD of AArch64, part of every such CPU: 16 lanes are four registers, tiles are 6 rows
// by 4 registers.
namespace semblance::simd::neon {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kPanelVecs = 1;
inline constexpr std::size_t kSteps = 4;      // of k in a turn of a micro-kernel
inline constexpr std::size_t kTableRows = 2;  // of a tile of a table, with two queries
inline constexpr std::size_t kTileRows = 6;

struct FloatVec {
  float32x4_t q[4];
};

template <class Function>
SEMBLANCE_INLINE FloatVec each_quarter(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}

SEMBLANCE_INLINE FloatVec load(const float* from) {
  return each_quarter([&](int i) { return vld1q_f32(from + 4 * i); });
}
SEMBLANCE_INLINE void store(float* to, const FloatVec& a) {
  vst1q_f32(to, a.q[0]);
  vst1q_f32(to + 4, a.q[1]);
  vst1q_f32(to + 8, a.q[2]);
  vst1q_f32(to + 12, a.q[3]);
}
SEMBLANCE_INLINE FloatVec load_partial(const float* from, std::size_t count) {
  float lanes[kLanes] = {};
  for (std::size_t i = 0; i < count; ++i) lanes[i] = from[i];
  return load(lanes);
}
SEMBLANCE_INLINE void store_partial(float* to, std::size_t count, const FloatVec& a) {
  float lanes[kLanes];
  store(lanes, a);
  for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
}
SEMBLANCE_INLINE FloatVec splat(float value) {
  return each_quarter([&](int) { return vdupq_n_f32(value); });
}
SEMBLANCE_INLINE FloatVec add(const FloatVec& a, const FloatVec& b) {
  return each_quarter([&](int i) { return vaddq_f32(a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE FloatVec sub(const FloatVec& a, const FloatVec& b) {
  return each_quarter([&](int i) { return vsubq_f32(a.q[i], b.q[i]); });
}
// Not to be fused with an addition.
SEMBLANCE_INLINE FloatVec mul(const FloatVec& a, const FloatVec& b) {
  return each_quarter([&](int i) {
    float32x4_t result = vmulq_f32(a.q[i], b.q[i]);
    __asm__("" : "+w"(result));
    return result;
  });
}
SEMBLANCE_INLINE FloatVec div(const FloatVec& a, const FloatVec& b) {
  return each_quarter([&](int i) { return vdivq_f32(a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE FloatVec fma(const FloatVec& a, const FloatVec& b, const FloatVec& c) {
  return each_quarter([&](int i) { return vfmaq_f32(c.q[i], a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE void add_product(FloatVec& sum, const FloatVec& a, const FloatVec& b) {
  sum = fma(a, b, sum);
}
// Comparisons and selections, because vmaxq and vminq treat NaN and signed zeros differently.
SEMBLANCE_INLINE float32x4_t larger(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
SEMBLANCE_INLINE FloatVec max(const FloatVec& a, const FloatVec& b) {
  return each_quarter([&](int i) { return larger(a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE FloatVec min(const FloatVec& a, const FloatVec& b) {
  return each_quarter([&](int i) { return vbslq_f32(vcltq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE FloatVec abs(const FloatVec& a) {
  return each_quarter([&](int i) { return vabsq_f32(a.q[i]); });
}
SEMBLANCE_INLINE FloatVec copy_sign(const FloatVec& magnitude, const FloatVec& sign) {
  const uint32x4_t sign_bit = vdupq_n_u32(0x80000000u);
  return each_quarter([&](int i) { return vbslq_f32(sign_bit, sign.q[i], magnitude.q[i]); });
}
SEMBLANCE_INLINE FloatVec select_less(const FloatVec& a, const FloatVec& b, const FloatVec& x,
                                      const FloatVec& y) {
  return each_quarter([&](int i) { return vbslq_f32(vcltq_f32(a.q[i], b.q[i]), x.q[i], y.q[i]); });
}
SEMBLANCE_INLINE FloatVec swap_neighbours(const FloatVec& a) {
  return each_quarter([&](int i) { return vrev64q_f32(a.q[i]); });
}
SEMBLANCE_INLINE FloatVec keep_first(const FloatVec& a, std::size_t count, const FloatVec& b) {
  const uint32x4_t index = {0, 1, 2, 3};
  return each_quarter([&](int i) {
    const uint32x4_t lane = vaddq_u32(index, vdupq_n_u32(4u * static_cast<unsigned>(i)));
    const uint32x4_t kept = vcltq_u32(lane, vdupq_n_u32(static_cast<std::uint32_t>(count)));
    return vbslq_f32(kept, a.q[i], b.q[i]);
  });
}
SEMBLANCE_INLINE FloatVec times_power_of_two(const FloatVec& a, const FloatVec& shifted) {
  return each_quarter([&](int i) {
    const uint32x4_t exponent = vshlq_n_u32(vreinterpretq_u32_f32(shifted.q[i]), 23);
    return vreinterpretq_f32_u32(vaddq_u32(exponent, vreinterpretq_u32_f32(a.q[i])));
  });
}
SEMBLANCE_INLINE float reduce_sum(const FloatVec& a) {
  const float32x4_t by_4 = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
  const float32x2_t by_2 = vadd_f32(vget_low_f32(by_4), vget_high_f32(by_4));
  return vget_lane_f32(by_2, 0) + vget_lane_f32(by_2, 1);
}
SEMBLANCE_INLINE float reduce_max(const FloatVec& a) {
  const float32x4_t by_4 = larger(larger(a.q[0], a.q[2]), larger(a.q[1], a.q[3]));
  const float32x4_t by_2 = larger(by_4, vextq_f32(by_4, by_4, 2));
  return vgetq_lane_f32(larger(by_2, vextq_f32(by_2, by_2, 1)), 0);
}
SEMBLANCE_INLINE float divide(float a, float b) { return a / b; }
SEMBLANCE_INLINE float square_root(float a) { return vget_lane_f32(vsqrt_f32(vdup_n_f32(a)), 0); }
SEMBLANCE_INLINE FloatVec widen_bfloat16(const std::uint16_t* from) {
  return each_quarter(
      [&](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(from + 4 * i), 16)); });
}
SEMBLANCE_INLINE FloatVec widen_float16(const std::uint16_t* from) {
  return each_quarter(
      [&](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + 4 * i))); });
}

struct IntVec {
  int32x4_t q[4];
};
template <class Function>
SEMBLANCE_INLINE IntVec each_int_quarter(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}
SEMBLANCE_INLINE IntVec splat_int(std::int32_t value) {
  return each_int_quarter([&](int) { return vdupq_n_s32(value); });
}
SEMBLANCE_INLINE IntVec add_int(const IntVec& a, const IntVec& b) {
  return each_int_quarter([&](int i) { return vaddq_s32(a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE IntVec mul_int(const IntVec& a, const IntVec& b) {
  return each_int_quarter([&](int i) { return vmulq_s32(a.q[i], b.q[i]); });
}
SEMBLANCE_INLINE IntVec load_int(const std::int32_t* from) {
  return each_int_quarter([&](int i) { return vld1q_s32(from + 4 * i); });
}
SEMBLANCE_INLINE void store_int(std::int32_t* to, const IntVec& a) {
  for (int i = 0; i < 4; ++i) vst1q_s32(to + 4 * i, a.q[i]);
}
SEMBLANCE_INLINE std::int32_t reduce_max(const IntVec& a) {
  return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.q[0], a.q[1]), vmaxq_s32(a.q[2], a.q[3])));
}
SEMBLANCE_INLINE IntVec load_int8(const std::int8_t* from) {
  const int8x16_t codes = vld1q_s8(from);
  const int16x8_t low = vmovl_s8(vget_low_s8(codes));
  const int16x8_t high = vmovl_s8(vget_high_s8(codes));
  return {{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)),
           vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))}};
}
SEMBLANCE_INLINE int8x16_t to_int8(const IntVec& a) {
  const int16x8_t low = vcombine_s16(vqmovn_s32(a.q[0]), vqmovn_s32(a.q[1]));
  const int16x8_t high = vcombine_s16(vqmovn_s32(a.q[2]), vqmovn_s32(a.q[3]));
  return vcombine_s8(vqmovn_s16(low), vqmovn_s16(high));
}
SEMBLANCE_INLINE void store_int8(std::int8_t* to, const IntVec& a) { vst1q_s8(to, to_int8(a)); }
SEMBLANCE_INLINE void store_interleaved(std::int8_t* to, const IntVec (&rows)[2]) {
  vst2q_s8(to, {{to_int8(rows[0]), to_int8(rows[1])}});
}
SEMBLANCE_INLINE void store_interleaved(std::int8_t* to, const IntVec (&rows)[4]) {
  vst4q_s8(to, {{to_int8(rows[0]), to_int8(rows[1]), to_int8(rows[2]), to_int8(rows[3])}});
}
SEMBLANCE_INLINE FloatVec as_float(const IntVec& a) {
  return each_quarter([&](int i) { return vreinterpretq_f32_s32(a.q[i]); });
}
SEMBLANCE_INLINE FloatVec to_float(const IntVec& a) {
  return each_quarter([&](int i) { return vcvtq_f32_s32(a.q[i]); });
}
SEMBLANCE_INLINE IntVec to_nearest(const FloatVec& a) {
  return each_int_quarter([&](int i) { return vcvtnq_s32_f32(a.q[i]); });
}
SEMBLANCE_INLINE IntVec max_magnitude(const IntVec& a, const FloatVec& x) {
  return each_int_quarter(
      [&](int i) { return vmaxq_s32(a.q[i], vreinterpretq_s32_f32(vabsq_f32(x.q[i]))); });
}

// Both bytes of values below 2^16, less 128.
SEMBLANCE_INLINE void store_shifted_bytes(std::int8_t* high, std::int8_t* low,
                                          const IntVec (&values)[4]) {
  const int32x4_t shift = vdupq_n_s32(128);
  SEMBLANCE_UNROLL
  for (std::size_t v = 0; v < 4; ++v) {
    store_int8(high + 16 * v, each_int_quarter([&](int i) {
                 return vsubq_s32(vshrq_n_s32(values[v].q[i], 8), shift);
               }));
    store_int8(low + 16 * v, each_int_quarter([&](int i) {
                 return vsubq_s32(vandq_s32(values[v].q[i], vdupq_n_s32(255)), shift);
               }));
  }
}

// Two inputs at a time: products of 16 bits, at most 128 * 128 in magnitude, pairs of them added to
// sums of 32 bits.
struct PairDot {
  using Any = PairDot;
  using Code = std::int8_t;
  static constexpr std::size_t kGroup = 2;
  static constexpr std::size_t kUnroll = 4;
  static constexpr std::size_t kTurnInputs = 16;
  static constexpr std::int32_t kShift = 128;
  struct Weights {
    int8x8_t q[4];
  };
  static SEMBLANCE_INLINE void store(Code* to, const IntVec& a) { store_int8(to, a); }
  static SEMBLANCE_INLINE void store_bytes(Code* high, Code* low, const IntVec (&values)[4]) {
    store_shifted_bytes(high, low, values);
  }
  static SEMBLANCE_INLINE Weights load(const std::int8_t* from) {
    return {{vld1_s8(from), vld1_s8(from + 8), vld1_s8(from + 16), vld1_s8(from + 24)}};
  }
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    std::int16_t pair;
    __builtin_memcpy(&pair, input, sizeof pair);
    const int8x8_t inputs = vreinterpret_s8_s16(vdup_n_s16(pair));
    SEMBLANCE_UNROLL
    for (int i = 0; i < 4; ++i) {
      sums[0].q[i] = vpadalq_s16(sums[0].q[i], vmull_s8(inputs, weight[0].q[i]));
    }
  }
};

// SDOT Vd.4S, Vn.16B, Vm.16B, which Armv8.2 CPUs may have. Written as its encoding (Arm
// Architecture Reference Manual, C7.2) so that no flag is needed for it; the assembler turns names
// of registers into numbers.
#define SEMBLANCE_VECTOR_NUMBERS                                                                   \
  ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
  ".equ semblance_v\\n, \\n\n"                                                                     \
  ".endr\n"
struct QuadDot {
  using Any = QuadDot;
  using Code = std::int8_t;
  static constexpr std::size_t kGroup = 4;
  static constexpr std::size_t kUnroll = 4;
  static constexpr std::size_t kTurnInputs = 16;
  static constexpr std::int32_t kShift = 128;
  struct Weights {
    int8x16_t q[4];
  };
  static SEMBLANCE_INLINE void store(Code* to, const IntVec& a) { store_int8(to, a); }
  static SEMBLANCE_INLINE void store_bytes(Code* high, Code* low, const IntVec (&values)[4]) {
    store_shifted_bytes(high, low, values);
  }
  static SEMBLANCE_INLINE Weights load(const std::int8_t* from) {
    return {{vld1q_s8(from), vld1q_s8(from + 16), vld1q_s8(from + 32), vld1q_s8(from + 48)}};
  }
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    std::int32_t quad;
    __builtin_memcpy(&quad, input, sizeof quad);
    const int8x16_t inputs = vreinterpretq_s8_s32(vdupq_n_s32(quad));
    SEMBLANCE_UNROLL
    for (int i = 0; i < 4; ++i) {
      __asm__(SEMBLANCE_VECTOR_NUMBERS
              ".inst 0x4E809400 | (semblance_%2 << 16) | (semblance_%1 << 5) | semblance_%0"
              : "+w"(sums[0].q[i])
              : "w"(inputs), "w"(weight[0].q[i]));
    }
  }
};

template <bool kStreaming>
inline void transpose_rows(const float* from, std::size_t from_stride, std::size_t rows,
                           std::size_t columns, float* to, std::size_t to_stride) noexcept {
  scalar::transpose_rows<kStreaming>(from, from_stride, rows, columns, to, to_stride);
}
SEMBLANCE_INLINE void finish_streaming() {}

inline void rotate_pairs(float* values, const float* sine, const float* cosine,
                         std::size_t pairs) noexcept {
  std::size_t i = 0;
  for (; i + 4 <= pairs; i += 4) {
    float32x4x2_t value = vld2q_f32(values + 2 * i);
    const float32x4_t sines = vld1q_f32(sine + i);
    const float32x4_t cosines = vld1q_f32(cosine + i);
    float32x4_t odd_sine = vmulq_f32(value.val[1], sines);
    float32x4_t even_sine = vmulq_f32(value.val[0], sines);
    __asm__("" : "+w"(odd_sine), "+w"(even_sine));
    value.val[0] = vfmaq_f32(vnegq_f32(odd_sine), value.val[0], cosines);
    value.val[1] = vfmaq_f32(even_sine, value.val[1], cosines);
    vst2q_f32(values + 2 * i, value);
  }
  scalar::rotate_pairs(values + 2 * i, sine + i, cosine + i, pairs - i);
}

#undef SEMBLANCE_VECTOR_NUMBERS

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

}  // namespace semblance::simd::neon
