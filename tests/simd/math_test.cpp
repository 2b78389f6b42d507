// Errors of the elementary functions against float64 over a dense sweep of float32 inputs. The
// other targets give the scalar bits (same_bits_test.cpp), so scalar stands for all.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "kernel_data.h"
#include "semblance/simd/targets/scalar.h"

namespace semblance::simd {
namespace {

using test::ulps;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Every `step`-th float32 in [low, high], both of the same sign.
void sweep(float low, float high, std::uint32_t step, const std::function<void(float)>& visit) {
  auto first = std::bit_cast<std::uint32_t>(std::fabs(low) < std::fabs(high) ? low : high);
  const auto last = std::bit_cast<std::uint32_t>(std::fabs(low) < std::fabs(high) ? high : low);
  for (; first <= last && last - first >= step; first += step) visit(std::bit_cast<float>(first));
  visit(std::bit_cast<float>(last));
}

float activate_one(Activation activation, float x) {
  kernels_for(best_isa()).activate(activation, &x, 1);
  return x;
}

float exp_one(float x) { return scalar::exp_in_range(scalar::splat(x)).lane[0]; }

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double exact_gelu_tanh(double x) {
  const double u = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return x / (1.0 + std::exp(-2.0 * u));
}
double exact_silu(double x) { return x / (1.0 + std::exp(-x)); }

struct Errors {
  double ulps = 0.0;
  double absolute = 0.0;
};

Errors measure(Activation activation, double (*exact)(double), float low, float high,
               std::uint32_t step) {
  Errors worst;
  sweep(low, high, step, [&](float x) {
    const float value = activate_one(activation, x);
    const double expected = exact(static_cast<double>(x));
    worst.ulps = std::max(worst.ulps, ulps(value, expected));
    worst.absolute = std::max(worst.absolute, std::fabs(static_cast<double>(value) - expected));
  });
  return worst;
}

TEST(Exp, StaysWithinItsStatedErrorOverItsRange) {
  double worst = 0.0;
  const auto visit = [&](float x) {
    worst = std::max(worst, ulps(exp_one(x), std::exp(static_cast<double>(x))));
  };
  sweep(-1e-30f, -87.33f, 1499, visit);
  sweep(1e-30f, 88.37f, 1499, visit);
  EXPECT_LE(worst, 0.84);
  EXPECT_GT(worst, 0.49);
  EXPECT_EQ(exp_one(0.0f), 1.0f);
  EXPECT_EQ(exp_one(-0.0f), 1.0f);
  EXPECT_TRUE(std::isnan(exp_one(std::nanf(""))));
}

TEST(SoftmaxNumerators, StayWithinTheirStatedError) {
  for (const float scale : {1.0f, 0.125f, 0.17677669f}) {
    double worst = 0.0;
    sweep(-1e-6f, -85.9f / scale, 1499, [&](float score) {
      float numerator = score + 3.0f;
      const double below = static_cast<double>(numerator) - 3.0;
      scalar::softmax_numerators(&numerator, 1, 3.0f, scale);
      const double x = below * static_cast<double>(scale);
      worst = std::max(worst, ulps(numerator, std::exp(x)) / (0.8 + 0.8 * std::fabs(x)));
    });
    EXPECT_LE(worst, 1.0) << scale;
  }
}

TEST(SoftmaxNumerators, TakeInfinitiesAndNaN) {
  const auto weight = [](float score, float highest) {
    scalar::softmax_numerators(&score, 1, highest, 0.5f);
    return score;
  };
  EXPECT_EQ(weight(7.0f, 7.0f), 1.0f);
  for (const float score : {-180.0f, -1e30f, -kInfinity}) {
    EXPECT_LT(weight(score, 0.0f), 1e-37f) << score;
  }
  EXPECT_TRUE(std::isnan(weight(std::nanf(""), 1.0f)));
  EXPECT_TRUE(std::isnan(weight(kInfinity, kInfinity)));
}

TEST(Gelu, FollowsErfWithinItsStatedError) {
  EXPECT_LE(measure(Activation::gelu, exact_gelu, 1e-30f, 20.0f, 4999).ulps, 1.3);
  EXPECT_LE(measure(Activation::gelu, exact_gelu, -1e-30f, -1.0f, 4999).ulps, 2.1);
  EXPECT_LE(measure(Activation::gelu, exact_gelu, -1e-30f, -30.0f, 4999).absolute, 3.2e-8);
}

TEST(GeluForCodes, FollowsErfWithinItsStatedError) {
  const auto of = [](float x) { return scalar::gelu_for_codes(scalar::splat(x)).lane[0]; };
  double worst = 0.0;
  const auto visit = [&](float x) {
    worst =
        std::max(worst, std::fabs(static_cast<double>(of(x)) - exact_gelu(static_cast<double>(x))));
  };
  sweep(1e-30f, 20.0f, 499, visit);
  sweep(-1e-30f, -30.0f, 499, visit);
  EXPECT_LE(worst, 7.7e-5);
  EXPECT_GT(worst, 6.9e-5);
  EXPECT_EQ(of(0.0f), 0.0f);
  EXPECT_EQ(of(kInfinity), kInfinity);
  EXPECT_NEAR(of(-kInfinity), 0.0f, 1e-5f);
  EXPECT_TRUE(std::isnan(of(std::nanf(""))));
}

TEST(GeluTanh, StaysWithinItsStatedError) {
  EXPECT_LE(measure(Activation::gelu_tanh, exact_gelu_tanh, 1e-30f, 20.0f, 4999).ulps, 1.7);
  EXPECT_LE(measure(Activation::gelu_tanh, exact_gelu_tanh, -1e-30f, -1.0f, 4999).ulps, 2.3);
  EXPECT_LE(measure(Activation::gelu_tanh, exact_gelu_tanh, -1e-30f, -30.0f, 4999).absolute, 4e-8);
}

TEST(Silu, StaysWithinItsStatedError) {
  EXPECT_LE(measure(Activation::silu, exact_silu, 1e-30f, 80.0f, 4999).ulps, 2.2);
  EXPECT_LE(measure(Activation::silu, exact_silu, -1e-30f, -86.9f, 4999).ulps, 2.2);
}

TEST(Tanh, StaysWithinItsStatedError) {
  EXPECT_LE(measure(Activation::tanh, std::tanh, 1e-30f, 50.0f, 4999).ulps, 1.3);
  EXPECT_LE(measure(Activation::tanh, std::tanh, -1e-30f, -50.0f, 4999).ulps, 1.3);
}

TEST(Activations, KeepNaNAndHaveTheirLimits) {
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu,
                                      Activation::silu, Activation::tanh}) {
    for (const std::uint32_t bits : {0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0xFFFFFFFFu}) {
      EXPECT_TRUE(std::isnan(activate_one(activation, std::bit_cast<float>(bits))))
          << static_cast<int>(activation) << " " << bits;
    }
    const bool bounded = activation == Activation::tanh;
    EXPECT_EQ(activate_one(activation, kInfinity), bounded ? 1.0f : kInfinity);
    EXPECT_NEAR(activate_one(activation, -kInfinity), bounded ? -1.0f : 0.0f, 1e-30f);
    EXPECT_NEAR(activate_one(activation, -3e38f), bounded ? -1.0f : 0.0f, 1e-30f);
    EXPECT_EQ(activate_one(activation, 0.0f), 0.0f);
  }
}

}  // namespace
}  // namespace semblance::simd
