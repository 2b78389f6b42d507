#pragma once

#include "semblance/simd/targets/avx512.h"

// AMX: 8-bit products of 16 rows by 16 columns by 64 inputs an instruction, on the codes and panels
// of avx512::QuadDot. The tiles are named in assembly, which is how they stay out of the way of
// compilers that know no AMX (Intel SDM volume 1, chapter 18).
namespace semblance::simd::avx512 {

SEMBLANCE_TARGET_BEGIN("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")

inline constexpr std::size_t kAmxRows = 16;
inline constexpr std::size_t kAmxInputs = 64;

struct AmxDot : QuadDot {
  using Any = AmxDot;
  static constexpr std::size_t kTurnInputs = kAmxInputs;
};

// zero_product() in one instruction, as two products of 16 bits: -column_sum is 128 high + low.
struct PairedZeros {
  static constexpr std::size_t kMostInputs = 32767;  // of -128 each, for high to fit

  __m512i pair;

  static SEMBLANCE_INLINE PairedZeros of(IntVec column_sum) {
    const __m512i negative = _mm512_sub_epi32(_mm512_setzero_si512(), column_sum.v);
    constexpr __mmask32 kOdd = 0xAAAAAAAA;
    return {_mm512_mask_blend_epi16(kOdd, _mm512_and_si512(negative, _mm512_set1_epi32(127)),
                                    _mm512_slli_epi32(negative, 9))};
  }
  SEMBLANCE_INLINE IntVec add_to(IntVec sum, std::int32_t zero) const {
    const __m512i times = _mm512_set1_epi32(zero * ((128 << 16) + 1));
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum.v) : "v"(pair), "v"(times));
    return sum;
  }
};

// Two tiles of rows by the two of a panel: sums in tmm0 to tmm3, rows in tmm4 and tmm5, columns in
// tmm6 and tmm7. Two tiles of 16 rows overlap where there are fewer than 32: what is in both is
// computed twice, with the same sums.
template <>
struct Int8Tiles<AmxDot> {
  using Tile = Int8Tile<AmxDot::Code>;
  static constexpr std::size_t kMostRows = 2 * kAmxRows;
  static constexpr std::size_t kInputs = kAmxInputs;
  using Pending = PendingRows<kMostRows, PairedZeros>;
  using Function = void (*)(const Tile&, Pending&) noexcept;
  static constexpr bool kFinishesMeanwhile = true;
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 19;  // of caches of 2 MiB

  // Row blocks of `rows` rows are of nearly equal height: of 16 or more where rows is.
  class Session {
   public:
    explicit Session(std::size_t rows) noexcept {
      const auto height = static_cast<std::uint8_t>(rows < kAmxRows ? rows : kAmxRows);
      alignas(64) Config config{};
      config.palette = 1;
      for (int tile = 0; tile < 8; ++tile) {
        config.row_bytes[tile] = 64;
        config.rows[tile] = tile < 6 ? height : std::uint8_t{16};
      }
      __asm__ volatile("ldtilecfg %0" : : "m"(config));
    }
    ~Session() { __asm__ volatile("tilerelease"); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

   private:
    struct Config {
      std::uint8_t palette;
      std::uint8_t start_row;
      std::uint8_t reserved[14];
      std::uint16_t row_bytes[16];
      std::uint8_t rows[16];
    };
    static_assert(sizeof(Config) == 64);
  };

  static Function function(std::size_t rows) noexcept {
    return rows <= kAmxRows ? run_one : run_two;
  }
  static void run(Function tile_function, const Tile& tile, Pending& before) noexcept {
    tile_function(tile, before);
  }

 private:
  static constexpr std::size_t kSumStride = kPanelWidth * sizeof(std::int32_t);
  static constexpr std::size_t kQuadStride = kPanelWidth * AmxDot::kGroup;  // bytes

  // The rest of the core is free while tiles are multiplied: it finishes the block before.
  class Meanwhile {
   public:
    Meanwhile(const Tile& tile, Pending& before, std::size_t steps) noexcept
        : ahead_(tile.ahead, tile.ahead_lines),
          before_(before),
          rows_(steps == 0 ? 0 : (before.count + steps - 1) / steps) {}
    void step() noexcept {
      ahead_.fetch();
      const std::size_t rows = before_.count < rows_ ? before_.count : rows_;
      if (rows != 0) before_.finish(rows);
    }

   private:
    UpcomingLines ahead_;
    Pending& before_;
    std::size_t rows_;  // a step
  };

  static void run_one(const Tile& tile, Pending& before) noexcept {
    const AmxDot::Code* rows = tile.input;
    const std::byte* columns = tile.panel + kInt8Header;
    __asm__ volatile("tilezero %tmm0\n\ttilezero %tmm1");
    const std::size_t steps = tile.num_groups * AmxDot::kGroup / kAmxInputs;
    Meanwhile meanwhile(tile, before, steps);
    for (std::size_t step = 0; step < steps; ++step) {
      __asm__ volatile(
          "tileloadd (%0,%1,1), %%tmm4\n\t"
          "tileloadd (%2,%3,1), %%tmm6\n\t"
          "tileloadd 64(%2,%3,1), %%tmm7\n\t"
          "tdpbusd %%tmm6, %%tmm4, %%tmm0\n\t"
          "tdpbusd %%tmm7, %%tmm4, %%tmm1"
          :
          : "r"(rows), "r"(tile.input_stride), "r"(columns), "r"(kQuadStride)
          : "memory");
      rows += kAmxInputs;
      columns += kAmxInputs * kPanelWidth;
      meanwhile.step();
    }
    __asm__ volatile(
        "tilestored %%tmm0, (%0,%1,1)\n\t"
        "tilestored %%tmm1, 64(%0,%1,1)"
        :
        : "r"(tile.sums), "r"(kSumStride)
        : "memory");
  }

  // The rows pass by the first-level cache, in which the columns stay.
  static void run_two(const Tile& tile, Pending& before) noexcept {
    const std::size_t second = tile.rows - kAmxRows;
    const AmxDot::Code* rows = tile.input;
    const AmxDot::Code* second_rows = tile.input + second * tile.input_stride;
    std::int32_t* second_sums = tile.sums + second * kPanelWidth;
    const std::byte* columns = tile.panel + kInt8Header;
    __asm__ volatile("tilezero %tmm0\n\ttilezero %tmm1\n\ttilezero %tmm2\n\ttilezero %tmm3");
    const std::size_t steps = tile.num_groups * AmxDot::kGroup / kAmxInputs;
    Meanwhile meanwhile(tile, before, steps);
    for (std::size_t step = 0; step < steps; ++step) {
      __asm__ volatile(
          "tileloaddt1 (%0,%2,1), %%tmm4\n\t"
          "tileloadd (%3,%4,1), %%tmm6\n\t"
          "tdpbusd %%tmm6, %%tmm4, %%tmm0\n\t"
          "tileloadd 64(%3,%4,1), %%tmm7\n\t"
          "tdpbusd %%tmm7, %%tmm4, %%tmm1\n\t"
          "tileloaddt1 (%1,%2,1), %%tmm5\n\t"
          "tdpbusd %%tmm6, %%tmm5, %%tmm2\n\t"
          "tdpbusd %%tmm7, %%tmm5, %%tmm3"
          :
          : "r"(rows), "r"(second_rows), "r"(tile.input_stride), "r"(columns), "r"(kQuadStride)
          : "memory");
      rows += kAmxInputs;
      second_rows += kAmxInputs;
      columns += kAmxInputs * kPanelWidth;
      meanwhile.step();
    }
    __asm__ volatile(
        "tilestored %%tmm0, (%0,%2,1)\n\t"
        "tilestored %%tmm1, 64(%0,%2,1)\n\t"
        "tilestored %%tmm2, (%1,%2,1)\n\t"
        "tilestored %%tmm3, 64(%1,%2,1)"
        :
        : "r"(tile.sums), "r"(second_sums), "r"(kSumStride)
        : "memory");
  }
};

// Inputs that do not fill tiles, and more than column sums may be of, go the way of avx512_vnni,
// whose codes and panels are the same. In attention the zeros of the inputs are 0.
inline void linear_int8_amx(const Int8LinearCall& call) noexcept {
  const bool fills_tiles =
      call.in_features % kAmxInputs == 0 && call.in_features <= PairedZeros::kMostInputs;
  (fills_tiles ? linear_int8<AmxDot> : linear_int8<QuadDot>)(call);
}

inline Kernels make_amx_kernels() noexcept {
  Kernels table = make_kernels<QuadDot>(Isa::avx512_amx);
  table.linear_int8 = linear_int8_amx;
  table.attention_int8_scratch = attention_int8_scratch<QuadDot, AmxDot>;
  table.attention_int8 = attention_int8<QuadDot, AmxDot>;
  return table;
}

SEMBLANCE_TARGET_END()

}  // namespace semblance::simd::avx512
