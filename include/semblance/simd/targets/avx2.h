#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "semblance/simd/kernel_table.h"
#include "semblance/simd/target_region.h"
#include "semblance/simd/targets/scalar.h"

// AVX2 with FMA and F16C: 16 lanes are two registers, tiles are 6 rows by 2 registers.
namespace semblance::simd::avx2 {

SEMBLANCE_TARGET_BEGIN("avx2,fma,f16c")

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kPanelVecs = 1;
inline constexpr std::size_t kSteps = 8;      // of k in a turn of a micro-kernel
inline constexpr std::size_t kTableRows = 2;  // of a tile of a table, with two queries
inline constexpr std::size_t kTileRows = 6;

struct FloatVec {
  __m256 low;
  __m256 high;
};

// 16 times all bits, then 16 times none: 16 - count on are the lanes of a partial vector.
alignas(64) inline constexpr std::int32_t kLaneMasks[32] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                            -1, -1, -1, -1, -1, -1, -1, -1};

SEMBLANCE_INLINE __m256i lane_mask(std::size_t count, std::size_t half) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMasks + (16 - count) + 8 * half));
}
SEMBLANCE_INLINE FloatVec load(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
SEMBLANCE_INLINE FloatVec load_partial(const float* from, std::size_t count) {
  return {_mm256_maskload_ps(from, lane_mask(count, 0)),
          _mm256_maskload_ps(from + 8, lane_mask(count, 1))};
}
SEMBLANCE_INLINE void store(float* to, FloatVec a) {
  _mm256_storeu_ps(to, a.low);
  _mm256_storeu_ps(to + 8, a.high);
}
SEMBLANCE_INLINE void store_partial(float* to, std::size_t count, FloatVec a) {
  _mm256_maskstore_ps(to, lane_mask(count, 0), a.low);
  _mm256_maskstore_ps(to + 8, lane_mask(count, 1), a.high);
}
SEMBLANCE_INLINE FloatVec splat(float value) {
  const __m256 all = _mm256_set1_ps(value);
  return {all, all};
}
SEMBLANCE_INLINE FloatVec add(FloatVec a, FloatVec b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
SEMBLANCE_INLINE FloatVec sub(FloatVec a, FloatVec b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
// Not to be fused with an addition.
SEMBLANCE_INLINE __m256 product(__m256 a, __m256 b) {
  __m256 result = _mm256_mul_ps(a, b);
  __asm__("" : "+x"(result));
  return result;
}
SEMBLANCE_INLINE FloatVec mul(FloatVec a, FloatVec b) {
  return {product(a.low, b.low), product(a.high, b.high)};
}
SEMBLANCE_INLINE FloatVec div(FloatVec a, FloatVec b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
SEMBLANCE_INLINE FloatVec fma(FloatVec a, FloatVec b, FloatVec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
// sum = a * b + sum. Written as assembly because g++ 12 moves and spills the sums of a product when
// they are results of intrinsics, at a cost of 5 to 12 % of the whole encoder.
SEMBLANCE_INLINE void add_product(FloatVec& sum, FloatVec a, FloatVec b) {
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum.low) : "x"(a.low), "x"(b.low));
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum.high) : "x"(a.high), "x"(b.high));
}
SEMBLANCE_INLINE FloatVec max(FloatVec a, FloatVec b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
SEMBLANCE_INLINE FloatVec min(FloatVec a, FloatVec b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
SEMBLANCE_INLINE FloatVec abs(FloatVec a) {
  const __m256 sign_bit = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign_bit, a.low), _mm256_andnot_ps(sign_bit, a.high)};
}
SEMBLANCE_INLINE FloatVec copy_sign(FloatVec magnitude, FloatVec sign) {
  const __m256 sign_bit = _mm256_set1_ps(-0.0f);
  return {
      _mm256_or_ps(_mm256_andnot_ps(sign_bit, magnitude.low), _mm256_and_ps(sign_bit, sign.low)),
      _mm256_or_ps(_mm256_andnot_ps(sign_bit, magnitude.high), _mm256_and_ps(sign_bit, sign.high))};
}
SEMBLANCE_INLINE FloatVec select_less(FloatVec a, FloatVec b, FloatVec x, FloatVec y) {
  return {_mm256_blendv_ps(y.low, x.low, _mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ)),
          _mm256_blendv_ps(y.high, x.high, _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ))};
}
SEMBLANCE_INLINE FloatVec swap_neighbours(FloatVec a) {
  return {_mm256_permute_ps(a.low, 0xB1), _mm256_permute_ps(a.high, 0xB1)};
}
SEMBLANCE_INLINE FloatVec keep_first(FloatVec a, std::size_t count, FloatVec b) {
  return {_mm256_blendv_ps(b.low, a.low, _mm256_castsi256_ps(lane_mask(count, 0))),
          _mm256_blendv_ps(b.high, a.high, _mm256_castsi256_ps(lane_mask(count, 1)))};
}
SEMBLANCE_INLINE __m256 times_power_of_two(__m256 a, __m256 shifted) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23),
                                              _mm256_castps_si256(a)));
}
SEMBLANCE_INLINE FloatVec times_power_of_two(FloatVec a, FloatVec shifted) {
  return {times_power_of_two(a.low, shifted.low), times_power_of_two(a.high, shifted.high)};
}
SEMBLANCE_INLINE float reduce_sum(FloatVec a) {
  const __m256 by_8 = _mm256_add_ps(a.low, a.high);
  const __m128 by_4 = _mm_add_ps(_mm256_castps256_ps128(by_8), _mm256_extractf128_ps(by_8, 1));
  const __m128 by_2 = _mm_add_ps(by_4, _mm_movehl_ps(by_4, by_4));
  return _mm_cvtss_f32(_mm_add_ss(by_2, _mm_movehdup_ps(by_2)));
}
SEMBLANCE_INLINE float reduce_max(FloatVec a) {
  const __m256 by_8 = _mm256_max_ps(a.low, a.high);
  const __m128 by_4 = _mm_max_ps(_mm256_castps256_ps128(by_8), _mm256_extractf128_ps(by_8, 1));
  const __m128 by_2 = _mm_max_ps(by_4, _mm_movehl_ps(by_4, by_4));
  return _mm_cvtss_f32(_mm_max_ss(by_2, _mm_movehdup_ps(by_2)));
}
SEMBLANCE_INLINE float divide(float a, float b) { return a / b; }
SEMBLANCE_INLINE float square_root(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
SEMBLANCE_INLINE __m256 widen_8_bfloat16(const std::uint16_t* from) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
SEMBLANCE_INLINE FloatVec widen_bfloat16(const std::uint16_t* from) {
  return {widen_8_bfloat16(from), widen_8_bfloat16(from + 8)};
}
SEMBLANCE_INLINE FloatVec widen_float16(const std::uint16_t* from) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8)))};
}

struct IntVec {
  __m256i low;
  __m256i high;
};
SEMBLANCE_INLINE IntVec splat_int(std::int32_t value) {
  const __m256i all = _mm256_set1_epi32(value);
  return {all, all};
}
SEMBLANCE_INLINE IntVec add_int(IntVec a, IntVec b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
SEMBLANCE_INLINE IntVec mul_int(IntVec a, IntVec b) {
  return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
}
SEMBLANCE_INLINE IntVec load_int(const std::int32_t* from) {
  const auto* vectors = reinterpret_cast<const __m256i*>(from);
  return {_mm256_loadu_si256(vectors), _mm256_loadu_si256(vectors + 1)};
}
SEMBLANCE_INLINE void store_int(std::int32_t* to, IntVec a) {
  auto* vectors = reinterpret_cast<__m256i*>(to);
  _mm256_storeu_si256(vectors, a.low);
  _mm256_storeu_si256(vectors + 1, a.high);
}
SEMBLANCE_INLINE IntVec load_int8(const std::int8_t* from) {
  return {_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))),
          _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + 8)))};
}
SEMBLANCE_INLINE __m256i to_int16(IntVec a) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0xD8);
}
SEMBLANCE_INLINE __m128i to_int8(IntVec a) {
  const __m256i words = to_int16(a);
  return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
SEMBLANCE_INLINE void store_int8(std::int8_t* to, IntVec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), to_int8(a));
}
SEMBLANCE_INLINE __m256i interleaved(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i low = _mm256_set1_epi32(255);
  const __m256i ab =
      _mm256_or_si256(_mm256_and_si256(a, low), _mm256_slli_epi32(_mm256_and_si256(b, low), 8));
  const __m256i cd = _mm256_or_si256(_mm256_and_si256(c, low), _mm256_slli_epi32(d, 8));
  return _mm256_blend_epi16(ab, _mm256_slli_epi32(cd, 16), 0xAA);
}
SEMBLANCE_INLINE void store_interleaved(std::int8_t* to, const IntVec (&rows)[4]) {
  auto* vectors = reinterpret_cast<__m256i*>(to);
  _mm256_storeu_si256(vectors, interleaved(rows[0].low, rows[1].low, rows[2].low, rows[3].low));
  _mm256_storeu_si256(vectors + 1,
                      interleaved(rows[0].high, rows[1].high, rows[2].high, rows[3].high));
}
SEMBLANCE_INLINE FloatVec as_float(IntVec a) {
  return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
}
SEMBLANCE_INLINE FloatVec to_float(IntVec a) {
  return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}
SEMBLANCE_INLINE IntVec to_nearest(FloatVec a) {
  return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)};
}
SEMBLANCE_INLINE std::int32_t reduce_max(IntVec a) {
  const __m256i by_8 = _mm256_max_epi32(a.low, a.high);
  const __m128i by_4 =
      _mm_max_epi32(_mm256_castsi256_si128(by_8), _mm256_extracti128_si256(by_8, 1));
  const __m128i by_2 = _mm_max_epi32(by_4, _mm_shuffle_epi32(by_4, 0x4E));
  return _mm_cvtsi128_si32(_mm_max_epi32(by_2, _mm_shuffle_epi32(by_2, 0xB1)));
}
SEMBLANCE_INLINE IntVec max_magnitude(IntVec a, FloatVec x) {
  const FloatVec magnitude = abs(x);
  return {_mm256_max_epi32(a.low, _mm256_castps_si256(magnitude.low)),
          _mm256_max_epi32(a.high, _mm256_castps_si256(magnitude.high))};
}

// Unsigned codes of the input, four at a time.
struct QuadCodes {
  using Code = std::uint8_t;
  static constexpr std::size_t kGroup = 4;
  static constexpr std::size_t kUnroll = 4;
  static constexpr std::size_t kTurnInputs = 32;
  static constexpr std::int32_t kShift = 0;
  struct Weights {
    __m256i low;
    __m256i high;
  };
  static SEMBLANCE_INLINE void store(Code* to, IntVec a) {
    const __m256i words = to_int16(a);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(to),
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static SEMBLANCE_INLINE void store_bytes(Code* high, Code* low, const IntVec (&values)[4]) {
    // vpackus joins halves of 128 bits: the quads come out as 0, 2, 4, 6, 1, 3, 5, 7.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const auto store_codes = [&](Code* to, __m256i first, __m256i second) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                          _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order));
    };
    const __m256i byte = _mm256_set1_epi16(255);
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < 4; v += 2) {
      const __m256i first = _mm256_packus_epi32(values[v].low, values[v].high);
      const __m256i second = _mm256_packus_epi32(values[v + 1].low, values[v + 1].high);
      store_codes(high + 16 * v, _mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8));
      store_codes(low + 16 * v, _mm256_and_si256(first, byte), _mm256_and_si256(second, byte));
    }
  }
  static SEMBLANCE_INLINE Weights load(const std::int8_t* from) {
    const auto* vectors = reinterpret_cast<const __m256i*>(from);
    return {_mm256_load_si256(vectors), _mm256_load_si256(vectors + 1)};
  }
  static SEMBLANCE_INLINE __m256i splat_quad(const Code* input) {
    std::int32_t quad;
    __builtin_memcpy(&quad, input, sizeof quad);
    return _mm256_set1_epi32(quad);
  }
  // Else g++ adds up the products of several groups first, for which it has not the registers.
  static SEMBLANCE_INLINE void add_in_turn(__m256i& sum, __m256i products) {
    sum = _mm256_add_epi32(sum, products);
    __asm__("" : "+x"(sum));
  }
};

// Products widened to 16 bits, for any weights: those of the even inputs and of the odd ones are at
// most 128 * 255 in magnitude, and pairs of them are added in 32 bits.
struct WideDot : QuadCodes {
  using Any = WideDot;
  static SEMBLANCE_INLINE __m256i products(__m256i even, __m256i odd, __m256i weight) {
    const __m256i even_weight = _mm256_srai_epi16(_mm256_slli_epi16(weight, 8), 8);
    return _mm256_add_epi32(_mm256_madd_epi16(even, even_weight),
                            _mm256_madd_epi16(odd, _mm256_srai_epi16(weight, 8)));
  }
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    const __m256i inputs = splat_quad(input);
    const __m256i even = _mm256_and_si256(inputs, _mm256_set1_epi16(255));
    const __m256i odd = _mm256_srli_epi16(inputs, 8);
    add_in_turn(sums[0].low, products(even, odd, weight[0].low));
    add_in_turn(sums[0].high, products(even, odd, weight[0].high));
  }
};

// vpmaddubsw, which adds two products in 16 bits: of weights whose pairs fit at most 255 * 128 in
// magnitude, so that nothing can saturate. Half of the weights stay in memory: with all of them in
// registers g++ 12 spills a sum.
struct PairDot : QuadCodes {
  using Any = WideDot;
  struct Weights {
    __m256i low;
    const __m256i* high;
  };
  static SEMBLANCE_INLINE Weights load(const std::int8_t* from) {
    const auto* vectors = reinterpret_cast<const __m256i*>(from);
    return {_mm256_load_si256(vectors), vectors + 1};
  }
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    const __m256i inputs = splat_quad(input);
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i low = _mm256_maddubs_epi16(inputs, weight[0].low);
    __m256i high;
    __asm__("vpmaddubsw %2, %1, %0" : "=x"(high) : "x"(inputs), "m"(*weight[0].high));
    add_in_turn(sums[0].low, _mm256_madd_epi16(low, ones));
    add_in_turn(sums[0].high, _mm256_madd_epi16(high, ones));
  }
};

// vpdpbusd, which multiplies four inputs at a time and does not saturate: in its VEX encoding
// (AVX-VNNI), or in that of AVX-512 VNNI and VL. Written as assembly because g++ 12 copies the sums
// of its intrinsics from register to register, a row at a time because it does so between single
// instructions too.
template <bool kVex>
struct QuadDot : QuadCodes {
  using Any = QuadDot;
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    const auto& quad = *reinterpret_cast<const Code(*)[kGroup]>(input);
    __m256i inputs;
    if constexpr (kVex) {
      __asm__("vpbroadcastd %5, %2\n\t%{vex%} vpdpbusd %3, %2, %0\n\t%{vex%} vpdpbusd %4, %2, %1"
              : "+x"(sums[0].low), "+x"(sums[0].high), "=&x"(inputs)
              : "x"(weight[0].low), "x"(weight[0].high), "m"(quad));
    } else {
      __asm__("vpbroadcastd %5, %2\n\t%{evex%} vpdpbusd %3, %2, %0\n\t%{evex%} vpdpbusd %4, %2, %1"
              : "+x"(sums[0].low), "+x"(sums[0].high), "=&x"(inputs)
              : "x"(weight[0].low), "x"(weight[0].high), "m"(quad));
    }
  }
};

// 8 rows from memory become columns; missing rows and columns read as zero.
SEMBLANCE_INLINE void transpose_8(const float* from, std::size_t from_stride, std::size_t rows,
                                  std::size_t columns, float* to, std::size_t to_stride) {
  const __m256i mask = lane_mask(columns < 8 ? columns : 8, 0);
  __m256 row[8];
  __m256 pair[8];
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < 8; ++r) {
    row[r] = r < rows ? _mm256_maskload_ps(from + r * from_stride, mask) : _mm256_setzero_ps();
  }
  SEMBLANCE_UNROLL
  for (std::size_t i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
  SEMBLANCE_UNROLL
  for (std::size_t i = 0; i < 8; i += 4) {
    row[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    row[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xEE);
    row[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    row[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xEE);
  }
  SEMBLANCE_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    pair[i] = _mm256_permute2f128_ps(row[i], row[i + 4], 0x20);
    pair[i + 4] = _mm256_permute2f128_ps(row[i], row[i + 4], 0x31);
  }
  SEMBLANCE_UNROLL
  for (std::size_t i = 0; i < 8; ++i) {
    if (i < columns) _mm256_storeu_ps(to + i * to_stride, pair[i]);
  }
}

// to[c * to_stride + r] = from[r * from_stride + c] for 16 rows, those from `rows` on read as zero.
template <bool kStreaming>
inline void transpose_rows(const float* from, std::size_t from_stride, std::size_t rows,
                           std::size_t columns, float* to, std::size_t to_stride) noexcept {
  for (std::size_t c = 0; c < columns; c += 8) {
    for (std::size_t r = 0; r < 16; r += 8) {
      const std::size_t present = rows < r ? 0 : rows - r;
      transpose_8(from + (present == 0 ? 0 : r * from_stride) + c, from_stride, present,
                  columns - c, to + c * to_stride + r, to_stride);
    }
  }
}
SEMBLANCE_INLINE void finish_streaming() {}

inline void rotate_pairs(float* values, const float* sine, const float* cosine,
                         std::size_t pairs) noexcept {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  std::size_t i = 0;
  for (; i + 4 <= pairs; i += 4) {
    const __m256 value = _mm256_loadu_ps(values + 2 * i);
    const __m256 sines =
        _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(sine + i)), twice);
    const __m256 cosines =
        _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cosine + i)), twice);
    const __m256 crossed = product(_mm256_permute_ps(value, 0xB1), sines);
    _mm256_storeu_ps(values + 2 * i, _mm256_fmaddsub_ps(value, cosines, crossed));
  }
  scalar::rotate_pairs(values + 2 * i, sine + i, cosine + i, pairs - i);
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

SEMBLANCE_TARGET_END()

}  // namespace semblance::simd::avx2
