#include "semblance/layers/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "layers/plain_layers.h"
#include "semblance/core/block_arena.h"
#include "semblance/core/thread_pool.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::PaddedRows;
using testing::plain_linear;
using testing::RandomLinear;
using testing::RandomValues;
using testing::same_bits;
using testing::Values;

// What float32 may differ from the exact result, output by output: each of the in_features fused
// steps, the bias and the residual rounds once, by at most 2^-24 of sum |x w| + |b| + |r|; the
// activation passes that on with a slope of at most 1.13 (gelu) and adds an error of its own of
// 2.3 ulp, or 4e-8 absolute (simd/generic/math.inl.h). Double has the same with 2^-53, and Eigen's
// order of summation.
template <class Scalar>
double error_bound(const RandomLinear& linear, std::span<const float> input, std::size_t row,
                   std::size_t output, double activated, double residual) {
  const std::size_t in = linear.in_features();
  double sum = linear.bias ? std::abs(linear.bias->values()[output]) : 0.0;
  for (std::size_t i = 0; i < in; ++i) {
    sum += std::abs(static_cast<double>(input[row * in + i]) *
                    static_cast<double>(linear.weight.values()[output * in + i]));
  }
  const double unit = std::numeric_limits<Scalar>::epsilon() / 2;
  const double activation_error = unit * (4.6 * std::abs(activated) + 4e-8 * 0x1p24);
  return 1.13 * unit * static_cast<double>(in + 1) * sum + activation_error +
         unit * (std::abs(activated) + std::abs(residual));
}

template <class Scalar>
class LinearOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LinearOf, Scalars);

template <class Scalar, class Activation>
void check_against_plain(std::size_t rows, std::size_t out, std::size_t in, double (*plain)(double),
                         bool has_bias = true) {
  RandomValues random(rows * 7919 + out * 31 + in);
  const RandomLinear parameters(out, in, random, DType::f32, has_bias);
  const std::vector<float> x = random.take(rows * in);
  const std::vector<float> r = random.take(rows * out);
  InlineExecutor executor;
  const Linear<Scalar> linear(parameters.parameters(), executor);
  EXPECT_EQ(linear.in_features(), in);
  EXPECT_EQ(linear.out_features(), out);

  const PaddedRows<Scalar> input(rows, in, x);
  const PaddedRows<Scalar> residual(rows, out, r);
  PaddedRows<Scalar> output(rows, out);
  linear.template forward<Activation>(input.view(), output.view(), executor, residual.view());
  EXPECT_TRUE(output.padding_untouched());

  const Values expected = plain_linear(parameters, Values(x.begin(), x.end()), plain);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t o = 0; o < out; ++o) {
      const double activated = expected[i * out + o];
      const double bound = error_bound<Scalar>(parameters, x, i, o, activated, r[i * out + o]);
      ASSERT_NEAR(output.view().row(i)[o], activated + r[i * out + o], bound)
          << rows << " x " << out << " x " << in << " at " << i << ", " << o;
    }
  }
}

TYPED_TEST(LinearOf, OddShapesAgreeWithPlainSumsWithinTheRoundingBound) {
  for (const std::size_t rows : {1u, 2u, 7u, 13u, 17u, 30u}) {
    for (const std::size_t out : {1u, 15u, 31u, 33u, 70u}) {
      for (const std::size_t in : {1u, 2u, 33u, 100u}) {
        check_against_plain<TypeParam, IdentityActivation>(rows, out, in, testing::plain_identity);
      }
    }
  }
}

TYPED_TEST(LinearOf, NeedsNoBias) {
  check_against_plain<TypeParam, IdentityActivation>(5, 9, 20, testing::plain_identity, false);
}

TYPED_TEST(LinearOf, EveryActivationComesBeforeTheResidual) {
  check_against_plain<TypeParam, Gelu>(6, 37, 19, testing::plain_gelu);
  check_against_plain<TypeParam, GeluTanh>(6, 37, 19, GeluTanh::apply);
  check_against_plain<TypeParam, Relu>(6, 37, 19, Relu::apply);
  check_against_plain<TypeParam, Silu>(6, 37, 19, Silu::apply);
  check_against_plain<TypeParam, Tanh>(6, 37, 19, Tanh::apply);
}

template <class Scalar>
std::vector<Scalar> run(const Linear<Scalar>& linear, std::span<const float> x, std::size_t rows,
                        Executor& executor) {
  const PaddedRows<Scalar> input(rows, linear.in_features(), x);
  PaddedRows<Scalar> output(rows, linear.out_features());
  linear.template forward<Gelu>(input.view(), output.view(), executor);
  EXPECT_TRUE(output.padding_untouched());
  return output.values();
}

TYPED_TEST(LinearOf, PartsSideBySideGiveTheValuesOfEachAlone) {
  constexpr std::size_t kIn = 21, kRows = 5;
  RandomValues random(3);
  // Sizes that cut panels anywhere, several parts in one panel, types of all kinds, biases on some.
  std::vector<RandomLinear> alone;
  alone.emplace_back(5, kIn, random, DType::f32, false);
  alone.emplace_back(1, kIn, random, DType::f16, true);
  alone.emplace_back(70, kIn, random, DType::f32, true);
  alone.emplace_back(3, kIn, random, DType::f64, false);
  alone.emplace_back(37, kIn, random, DType::bf16, true);
  std::vector<LinearParameters> parts;
  for (const auto& part : alone) parts.push_back(part.parameters());
  InlineExecutor executor;
  const Linear<TypeParam> together(parts, executor);
  ASSERT_EQ(together.out_features(), 116u);
  const std::vector<float> x = random.take(kRows * kIn);
  const auto found = run(together, x, kRows, executor);
  std::size_t column = 0;
  for (const auto& part : alone) {
    const auto expected = run(Linear<TypeParam>(part.parameters(), executor), x, kRows, executor);
    const std::size_t out = part.out_features();
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t o = 0; o < out; ++o) {
        // Exact in float, where each output has one order of operations; Eigen's order depends on
        // the shape.
        if constexpr (std::is_same_v<TypeParam, float>) {
          ASSERT_EQ(found[r * 116 + column + o], expected[r * out + o]) << "column " << column + o;
        } else {
          ASSERT_NEAR(found[r * 116 + column + o], expected[r * out + o], 1e-13);
        }
      }
    }
    column += out;
  }
}

TYPED_TEST(LinearOf, WeightsOfEveryTypeGiveTheBitsOfTheSameValuesInFloat32) {
  constexpr std::size_t kIn = 50, kRows = 3;
  InlineExecutor executor;
  std::vector<std::vector<TypeParam>> results;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    RandomValues random(4);
    const RandomLinear parameters(45, kIn, random, dtype);
    const std::vector<float> x = random.take(kRows * kIn);
    results.push_back(
        run(Linear<TypeParam>(parameters.parameters(), executor), x, kRows, executor));
    EXPECT_EQ(results.back(), results.front()) << name_of(dtype);
  }
}

TYPED_TEST(LinearOf, ResidualMayBeTheOutputItself) {
  constexpr std::size_t kRows = 9, kIn = 30, kOut = 41;
  RandomValues random(5);
  const RandomLinear parameters(kOut, kIn, random);
  const PaddedRows<TypeParam> input(kRows, kIn, random.take(kRows * kIn));
  PaddedRows<TypeParam> in_place(kRows, kOut, random.take(kRows * kOut));
  const PaddedRows<TypeParam> residual = in_place;
  PaddedRows<TypeParam> apart(kRows, kOut);
  InlineExecutor executor;
  const Linear<TypeParam> linear(parameters.parameters(), executor);
  linear.forward(input.view(), apart.view(), executor, residual.view());
  linear.forward(input.view(), in_place.view(), executor, in_place.view());
  EXPECT_EQ(in_place.values(), apart.values());
  EXPECT_TRUE(in_place.padding_untouched());
}

TYPED_TEST(LinearOf, NoRowsAreFine) {
  RandomValues random(6);
  const RandomLinear parameters(40, 8, random);
  InlineExecutor executor;
  const Linear<TypeParam> linear(parameters.parameters(), executor);
  EXPECT_TRUE(run(linear, {}, 0, executor).empty());
}

// The bits of all rows by one thread, against 1 to 4 threads and against any few rows alone.
void expect_same_bits(const LinearParameters& parameters, std::span<const float> x,
                      std::size_t num_rows) {
  InlineExecutor alone;
  const Linear<float> linear(parameters, alone);
  const std::size_t in = linear.in_features(), out = linear.out_features();
  const auto expected = run(linear, x, num_rows, alone);
  ThreadPool pool(4);
  for (std::size_t num_threads = 1; num_threads <= 4; ++num_threads) {
    ThreadPool::Team team(pool, num_threads);
    const Linear<float> packed_by_team(parameters, team);
    EXPECT_TRUE(same_bits(run(packed_by_team, x, num_rows, team), expected)) << num_threads;
  }
  for (std::size_t rows = 1; rows <= 16; ++rows) {
    for (std::size_t first = 0; first + rows <= num_rows; first += rows) {
      const auto found = run(linear, x.subspan(first * in, rows * in), rows, alone);
      ASSERT_TRUE(same_bits(found, std::span(expected).subspan(first * out, rows * out)))
          << rows << " rows from " << first;
    }
  }
}

TEST(Linear, HasTheSameBitsWithAnyThreadCountAndAnySplitOfTheRows) {
  constexpr std::size_t kRows = 40, kIn = 65, kOut = 200;
  RandomValues random(7);
  const RandomLinear parameters(kOut, kIn, random, DType::bf16);
  const std::vector<float> x = random.take(kRows * kIn);
  expect_same_bits(parameters.parameters(), x, kRows);
}

// In int8 too, where each row of the input has a scale of its own.
TEST(Linear, InInt8HasTheSameBitsWithAnyThreadCountAndAnySplitOfTheRows) {
  constexpr std::size_t kRows = 40, kOut = 200;
  for (const auto& [kIn, normalized] : {std::pair(65u, false), std::pair(72u, true)}) {
    RandomValues random(7);
    const RandomLinear random_linear(kOut, kIn, random, DType::bf16);
    LinearParameters parameters = random_linear.parameters();
    parameters.precision = Precision::int8;
    parameters.input_is_normalized = normalized;
    const std::vector<float> x = random.take(kRows * kIn);
    expect_same_bits(parameters, x, kRows);
  }
}

// As the inputs of BERT's layers are: two features far larger than the rest, at most 1, make a
// range of 60. Each appears once in every piece, and in 16 pieces nothing exceeds 30 + 16, that is
// 46 / 4 in the scale of the input: a range of 23, less than half, and less than a quarter of the
// squared error.
TEST(Linear, InInt8FeaturesThatAreFarLargerCostLessWhereTheInputIsNormalized) {
  constexpr std::size_t kRows = 20, kIn = 384, kOut = 48;
  RandomValues random(21);
  const RandomLinear random_linear(kOut, kIn, random);
  std::vector<float> x = random.take(kRows * kIn);
  for (std::size_t r = 0; r < kRows; ++r) {
    x[r * kIn + 77] = 30.0f;    // the sixth of its piece
    x[r * kIn + 200] = -30.0f;  // the ninth
  }
  InlineExecutor executor;
  LinearParameters parameters = random_linear.parameters();
  const auto exact = run(Linear<float>(parameters, executor), x, kRows, executor);
  parameters.precision = Precision::int8;
  const auto squared_error = [&](bool normalized) {
    parameters.input_is_normalized = normalized;
    const auto found = run(Linear<float>(parameters, executor), x, kRows, executor);
    double sum = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double error = static_cast<double>(found[i] - exact[i]);
      sum += error * error;
    }
    return sum;
  };
  const double plain = squared_error(false), transformed = squared_error(true);
  EXPECT_GT(transformed, 0.0);
  EXPECT_LT(transformed, plain / 4);
}

// A matrix as the codes of a quantized file, in 8 bits or in 4.
struct QuantizedLinear {
  std::size_t out, in;
  std::vector<std::int8_t> codes;
  std::vector<std::uint8_t> nibbles;
  std::vector<float> scales;
  std::vector<std::uint16_t> block_scales;
  std::vector<float> products;  // of codes and scales
  std::vector<float> values;    // what they mean
  std::size_t pieces;

  QuantizedLinear(std::size_t out_features, std::size_t in_features, RandomValues& random, int bits,
                  std::size_t num_pieces = 1)
      : out(out_features), in(in_features), pieces(num_pieces) {
    for (std::size_t o = 0; o < out; ++o) {
      scales.push_back(std::abs(random.next()) + 0.125f);
      for (std::size_t i = 0; i < in; ++i) {
        if (bits == 8) {
          codes.push_back(static_cast<std::int8_t>(random.next() * 127.0f));
          products.push_back(static_cast<float>(codes.back()) * scales[o]);
          continue;
        }
        if (i % 32 == 0) {
          block_scales.push_back(testing::float16_bits(i % 64 == 0 ? -0.25f : scales[o] / 8));
        }
        const auto nibble = static_cast<std::uint8_t>((random.next() + 1.0f) * 7.9f);
        if (i % 2 == 0) {
          nibbles.push_back(nibble);
        } else {
          nibbles.back() = static_cast<std::uint8_t>(nibbles.back() | nibble << 4);
        }
        products.push_back(static_cast<float>(nibble - 8) * (i % 64 < 32 ? -0.25f : scales[o] / 8));
      }
      values.resize(products.size());
      simd::kernels().hadamard(products.data() + o * in, in, pieces, values.data() + o * in);
    }
  }
  LinearParameters parameters(Precision precision) const {
    const Shape shape{out, in};
    const auto bytes = [](const auto& v) { return reinterpret_cast<const std::byte*>(v.data()); };
    if (nibbles.empty()) {
      return {.weight = WeightMatrix({bytes(codes), DType::i8, shape},
                                     TensorView{bytes(scales), DType::f32, {out}}, shape, pieces),
              .bias = {},
              .precision = precision};
    }
    return {.weight = WeightMatrix(
                {bytes(nibbles), DType::u8, {out, in / 2}},
                TensorView{bytes(block_scales), DType::f16, {out, (in + 31) / 32}}, shape),
            .bias = {},
            .precision = precision};
  }
};

TEST(Linear, CodesOfAFileMeanTheirValuesInEveryPrecision) {
  constexpr std::size_t kRows = 7, kIn = 76, kOut = 45;
  for (const auto& [bits, pieces] : {std::pair(8, 1u), std::pair(8, 4u), std::pair(4, 1u)}) {
    RandomValues random(11);
    const QuantizedLinear quantized(kOut, kIn, random, bits, pieces);
    const testing::StoredTensor values({kOut, kIn}, quantized.values);
    const std::vector<float> x = random.take(kRows * kIn);
    InlineExecutor executor;
    for (const Precision precision : {Precision::f32, Precision::f16, Precision::bf16}) {
      const Linear<float> from_codes(quantized.parameters(precision), executor);
      const Linear<float> from_values({.weight = values.view(), .bias = {}, .precision = precision},
                                      executor);
      EXPECT_EQ(run(from_codes, x, kRows, executor), run(from_values, x, kRows, executor))
          << bits << " bits, " << name_of(precision);
    }
    // Codes and scales of 8 bits go into the product as they are: the error is the input's alone.
    const Linear<float> in_int8(quantized.parameters(Precision::int8), executor);
    const Linear<float> in_f32(quantized.parameters(Precision::f32), executor);
    const PaddedRows<float> input(kRows, kIn, x);
    PaddedRows<float> found(kRows, kOut), expected(kRows, kOut);
    in_int8.forward(input.view(), found.view(), executor);
    in_f32.forward(input.view(), expected.view(), executor);
    for (std::size_t r = 0; r < kRows; ++r) {
      std::vector<float> row(kIn);
      simd::kernels().hadamard(x.data() + r * kIn, kIn, pieces, row.data());
      float largest = 0;
      for (const float value : row) largest = std::max(largest, std::abs(value));
      for (std::size_t o = 0; o < kOut; ++o) {
        const float* weights = quantized.products.data() + o * kIn;
        double sum = 0, step = 0;  // as quantize_weights() chooses it
        for (std::size_t i = 0; i < kIn; ++i) {
          const double value = weights[i];
          const double neighbour = weights[i ^ 1];
          sum += std::abs(value);
          step = std::max(step, std::abs(value) / 127);
          if (value * neighbour > 0) step = std::max(step, std::abs(value + neighbour) / 127.99);
        }
        const double unit = static_cast<double>(largest) / 127;
        const double weight_error = bits == 8 ? 0 : 0.5001 * step * kIn * 127 * unit;
        ASSERT_NEAR(found.view().row(r)[o], expected.view().row(r)[o],
                    0.5001 * unit * sum + weight_error + 1e-4);
      }
    }
  }
}

// Query, key and value share one input: codes in another form than the first are made anew.
TEST(Linear, CodesInSeveralFormsAreBroughtToThatOfTheFirst) {
  constexpr std::size_t kRows = 5, kIn = 64, kOut = 20;
  for (const auto& [first, second] : {std::pair(1u, 16u), std::pair(16u, 1u)}) {
    RandomValues random(13);
    const QuantizedLinear a(kOut, kIn, random, 8, first), b(kOut, kIn, random, 8, second);
    const testing::StoredTensor values({kOut, kIn}, b.values);
    InlineExecutor executor;
    const std::vector<float> x = random.take(kRows * kIn);
    const LinearParameters in_int8 = {
        .weight = values.view(), .bias = {}, .precision = Precision::int8};
    const std::vector<LinearParameters> mixed{a.parameters(Precision::int8),
                                              b.parameters(Precision::int8)};
    const std::vector<LinearParameters> made{a.parameters(Precision::int8), in_int8};
    EXPECT_TRUE(same_bits(run(Linear<float>(mixed, executor), x, kRows, executor),
                          run(Linear<float>(made, executor), x, kRows, executor)));
  }
}

TEST(Linear, PartsOfSeveralPrecisionsAreComputedInFloat32) {
  RandomValues random(12);
  const RandomLinear a(20, 30, random), b(25, 30, random);
  InlineExecutor executor;
  std::vector<LinearParameters> parts{a.parameters(), b.parameters()};
  const std::vector<float> x = random.take(90);
  const auto expected = run(Linear<float>(parts, executor), x, 3, executor);
  parts[0].precision = Precision::int8;
  EXPECT_EQ(run(Linear<float>(parts, executor), x, 3, executor), expected);
  parts[1].precision = Precision::int8;
  EXPECT_NE(run(Linear<float>(parts, executor), x, 3, executor), expected);
}

TEST(Linear, NanStaysInItsRow) {
  constexpr std::size_t kRows = 8, kIn = 12, kOut = 35;
  RandomValues random(8);
  const RandomLinear parameters(kOut, kIn, random);
  std::vector<float> x = random.take(kRows * kIn);
  InlineExecutor executor;
  const Linear<float> linear(parameters.parameters(), executor);
  const auto clean = run(linear, x, kRows, executor);
  x[3 * kIn + 5] = std::numeric_limits<float>::quiet_NaN();
  const auto found = run(linear, x, kRows, executor);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i / kOut == 3) {
      EXPECT_TRUE(std::isnan(found[i]));
    } else {
      EXPECT_EQ(found[i], clean[i]);
    }
  }
}

TEST(Linear, MayKeepItsWeightsInAnArenaThatItOutlives) {
  RandomValues random(13);
  const RandomLinear a(40, 30, random), b(25, 30, random);
  InlineExecutor executor;
  const std::vector<float> x = random.take(90);
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    auto arena = std::make_shared<BlockArena>();
    std::vector<Linear<float>> linears;
    std::vector<Linear<float>> alone;
    for (const RandomLinear* linear : {&a, &b}) {
      LinearParameters parameters = linear->parameters();
      parameters.precision = precision;
      alone.emplace_back(parameters, executor);
      parameters.arena = arena;
      linears.emplace_back(parameters, executor);
    }
    const ArenaBlock last = arena->allocate(1);
    EXPECT_EQ(last.memory.use_count(), 4) << "the arena, both linears and this";
    arena.reset();
    for (std::size_t i = 0; i < linears.size(); ++i) {
      EXPECT_EQ(run(linears[i], x, 3, executor), run(alone[i], x, 3, executor));
      EXPECT_EQ(linears[i].byte_count(), alone[i].byte_count());
    }
  }
}

TEST(Linear, SaysTheBytesItHolds) {
  RandomValues random(9);
  const RandomLinear parameters(3, 5, random);
  InlineExecutor executor;
  EXPECT_EQ(Linear<double>(parameters.parameters(), executor).byte_count(), (15 + 3) * 8u);
  // Whole panels of columns.
  const std::size_t width = simd::kernels().panel_width;
  EXPECT_EQ(Linear<float>(parameters.parameters(), executor).byte_count(), (width * 5 + 3) * 4);
  LinearParameters half = parameters.parameters();
  half.precision = Precision::bf16;
  EXPECT_EQ(Linear<float>(half, executor).byte_count(), width * 5 * 2 + 3 * 4);
  half.precision = Precision::int8;
  EXPECT_EQ(Linear<float>(half, executor).byte_count(),
            simd::kernels().int8_panel_bytes(5) + 3 * 4);
}

template <class T>
concept LinearExists = requires {
  typename Linear<T>;
};
static_assert(LinearExists<float> && LinearExists<double>);
static_assert(!LinearExists<int> && !LinearExists<long double>);

}  // namespace
}  // namespace semblance
