// Every supported target against float64: the scalar definition itself is right.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "kernel_data.h"

namespace semblance::simd {
namespace {

using test::AttentionCase;
using test::LinearCase;
using test::Random;

constexpr double kEpsilon = 0x1p-24;

class Float64 : public testing::TestWithParam<Isa> {
 protected:
  const Kernels& kernels_ = kernels_for(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Targets, Float64, testing::ValuesIn(test::supported_isas()),
                         [](const auto& target) { return std::string(name_of(target.param)); });

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::identity: return x;
    case Activation::gelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh:
      return 0.5 * x *
             (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
  }
  return x;
}

TEST_P(Float64, LinearStaysWithinTheBoundOfItsSum) {
  Random sizes(3);
  for (int trial = 0; trial < 60; ++trial) {
    LinearCase c;
    c.rows = sizes.below(40);
    c.in_features = sizes.below(150);
    c.out_features = sizes.below(100);
    c.activation = static_cast<Activation>(trial % 6);
    c.with_bias = trial % 2 == 0;
    c.with_residual = trial % 3 == 0;
    c.residual_is_output = trial % 9 == 0;
    c.seed = static_cast<std::uint32_t>(trial);
    const test::LinearData data(c);
    const std::vector<float> output = run_linear(kernels_, c);
    for (std::size_t r = 0; r < c.rows; ++r) {
      for (std::size_t column = 0; column < c.out_features; ++column) {
        double sum = 0.0, magnitude = 1.0;
        for (std::size_t i = 0; i < c.in_features; ++i) {
          const double product = static_cast<double>(data.input[r * data.input_stride + i]) *
                                 static_cast<double>(data.weight[column * c.in_features + i]);
          sum += product;
          magnitude += std::fabs(product);
        }
        if (c.with_bias) sum += static_cast<double>(data.bias[column]);
        double expected = activated(c.activation, sum);
        if (c.with_residual) {
          expected += static_cast<double>(data.output[r * data.output_stride + column]);
        }
        // Higham 2002, eq. 3.5: n roundings of partial sums; the activations' slopes stay below
        // 1.2.
        const double bound =
            kEpsilon * (static_cast<double>(c.in_features) + 8.0) * 1.2 * (magnitude + 2.0);
        EXPECT_NEAR(output[r * data.output_stride + column], expected, bound);
      }
      for (std::size_t i = c.out_features; i < data.output_stride; ++i) {
        EXPECT_EQ(output[r * data.output_stride + i], test::kCanary);
      }
    }
  }
}

TEST_P(Float64, AttentionAveragesTheValues) {
  for (const std::size_t length : test::sizes({1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 130})) {
    for (const std::size_t head_dim : test::sizes({1, 5, 16, 32, 48, 64, 80})) {
      AttentionCase c{.length = length, .head_dim = head_dim, .scale = 0.3f, .split = length / 2};
      std::vector<float> qkv;
      const std::vector<float> context = run_attention(kernels_, c, &qkv);
      const std::size_t stride = 3 * head_dim + 1;
      const auto at = [&](std::size_t row, std::size_t part, std::size_t i) {
        return static_cast<double>(qkv[row * stride + part * head_dim + i]);
      };
      for (std::size_t row = 0; row < length; ++row) {
        std::vector<double> probabilities(length);
        double highest = -HUGE_VAL, total = 0.0;
        for (std::size_t key = 0; key < length; ++key) {
          double score = 0.0;
          for (std::size_t i = 0; i < head_dim; ++i) score += at(row, 0, i) * at(key, 1, i);
          probabilities[key] = score * static_cast<double>(c.scale);
          highest = std::max(highest, probabilities[key]);
        }
        for (double& p : probabilities) total += p = std::exp(p - highest);
        for (std::size_t i = 0; i < head_dim; ++i) {
          double expected = 0.0;
          for (std::size_t key = 0; key < length; ++key) {
            expected += probabilities[key] / total * at(key, 2, i);
          }
          EXPECT_NEAR(context[row * (head_dim + 3) + i], expected, 4e-5);
        }
        for (std::size_t i = head_dim; i < head_dim + 3; ++i) {
          EXPECT_EQ(context[row * (head_dim + 3) + i], test::kCanary);
        }
      }
    }
  }
}

TEST_P(Float64, LayerNormHasMeanZeroAndVarianceOneBeforeGammaAndBeta) {
  for (const std::size_t size : test::sizes({1, 2, 15, 16, 17, 100, 384, 768, 1000})) {
    Random random(5);
    const std::vector<float> input = random.values(size, 2.0f, 6.0f);
    const std::vector<float> gamma = random.values(size);
    const std::vector<float> beta = random.values(size);
    std::vector<float> output(size);
    kernels_.layer_norm({.input = input.data(),
                         .input_stride = size,
                         .rows = 1,
                         .size = size,
                         .gamma = gamma.data(),
                         .beta = beta.data(),
                         .eps = 1e-5f,
                         .output = output.data(),
                         .output_stride = size});
    double mean = 0.0, variance = 0.0;
    for (const float x : input) mean += static_cast<double>(x);
    mean /= static_cast<double>(size);
    for (const float x : input) variance += std::pow(static_cast<double>(x) - mean, 2);
    variance /= static_cast<double>(size);
    for (std::size_t i = 0; i < size; ++i) {
      const double normal =
          (static_cast<double>(input[i]) - mean) / std::sqrt(variance + static_cast<double>(1e-5f));
      const double expected = normal * static_cast<double>(gamma[i]) + static_cast<double>(beta[i]);
      EXPECT_NEAR(output[i], expected, 3e-6) << size << " " << i;
    }
  }
}

TEST_P(Float64, LayerNormOfAConstantRowIsBeta) {
  for (const std::size_t size : {1u, 3u, 16u, 40u, 384u, 768u, 1000u}) {
    const std::vector<float> gamma(size, 2.0f), beta(size, -1.5f);
    for (const float constant : {0.0f, 0.001f, 0.3f, 1.1f, -3.25f, 77.7f, 1e4f}) {
      const std::vector<float> input(5 * size, constant);
      std::vector<float> output(5 * size);
      kernels_.layer_norm(
          {input.data(), size, 5, size, gamma.data(), beta.data(), 1e-12f, output.data(), size});
      for (const float value : output) ASSERT_EQ(value, -1.5f) << constant << " " << size;
    }
  }
}

TEST_P(Float64, RotaryTurnsEachPairByItsAngle) {
  const std::size_t head_dim = 64, rows = 4;
  Random random(8);
  std::vector<float> values = random.values(rows * head_dim);
  const std::vector<float> before = values;
  std::vector<float> sine(rows * head_dim / 2), cosine(rows * head_dim / 2);
  for (std::size_t i = 0; i < sine.size(); ++i) {
    sine[i] = std::sin(static_cast<float>(i) * 0.1f);
    cosine[i] = std::cos(static_cast<float>(i) * 0.1f);
  }
  kernels_.rotary({values.data(), head_dim, rows, 1, head_dim, sine.data(), cosine.data()});
  for (std::size_t pair = 0; pair < sine.size(); ++pair) {
    const double even = static_cast<double>(before[2 * pair]);
    const double odd = static_cast<double>(before[2 * pair + 1]);
    const double s = static_cast<double>(sine[pair]), c = static_cast<double>(cosine[pair]);
    EXPECT_NEAR(values[2 * pair], even * c - odd * s, 3 * kEpsilon);
    EXPECT_NEAR(values[2 * pair + 1], odd * c + even * s, 3 * kEpsilon);
  }
}

TEST_P(Float64, SumsStayWithinTheirBounds) {
  Random random(6);
  const std::size_t size = 777;
  const std::vector<float> a = random.values(size), b = random.values(size);
  double dot = 0.0, distance = 0.0, absolute = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    distance += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    absolute += std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  }
  EXPECT_NEAR(kernels_.dot(a.data(), b.data(), size), dot, 2e-5);
  EXPECT_NEAR(kernels_.squared_distance(a.data(), b.data(), size), distance, 1e-4);
  EXPECT_NEAR(kernels_.absolute_distance(a.data(), b.data(), size), absolute, 1e-4);
  std::vector<float> sums(21);
  kernels_.column_sums(a.data(), 21, 37, 21, b.data(), sums.data());
  for (std::size_t column = 0; column < 21; ++column) {
    double expected = 0.0;
    for (std::size_t r = 0; r < 37; ++r) {
      expected += static_cast<double>(a[r * 21 + column]) * static_cast<double>(b[r]);
    }
    EXPECT_NEAR(sums[column], expected, 3e-6);
  }
}

TEST_P(Float64, HalvesWidenExactly) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    float wide = 0.0f;
    kernels_.float16_to_float32(&half, 1, &wide);
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double fraction = bits & 1023;
    const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(wide), fraction != 0);
      EXPECT_EQ(std::isinf(wide), fraction == 0);
      continue;
    }
    EXPECT_EQ(
        static_cast<double>(wide),
        sign * (exponent == 0 ? fraction * 0x1p-24 : std::ldexp(1024 + fraction, exponent - 25)));
    EXPECT_EQ(std::signbit(wide), (bits & 0x8000u) != 0);
  }
}

}  // namespace
}  // namespace semblance::simd
