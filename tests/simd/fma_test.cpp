#include "semblance/simd/fma.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace semblance::simd {
namespace {

// What is rounded here is what the CPU or the C library rounds; MinGW's library does it wrong.
#if !defined(__MINGW32__)

// The same bits, or both NaN.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a != a && b != b);
}

float with_exponent(std::uint32_t bits, std::uint32_t exponent) {
  return std::bit_cast<float>((bits & 0x807FFFFFu) | (exponent & 0xFFu) << 23);
}

TEST(Fma, ByFloat64IsTheOneOfTheLibrary) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t x = random(), y = random();
    const auto low = static_cast<std::uint32_t>(x), high = static_cast<std::uint32_t>(x >> 32);
    const auto third = static_cast<std::uint32_t>(y), choice = static_cast<std::uint32_t>(y >> 32);
    // Any bits, then sums whose parts overlap, then results near the least of float32.
    float a = std::bit_cast<float>(low), b = std::bit_cast<float>(high);
    float c = std::bit_cast<float>(third);
    if (i % 3 == 1) {
      a = with_exponent(low, 120 + choice % 16);
      b = with_exponent(high, 127);
      c = with_exponent(third, 96 + choice / 16 % 64);
    } else if (i % 3 == 2) {
      a = with_exponent(low, 48 + choice % 32);
      b = with_exponent(high, 48 + choice / 32 % 32);
      c = with_exponent(third, choice / 1024 % 8);
    }
    ASSERT_TRUE(same(detail::fma_by_float64(a, b, c), std::fma(a, b, c)))
        << std::hexfloat << a << " * " << b << " + " << c;
  }
}

#endif

TEST(Fma, RoundsOnce) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto by_float64 = [](float a, float b, float c) { return detail::fma_by_float64(a, b, c); };
  const auto chosen = [](float a, float b, float c) { return simd::fma(a, b, c); };
  for (float (*const f)(float, float, float) : {+by_float64, +chosen}) {
    // (1 + 2^-12)^2 is halfway between two float32, and what is added is too small for float64.
    EXPECT_EQ(f(0x1.001p0f, 0x1.001p0f, 0.0f), 0x1.002p0f);
    EXPECT_EQ(f(0x1.001p0f, 0x1.001p0f, 0x1p-80f), 0x1.002002p0f);
    EXPECT_EQ(f(0x1.001p0f, 0x1.001p0f, -0x1p-80f), 0x1.002p0f);
    EXPECT_EQ(f(0x1.001p0f, 0x1.001p0f, -1.0f), 0x1.0008p-11f);
    EXPECT_EQ(f(-0x1p-100f, 0x1p-49f, 0.0f), -0x1p-149f);
    EXPECT_TRUE(std::signbit(f(-0.0f, 1.0f, -0.0f)));
    EXPECT_EQ(f(0x1p100f, 0x1p100f, 1.0f), kInfinity);
    EXPECT_EQ(f(0x1p100f, 0x1p100f, -kInfinity), -kInfinity);
    EXPECT_TRUE(std::isnan(f(kInfinity, 0.0f, 1.0f)));
  }
}

}  // namespace
}  // namespace semblance::simd
