#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "semblance/simd/kernel_table.h"
#include "semblance/simd/target_region.h"
#include "semblance/simd/targets/scalar.h"

// AVX-512: 16 lanes are one register, tiles are 14 rows by 2 registers.
namespace semblance::simd::avx512 {

SEMBLANCE_TARGET_BEGIN("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kPanelVecs = 2;
inline constexpr std::size_t kSteps = 4;      // of k in a turn of a micro-kernel
inline constexpr std::size_t kTableRows = 4;  // of a tile of a table, with two queries
inline constexpr std::size_t kTileRows = 14;

struct FloatVec {
  __m512 v;
};

SEMBLANCE_INLINE __mmask16 first_lanes(std::size_t count) {
  return static_cast<__mmask16>((1u << count) - 1u);
}
SEMBLANCE_INLINE FloatVec load(const float* from) { return {_mm512_loadu_ps(from)}; }
SEMBLANCE_INLINE FloatVec load_partial(const float* from, std::size_t count) {
  return {_mm512_maskz_loadu_ps(first_lanes(count), from)};
}
SEMBLANCE_INLINE void store(float* to, FloatVec a) { _mm512_storeu_ps(to, a.v); }
SEMBLANCE_INLINE void store_partial(float* to, std::size_t count, FloatVec a) {
  _mm512_mask_storeu_ps(to, first_lanes(count), a.v);
}
SEMBLANCE_INLINE FloatVec splat(float value) { return {_mm512_set1_ps(value)}; }
SEMBLANCE_INLINE FloatVec add(FloatVec a, FloatVec b) { return {_mm512_add_ps(a.v, b.v)}; }
SEMBLANCE_INLINE FloatVec sub(FloatVec a, FloatVec b) { return {_mm512_sub_ps(a.v, b.v)}; }
// Not to be fused with an addition.
SEMBLANCE_INLINE FloatVec mul(FloatVec a, FloatVec b) {
  __m512 result = _mm512_mul_ps(a.v, b.v);
  __asm__("" : "+v"(result));
  return {result};
}
SEMBLANCE_INLINE FloatVec div(FloatVec a, FloatVec b) { return {_mm512_div_ps(a.v, b.v)}; }
SEMBLANCE_INLINE FloatVec fma(FloatVec a, FloatVec b, FloatVec c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
// As in avx2.
SEMBLANCE_INLINE void add_product(FloatVec& sum, FloatVec a, FloatVec b) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
}
SEMBLANCE_INLINE FloatVec max(FloatVec a, FloatVec b) { return {_mm512_max_ps(a.v, b.v)}; }
SEMBLANCE_INLINE FloatVec min(FloatVec a, FloatVec b) { return {_mm512_min_ps(a.v, b.v)}; }
SEMBLANCE_INLINE FloatVec abs(FloatVec a) { return {_mm512_abs_ps(a.v)}; }
SEMBLANCE_INLINE FloatVec copy_sign(FloatVec magnitude, FloatVec sign) {
  const __m512i sign_bit = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  constexpr int kFirstSelects = 0xCA;  // truth table of a ? b : c
  return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(
      sign_bit, _mm512_castps_si512(sign.v), _mm512_castps_si512(magnitude.v), kFirstSelects))};
}
SEMBLANCE_INLINE FloatVec swap_neighbours(FloatVec a) { return {_mm512_permute_ps(a.v, 0xB1)}; }
SEMBLANCE_INLINE FloatVec select_less(FloatVec a, FloatVec b, FloatVec x, FloatVec y) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), y.v, x.v)};
}
SEMBLANCE_INLINE FloatVec keep_first(FloatVec a, std::size_t count, FloatVec b) {
  return {_mm512_mask_blend_ps(first_lanes(count), b.v, a.v)};
}
SEMBLANCE_INLINE FloatVec times_power_of_two(FloatVec a, FloatVec shifted) {
  return {_mm512_castsi512_ps(_mm512_add_epi32(
      _mm512_slli_epi32(_mm512_castps_si512(shifted.v), 23), _mm512_castps_si512(a.v)))};
}
SEMBLANCE_INLINE float reduce_sum(FloatVec a) {
  const __m256 by_8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 by_4 = _mm_add_ps(_mm256_castps256_ps128(by_8), _mm256_extractf128_ps(by_8, 1));
  const __m128 by_2 = _mm_add_ps(by_4, _mm_movehl_ps(by_4, by_4));
  return _mm_cvtss_f32(_mm_add_ss(by_2, _mm_movehdup_ps(by_2)));
}
SEMBLANCE_INLINE float reduce_max(FloatVec a) {
  const __m256 by_8 = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 by_4 = _mm_max_ps(_mm256_castps256_ps128(by_8), _mm256_extractf128_ps(by_8, 1));
  const __m128 by_2 = _mm_max_ps(by_4, _mm_movehl_ps(by_4, by_4));
  return _mm_cvtss_f32(_mm_max_ss(by_2, _mm_movehdup_ps(by_2)));
}
SEMBLANCE_INLINE float divide(float a, float b) { return a / b; }
SEMBLANCE_INLINE float square_root(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
SEMBLANCE_INLINE FloatVec widen_bfloat16(const std::uint16_t* from) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
SEMBLANCE_INLINE FloatVec widen_float16(const std::uint16_t* from) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)))};
}

struct IntVec {
  __m512i v;
};
SEMBLANCE_INLINE IntVec splat_int(std::int32_t value) { return {_mm512_set1_epi32(value)}; }
SEMBLANCE_INLINE IntVec add_int(IntVec a, IntVec b) { return {_mm512_add_epi32(a.v, b.v)}; }
SEMBLANCE_INLINE IntVec mul_int(IntVec a, IntVec b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
SEMBLANCE_INLINE IntVec load_int(const std::int32_t* from) { return {_mm512_loadu_si512(from)}; }
SEMBLANCE_INLINE void store_int(std::int32_t* to, IntVec a) { _mm512_storeu_si512(to, a.v); }
SEMBLANCE_INLINE IntVec load_int8(const std::int8_t* from) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))};
}
SEMBLANCE_INLINE void store_int8(std::int8_t* to, IntVec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(a.v));
}
SEMBLANCE_INLINE void store_interleaved(std::int8_t* to, const IntVec (&rows)[4]) {
  const __m512i low = _mm512_set1_epi32(255);
  const __m512i ab = _mm512_or_si512(_mm512_and_si512(rows[0].v, low),
                                     _mm512_slli_epi32(_mm512_and_si512(rows[1].v, low), 8));
  const __m512i cd =
      _mm512_or_si512(_mm512_and_si512(rows[2].v, low), _mm512_slli_epi32(rows[3].v, 8));
  constexpr __mmask32 kOdd = 0xAAAAAAAA;
  _mm512_storeu_si512(to, _mm512_mask_blend_epi16(kOdd, ab, _mm512_slli_epi32(cd, 16)));
}
SEMBLANCE_INLINE FloatVec as_float(IntVec a) { return {_mm512_castsi512_ps(a.v)}; }
SEMBLANCE_INLINE FloatVec to_float(IntVec a) { return {_mm512_cvtepi32_ps(a.v)}; }
SEMBLANCE_INLINE IntVec to_nearest(FloatVec a) { return {_mm512_cvtps_epi32(a.v)}; }
SEMBLANCE_INLINE std::int32_t reduce_max(IntVec a) {
  const __m256i by_8 =
      _mm256_max_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti64x4_epi64(a.v, 1));
  const __m128i by_4 =
      _mm_max_epi32(_mm256_castsi256_si128(by_8), _mm256_extracti128_si256(by_8, 1));
  const __m128i by_2 = _mm_max_epi32(by_4, _mm_shuffle_epi32(by_4, 0x4E));
  return _mm_cvtsi128_si32(_mm_max_epi32(by_2, _mm_shuffle_epi32(by_2, 0xB1)));
}
SEMBLANCE_INLINE IntVec max_magnitude(IntVec a, FloatVec x) {
  return {_mm512_max_epi32(a.v, _mm512_castps_si512(_mm512_abs_ps(x.v)))};
}

struct QuadCodes {
  using Code = std::uint8_t;
  static constexpr std::size_t kGroup = 4;
  static constexpr std::size_t kUnroll = 4;
  static constexpr std::size_t kTurnInputs = 16;
  static constexpr std::int32_t kShift = 0;
  using Weights = __m512i;
  static SEMBLANCE_INLINE void store(Code* to, IntVec a) {
    // Codes lie in [0, 255].
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(a.v));
  }
  static SEMBLANCE_INLINE void store_bytes(Code* high, Code* low, const IntVec (&values)[4]) {
    // vpackus joins quarters of 128 bits: quad i of vector v comes out as 4 i + v.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i first = _mm512_packus_epi32(values[0].v, values[1].v);
    const __m512i second = _mm512_packus_epi32(values[2].v, values[3].v);
    const __m512i byte = _mm512_set1_epi16(255);
    const __m512i high_codes =
        _mm512_packus_epi16(_mm512_srli_epi16(first, 8), _mm512_srli_epi16(second, 8));
    const __m512i low_codes =
        _mm512_packus_epi16(_mm512_and_si512(first, byte), _mm512_and_si512(second, byte));
    _mm512_storeu_si512(high, _mm512_permutexvar_epi32(order, high_codes));
    _mm512_storeu_si512(low, _mm512_permutexvar_epi32(order, low_codes));
  }
  static SEMBLANCE_INLINE Weights load(const std::int8_t* from) { return _mm512_load_si512(from); }
  static SEMBLANCE_INLINE __m512i splat_quad(const Code* input) {
    std::int32_t quad;
    __builtin_memcpy(&quad, input, sizeof quad);
    return _mm512_set1_epi32(quad);
  }
};

// As avx2::WideDot.
struct WideDot : QuadCodes {
  using Any = WideDot;
  static constexpr std::size_t kUnroll = 1;  // of more g++ 12 spills
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    const __m512i inputs = splat_quad(input);
    const __m512i even = _mm512_and_si512(inputs, _mm512_set1_epi16(255));
    const __m512i odd = _mm512_srli_epi16(inputs, 8);
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      const __m512i even_weight = _mm512_srai_epi16(_mm512_slli_epi16(weight[v], 8), 8);
      const __m512i products =
          _mm512_add_epi32(_mm512_madd_epi16(even, even_weight),
                           _mm512_madd_epi16(odd, _mm512_srai_epi16(weight[v], 8)));
      sums[v].v = _mm512_add_epi32(sums[v].v, products);
    }
  }
};

// As avx2::PairDot.
struct PairDot : QuadCodes {
  using Any = WideDot;
  static constexpr std::size_t kUnroll = 1;
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    const __m512i inputs = splat_quad(input);
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      const __m512i products =
          _mm512_madd_epi16(_mm512_maddubs_epi16(inputs, weight[v]), _mm512_set1_epi16(1));
      sums[v].v = _mm512_add_epi32(sums[v].v, products);
    }
  }
};

// As avx2::QuadDot, 16 columns an instruction.
struct QuadDot : QuadCodes {
  using Any = QuadDot;
  static SEMBLANCE_INLINE void add(IntVec (&sums)[kPanelVecs], const Code* input,
                                   const Weights (&weight)[kPanelVecs]) {
    static_assert(kPanelVecs == 2);
    const auto& quad = *reinterpret_cast<const Code(*)[kGroup]>(input);
    __m512i inputs;
    __asm__("vpbroadcastd %5, %2\n\tvpdpbusd %3, %2, %0\n\tvpdpbusd %4, %2, %1"
            : "+v"(sums[0].v), "+v"(sums[1].v), "=&v"(inputs)
            : "v"(weight[0]), "v"(weight[1]), "m"(quad));
  }
};

// Rows r of 16 x 16 become columns: pairs, then quads within 128 bits, then the quads themselves.
SEMBLANCE_INLINE void transpose_square(__m512 (&row)[16]) {
  __m512 pair[16];
  SEMBLANCE_UNROLL
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
  }
  SEMBLANCE_UNROLL
  for (int i = 0; i < 16; i += 4) {
    row[i] = _mm512_shuffle_ps(pair[i], pair[i + 2], 0x44);
    row[i + 1] = _mm512_shuffle_ps(pair[i], pair[i + 2], 0xEE);
    row[i + 2] = _mm512_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    row[i + 3] = _mm512_shuffle_ps(pair[i + 1], pair[i + 3], 0xEE);
  }
  SEMBLANCE_UNROLL
  for (int i = 0; i < 4; ++i) {
    pair[i] = _mm512_shuffle_f32x4(row[i], row[i + 4], 0x88);
    pair[i + 4] = _mm512_shuffle_f32x4(row[i], row[i + 4], 0xDD);
    pair[i + 8] = _mm512_shuffle_f32x4(row[i + 8], row[i + 12], 0x88);
    pair[i + 12] = _mm512_shuffle_f32x4(row[i + 8], row[i + 12], 0xDD);
  }
  SEMBLANCE_UNROLL
  for (int i = 0; i < 4; ++i) {
    row[i] = _mm512_shuffle_f32x4(pair[i], pair[i + 8], 0x88);
    row[i + 8] = _mm512_shuffle_f32x4(pair[i], pair[i + 8], 0xDD);
    row[i + 4] = _mm512_shuffle_f32x4(pair[i + 4], pair[i + 12], 0x88);
    row[i + 12] = _mm512_shuffle_f32x4(pair[i + 4], pair[i + 12], 0xDD);
  }
}

// to[c * to_stride + r] = from[r * from_stride + c] for 16 rows, those from `rows` on read as zero.
// kStreaming writes past the caches: `to` and to_stride are then multiples of a cache line.
template <bool kStreaming>
inline void transpose_rows(const float* from, std::size_t from_stride, std::size_t rows,
                           std::size_t columns, float* to, std::size_t to_stride) noexcept {
  for (std::size_t c = 0; c < columns; c += 16) {
    const std::size_t count = columns - c < 16 ? columns - c : 16;
    const __mmask16 mask = first_lanes(count);
    __m512 row[16];
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < 16; ++r) {
      row[r] =
          r < rows ? _mm512_maskz_loadu_ps(mask, from + r * from_stride + c) : _mm512_setzero_ps();
    }
    transpose_square(row);
    SEMBLANCE_UNROLL
    for (std::size_t i = 0; i < 16; ++i) {
      if (i >= count) break;
      float* column = to + (c + i) * to_stride;
      if constexpr (kStreaming) {
        _mm512_stream_ps(column, row[i]);
      } else {
        _mm512_storeu_ps(column, row[i]);
      }
    }
  }
}
// Makes streamed values visible to other threads.
SEMBLANCE_INLINE void finish_streaming() { _mm_sfence(); }

inline void rotate_pairs(float* values, const float* sine, const float* cosine,
                         std::size_t pairs) noexcept {
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  std::size_t i = 0;
  for (; i + 8 <= pairs; i += 8) {
    const __m512 value = _mm512_loadu_ps(values + 2 * i);
    const __m512 sines =
        _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(sine + i)));
    const __m512 cosines =
        _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(cosine + i)));
    const FloatVec crossed = mul({_mm512_permute_ps(value, 0xB1)}, {sines});
    _mm512_storeu_ps(values + 2 * i, _mm512_fmaddsub_ps(value, cosines, crossed.v));
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

}  // namespace semblance::simd::avx512
