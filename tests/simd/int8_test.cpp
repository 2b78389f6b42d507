// Products of 8-bit codes on every supported target: against exact integers, and bit for bit
// against the scalar definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_data.h"
#include "semblance/simd/fma.h"
#include "semblance/simd/half_float.h"

namespace semblance::simd {
namespace {

using test::difference;
using test::Int8Weight;
using test::LinearCase;
using test::LinearData;
using test::Random;

class Int8 : public testing::TestWithParam<Isa> {
 protected:
  const Kernels& scalar_ = kernels_for(Isa::scalar);
  const Kernels& target_ = kernels_for(GetParam());

  void expect_same(const LinearCase& c) {
    EXPECT_EQ(difference(run_int8_linear(target_, c), run_int8_linear(scalar_, c)), "")
        << "rows " << c.rows << " in " << c.in_features << " out " << c.out_features
        << " activation " << static_cast<int>(c.activation);
  }

  // Symmetric codes of a row of weights, by the documented rule.
  static std::vector<int> plain_codes(const float* row, std::size_t count, float& scale) {
    float largest = 0.0f;
    for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(row[i]));
    std::vector<int> codes(count, 0);
    scale = 0.0f;
    if (largest < 0x1p-100f) return codes;
    scale = largest / 127.0f;
    const float inverse = 127.0f / largest;
    for (std::size_t i = 0; i < count; ++i) {
      const float scaled = row[i] * inverse;  // rounded to float32 before it is rounded again
      codes[i] = static_cast<int>(std::nearbyint(scaled));
    }
    return codes;
  }

  // Codes of a row of activations less their zero point, by the documented rule.
  static std::vector<int> plain_differences(const float* row, std::size_t count, float& scale) {
    float low = 0.0f, high = 0.0f;
    for (std::size_t i = 0; i < count; ++i) {
      low = std::min(low, row[i]);
      high = std::max(high, row[i]);
    }
    std::vector<int> codes(count, 0);
    scale = 0.0f;
    if (std::max(-low, high) < 0x1p-100f) return codes;
    const float range = high - low;
    scale = range / 254.0f;
    const float inverse = 254.0f / range;
    const float scaled_low = -low * inverse;
    const int zero = static_cast<int>(std::nearbyint(scaled_low));
    for (std::size_t i = 0; i < count; ++i) {
      const float scaled = row[i] * inverse;
      codes[i] = static_cast<int>(std::nearbyint(scaled));
      EXPECT_GE(codes[i] + zero, 0);
      EXPECT_LE(codes[i] + zero, 255);
    }
    return codes;
  }

  // Against 64-bit integers; the epilogue in double, within the rounding of its three steps.
  void expect_exact(const LinearCase& c, LinearData& data, const Int8Weight& weight) {
    const std::vector<float> found = run_int8_linear(target_, c, data, weight);
    for (std::size_t r = 0; r < c.rows; ++r) {
      float scale = 0.0f;
      const auto codes =
          plain_differences(data.input.data() + r * data.input_stride, c.in_features, scale);
      for (std::size_t o = 0; o < c.out_features; ++o) {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < c.in_features; ++i) {
          sum += std::int64_t{codes[i]} * weight.codes[o * c.in_features + i];
        }
        const float both = scale * weight.scales[o];
        const double bias = c.with_bias ? static_cast<double>(data.bias[o]) : 0.0;
        const float expected = simd::fma(static_cast<float>(sum), both, static_cast<float>(bias));
        ASSERT_EQ(found[r * data.output_stride + o], expected)
            << "row " << r << " column " << o << " of " << c.in_features << " inputs";
      }
      for (std::size_t i = c.out_features; i < data.output_stride; ++i) {
        ASSERT_EQ(found[r * data.output_stride + i], test::kCanary);
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Targets, Int8, testing::ValuesIn(test::supported_isas()),
                         [](const auto& target) { return std::string(name_of(target.param)); });

TEST_P(Int8, SumsAreThoseOfIntegers) {
  for (const std::size_t in : test::sizes({1, 2, 3, 4, 5, 7, 16, 31, 64, 129, 384, 770})) {
    for (const std::size_t rows : test::sizes({1, 2, 5, 6, 7, 14, 15, 16, 29, 33})) {
      const LinearCase c{.rows = rows,
                         .in_features = in,
                         .out_features = 37,
                         .with_bias = in % 2 == 0,
                         .seed = static_cast<std::uint32_t>(in * 31 + rows)};
      LinearData data(c);
      expect_exact(c, data, test::quantized(scalar_, data.weight, c.out_features, c.in_features));
    }
  }
}

TEST_P(Int8, ActivationsAreThoseOfTheSumsWithinTheirStatedError) {
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu,
                                      Activation::silu, Activation::tanh}) {
    LinearCase c{.rows = 33, .in_features = 64, .out_features = 70, .with_bias = true, .seed = 5};
    LinearData data(c);
    for (float& value : data.input) value *= 4.0f;
    const auto weight = test::quantized(scalar_, data.weight, c.out_features, c.in_features);
    LinearData sums_data = data;
    std::vector<float> expected = run_int8_linear(target_, c, sums_data, weight);
    c.activation = activation;
    const std::vector<float> found = run_int8_linear(target_, c, data, weight);
    for (std::size_t r = 0; r < c.rows; ++r) {
      float* row = expected.data() + r * data.output_stride;
      target_.activate(activation, row, c.out_features);
      for (std::size_t o = 0; o < c.out_features; ++o) {
        const float error = activation == Activation::gelu ? 7.7e-5f : 0.0f;
        ASSERT_NEAR(found[r * data.output_stride + o], row[o], error);
      }
    }
  }
}

// Every product at its largest magnitude and of one sign, at sizes where 16-bit steps, and at the
// largest where 32-bit sums, would overflow if they could.
TEST_P(Int8, NothingSaturatesInTheWorstCase) {
  for (const std::size_t in :
       test::sizes({2, 4, 64, 3072, 32768, 32832, 66000, kMaxInt8Features})) {
    for (const int input_sign : {-1, 1}) {
      for (const int code : {-128, -127, 127}) {
        const LinearCase c{.rows = in > 4000 ? 2u : 15u, .in_features = in, .out_features = 3};
        LinearData data(c);
        for (std::size_t r = 0; r < c.rows; ++r) {
          for (std::size_t i = 0; i < in; ++i) {
            data.input[r * data.input_stride + i] = static_cast<float>(input_sign) * 2.5f;
          }
        }
        Int8Weight weight{std::vector<std::int8_t>(3 * in, static_cast<std::int8_t>(code)),
                          {1.0f, 0.5f, 0.0f}};
        // Signs that alternate within a group of four and from group to group.
        for (std::size_t i = 0; i < in; ++i) {
          if (i % 8 < 4 || i % 2 == 0) weight.codes[in + i] = static_cast<std::int8_t>(-127);
        }
        expect_exact(c, data, weight);
      }
    }
  }
}

// Pairs of weights that fit go another way on some targets: their worst case, a code of the input
// that is 254 or 0 beside weights that sum to 128, and panels of such weights beside others.
TEST_P(Int8, NothingSaturatesInTheWorstCaseOfPairsThatFit) {
  constexpr std::size_t kOut = 99;
  for (const std::size_t in : test::sizes({2, 3, 4, 7, 64, 3071})) {
    for (const int input_sign : {-1, 1}) {
      const LinearCase c{.rows = 15, .in_features = in, .out_features = kOut};
      LinearData data(c);
      for (float& value : data.input) value = static_cast<float>(input_sign) * 2.5f;
      const std::pair<int, int> pairs[] = {{127, 1},    {1, 127},    {64, 64},
                                           {-64, -64},  {-128, 0},   {-1, -127},
                                           {127, -128}, {-128, 127}, {-127, 127}};
      Int8Weight weight{std::vector<std::int8_t>(kOut * in), std::vector<float>(kOut, 0.5f)};
      for (std::size_t o = 0; o < kOut; ++o) {
        for (std::size_t i = 0; i < in; ++i) {
          const auto& pair = pairs[o < 9 ? o : (o + i / 2) % 9];
          weight.codes[o * in + i] =
              static_cast<std::int8_t>(i % 2 == 0 ? pair.first : pair.second);
        }
      }
      expect_exact(c, data, weight);
      // One pair of one column that does not fit: its panel alone goes the other way.
      const std::size_t pair = 40 * in + in / 2 / 2 * 2;
      weight.codes[pair] = 127;
      weight.codes[pair + 1] = 2;
      expect_exact(c, data, weight);
    }
  }
}

// The columns of `rows` [length, size] less their means.
std::vector<float> less_mean(const float* rows, std::size_t stride, std::size_t length,
                             std::size_t size, std::vector<float>& mean) {
  std::vector<float> result(length * size);
  mean.assign(size, 0.0f);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t row = 0; row < length; ++row) mean[i] += rows[row * stride + i];
    mean[i] *= 1.0f / static_cast<float>(length);
    for (std::size_t row = 0; row < length; ++row) {
      result[row * size + i] = rows[row * stride + i] - mean[i];
    }
  }
  return result;
}

// Against the documented rule in double. A weight of softmax that lies nearly between two codes may
// be rounded either way by its last bits.
TEST_P(Int8, AttentionMultipliesTheCodesOfQueriesKeysWeightsAndValues) {
  for (const std::size_t length : test::sizes({1, 2, 15, 16, 31, 33, 64, 100})) {
    for (const std::size_t head_dim : test::sizes({1, 5, 32, 64, 80, 128})) {
      const test::AttentionCase c{.length = length,
                                  .head_dim = head_dim,
                                  .scale = 0.1f,
                                  .split = length / 2,
                                  .in_int8 = true};
      std::vector<float> qkv;
      const std::vector<float> context = test::run_attention(target_, c, &qkv);
      const std::size_t stride = 3 * head_dim + 1;
      std::vector<float> mean;
      const auto key = less_mean(qkv.data() + head_dim, stride, length, head_dim, mean);
      const auto value = less_mean(qkv.data() + 2 * head_dim, stride, length, head_dim, mean);
      std::vector<std::int8_t> keys(length * head_dim), values(length * head_dim);
      std::vector<float> key_scales(length), value_scales(head_dim), column(length);
      for (std::size_t k = 0; k < length; ++k) {
        key_scales[k] = scalar_.quantize_weights(key.data() + k * head_dim, head_dim,
                                                 keys.data() + k * head_dim);
      }
      for (std::size_t i = 0; i < head_dim; ++i) {
        for (std::size_t k = 0; k < length; ++k) column[k] = value[k * head_dim + i];
        value_scales[i] =
            scalar_.quantize_weights(column.data(), length, values.data() + i * length);
      }
      for (std::size_t row = 0; row < length; ++row) {
        float query_scale = 0.0f;
        const auto query = plain_differences(qkv.data() + row * stride, head_dim, query_scale);
        std::vector<double> weights(length);
        for (std::size_t k = 0; k < length; ++k) {
          std::int64_t sum = 0;
          for (std::size_t i = 0; i < head_dim; ++i) {
            sum += std::int64_t{query[i]} * keys[k * head_dim + i];
          }
          weights[k] = static_cast<double>(sum) * static_cast<double>(query_scale) *
                       static_cast<double>(key_scales[k]) * static_cast<double>(c.scale);
        }
        const double highest = *std::max_element(weights.begin(), weights.end());
        double total = 0.0;
        int num_near = 0;
        for (double& weight : weights) {
          const double scaled = std::exp(weight - highest) * 65024;
          weight = std::nearbyint(scaled);
          total += weight;
          if (std::fabs(std::fabs(scaled - weight) - 0.5) < 0.1) ++num_near;
        }
        const double one_code = 4 * static_cast<double>(c.spread) / total;
        for (std::size_t i = 0; i < head_dim; ++i) {
          double expected = 0.0;
          for (std::size_t k = 0; k < length; ++k) {
            expected += weights[k] * values[i * length + k] / total;
          }
          expected = expected * static_cast<double>(value_scales[i]) + static_cast<double>(mean[i]);
          ASSERT_NEAR(context[row * (head_dim + 3) + i], expected, 1e-5 + num_near * one_code)
              << length << " keys of " << head_dim << ", row " << row;
        }
        for (std::size_t i = head_dim; i < head_dim + 3; ++i) {
          ASSERT_EQ(context[row * (head_dim + 3) + i], test::kCanary);
        }
      }
    }
  }
}

TEST_P(Int8, NanAndInfinityAmongValuesMakeTheirFeatureNanAndAmongKeysEverything) {
  for (const float wild :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (const std::size_t head_dim : test::sizes({5, 32, 64})) {
      test::AttentionCase c{.length = 37, .head_dim = head_dim, .split = 20, .in_int8 = true};
      const std::vector<float> clean = test::run_attention(target_, c);
      c.first_value = wild;
      const std::vector<float> found = test::run_attention(target_, c);
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (i % (head_dim + 3) == 0) {
          ASSERT_TRUE(std::isnan(found[i])) << wild << " among values of " << head_dim;
        } else {
          ASSERT_EQ(found[i], clean[i]) << wild << " among values of " << head_dim << ", at " << i;
        }
      }
      c.first_value.reset();
      c.first_key = wild;
      const std::vector<float> lost = test::run_attention(target_, c);
      for (std::size_t i = 0; i < lost.size(); ++i) {
        if (i % (head_dim + 3) >= head_dim) continue;
        ASSERT_TRUE(std::isnan(lost[i])) << wild << " among keys of " << head_dim << ", at " << i;
      }
    }
  }
}

TEST_P(Int8, HasTheBitsOfScalarOverRowsZeroTo100) {
  for (std::size_t rows = 0; rows <= 100; ++rows) {
    expect_same({.rows = rows,
                 .in_features = 1 + rows % 9,
                 .out_features = 33,
                 .with_bias = rows % 2 == 0,
                 .seed = static_cast<std::uint32_t>(rows)});
  }
}

TEST_P(Int8, HasTheBitsOfScalarOverRowsZeroTo100OfInputsThatFillTiles) {
  for (std::size_t rows = 0; rows <= 100; ++rows) {
    expect_same({.rows = rows,
                 .in_features = 64 * (1 + rows % 3),
                 .out_features = 33 + 31 * (rows % 2),
                 .activation = static_cast<Activation>(rows % 6),
                 .with_bias = rows % 2 == 0,
                 .with_residual = rows % 3 == 0,
                 .residual_is_output = rows % 4 == 0,
                 .seed = static_cast<std::uint32_t>(rows)});
  }
}

TEST_P(Int8, HasTheBitsOfScalarOverColumnsZeroTo100) {
  for (std::size_t columns = 0; columns <= 100; ++columns) {
    expect_same({.rows = 1 + columns % 17,
                 .in_features = 70,
                 .out_features = columns,
                 .activation = static_cast<Activation>(columns % 6),
                 .with_bias = true,
                 .with_residual = columns % 2 == 0,
                 .residual_is_output = columns % 4 == 0,
                 .seed = static_cast<std::uint32_t>(columns)});
  }
}

TEST_P(Int8, HasTheBitsOfScalarOverInputsZeroTo200) {
  for (std::size_t in = 0; in <= 200; ++in) {
    expect_same({.rows = 1 + in % 15,
                 .in_features = in,
                 .out_features = 40,
                 .with_bias = true,
                 .with_residual = true,
                 .seed = static_cast<std::uint32_t>(in)});
  }
}

TEST_P(Int8, HasTheBitsOfScalarInSeveralChunksOfRows) {
  expect_same({.rows = 300, .in_features = 2100, .out_features = 3, .with_bias = true});
  expect_same({.rows = 300, .in_features = 2048, .out_features = 3, .with_bias = true});
  // One row more than a chunk of any target holds.
  for (const std::size_t rows : {25u, 57u, 129u}) {
    expect_same({.rows = rows, .in_features = 8256, .out_features = 3});
  }
}

TEST_P(Int8, ARowOfZerosOrOfNothingElseThanTinyValuesIsTheBias) {
  LinearCase c{.rows = 4, .in_features = 21, .out_features = 19, .with_bias = true};
  LinearData data(c);
  const Int8Weight weight = test::quantized(target_, data.weight, c.out_features, c.in_features);
  for (std::size_t i = 0; i < c.in_features; ++i) {
    data.input[1 * data.input_stride + i] = i % 2 == 0 ? 0.0f : -0.0f;
    data.input[2 * data.input_stride + i] = 0x1p-101f;
  }
  const auto found = run_int8_linear(target_, c, data, weight);
  for (const std::size_t row : {1u, 2u}) {
    for (std::size_t o = 0; o < c.out_features; ++o) {
      EXPECT_EQ(found[row * data.output_stride + o], data.bias[o]);
    }
  }
}

TEST_P(Int8, NanAndInfinityMakeTheirRowNanAndNoOther) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    LinearCase c{.rows = 20, .in_features = 37, .out_features = 48};
    LinearData data(c);
    const Int8Weight weight = test::quantized(target_, data.weight, c.out_features, c.in_features);
    LinearData clean(c);
    data.input[5 * data.input_stride + 36] = value;
    const auto expected = run_int8_linear(target_, c, clean, weight);
    const auto found = run_int8_linear(target_, c, data, weight);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (i / data.output_stride == 5 && i % data.output_stride < c.out_features) {
        EXPECT_TRUE(std::isnan(found[i]));
      } else {
        EXPECT_EQ(found[i], expected[i]);
      }
    }
  }
}

TEST_P(Int8, CodesOfARowAreTheDocumentedOnes) {
  for (std::size_t count = 0; count <= 70; ++count) {
    Random random(static_cast<std::uint32_t>(count) + 1);
    std::vector<float> row = random.values(count, -3.0f, 3.0f);
    if (count > 2) row[count / 2] = 0.5f * row[0];  // halves too
    std::vector<std::int8_t> codes(count + 1, 99);
    const float scale = target_.quantize_row(row.data(), count, codes.data());
    float expected_scale = 0.0f;
    const auto expected = plain_codes(row.data(), count, expected_scale);
    EXPECT_EQ(scale, expected_scale);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(codes[i], expected[i]) << count << " " << i;
    EXPECT_EQ(codes[count], 99);

    std::vector<float> wide(count + 1, test::kCanary);
    target_.int8_to_float32(codes.data(), scale, count, wide.data());
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(wide[i], static_cast<float>(codes[i]) * scale);
    }
    EXPECT_EQ(wide[count], test::kCanary);
  }
}

TEST_P(Int8, PairsOfWeightsAreMadeToFitByTheDocumentedScale) {
  for (std::size_t count = 0; count <= 70; ++count) {
    for (const float spread : {0.1f, 1.0f, 1e30f}) {
      Random random(static_cast<std::uint32_t>(count) + 1);
      std::vector<float> row = random.values(count, -spread, spread);
      if (count > 5) row[count / 2 / 2 * 2] = row[count / 2 / 2 * 2 + 1] = -3.0f * spread;
      std::vector<std::int8_t> codes(count + 1, 99);
      const float scale = target_.quantize_weights(row.data(), count, codes.data());

      float largest = 0.0f, most = 0.0f;
      for (const float value : row) largest = std::max(largest, std::fabs(value));
      float inverse = 127.0f / largest;
      float expected_scale = largest / 127.0f;
      for (std::size_t i = 0; i < count; i += 2) {
        const float a = row[i] * inverse;
        const float b = i + 1 < count ? row[i + 1] * inverse : 0.0f;
        most = std::max(most, std::max(a, 0.0f) + std::max(b, 0.0f));
        most = std::max(most, -(std::min(a, 0.0f) + std::min(b, 0.0f)));
      }
      const float limit = 128.0f - 0.01f;
      if (most > limit) {
        expected_scale *= most / limit;
        inverse *= limit / most;
      }
      EXPECT_EQ(scale, count == 0 ? 0.0f : expected_scale);
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(codes[i], std::nearbyint(row[i] * inverse)) << count << " " << i;
      }
      for (std::size_t i = 0; i + 1 < count; i += 2) {
        if (codes[i] * codes[i + 1] > 0) {
          EXPECT_LE(std::abs(codes[i] + codes[i + 1]), 128);
        }
      }
      EXPECT_EQ(codes[count], 99);
    }
  }
}

TEST_P(Int8, PairsFitHoweverTheirSumsRound) {
  for (int high = 0; high <= 127; ++high) {
    for (int step = 0; step <= 64; ++step) {
      const float a = static_cast<float>(high) + static_cast<float>(step) / 64.0f;
      const float row[] = {127.0f, 0.0f, a, 128.0f - a, -a, a - 128.0f};
      std::int8_t codes[6];
      target_.quantize_weights(row, 6, codes);
      EXPECT_LE(codes[2] + codes[3], 128) << a;
      EXPECT_GE(codes[4] + codes[5], -128) << a;
    }
  }
}

TEST_P(Int8, HalvesRoundToEven) {
  // 254 = 2 * 127: every odd value is a half.
  std::vector<float> row;
  for (int i = -254; i <= 254; ++i) row.push_back(static_cast<float>(i));
  std::vector<std::int8_t> codes(row.size());
  target_.quantize_row(row.data(), row.size(), codes.data());
  for (std::size_t i = 0; i < row.size(); ++i) {
    EXPECT_EQ(codes[i], std::nearbyint(static_cast<double>(row[i]) / 2)) << row[i];
  }
}

// The transform as kernel_table.h writes it down.
std::vector<float> plain_hadamard(std::vector<float> x, std::size_t pieces) {
  const std::size_t size = x.size() / pieces;
  for (std::size_t h = 1; h < pieces; h *= 2) {
    for (std::size_t k = 0; k < pieces; ++k) {
      if ((k & h) != 0) continue;
      for (std::size_t j = 0; j < size; ++j) {
        float& low = x[k * size + j];
        float& high = x[(k + h) * size + j];
        const float sum = low + high;
        high = low - high;
        low = sum;
      }
    }
  }
  return x;
}

TEST_P(Int8, TheTransformAcrossPiecesIsTheDocumentedOne) {
  for (std::size_t size = 0; size <= 70; ++size) {
    for (std::size_t pieces = 1; pieces <= kMostHadamardPieces; pieces *= 2) {
      const std::size_t count = size * pieces;
      Random random(static_cast<std::uint32_t>(count) + 7);
      const std::vector<float> row = random.values(count, -3.0f, 3.0f);
      std::vector<float> found(count + 1, test::kCanary);
      target_.hadamard(row.data(), count, pieces, found.data());
      auto expected = plain_hadamard(row, pieces);
      expected.push_back(test::kCanary);
      ASSERT_EQ(difference(found, expected), "") << count << " in " << pieces << " pieces";
    }
  }
}

TEST_P(Int8, TheTransformTwiceMultipliesByThePieces) {
  for (std::size_t pieces = 1; pieces <= kMostHadamardPieces; pieces *= 2) {
    std::vector<float> row(pieces * 21), once(row.size()), twice(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i % 37) - 18.0f;
    target_.hadamard(row.data(), row.size(), pieces, once.data());
    target_.hadamard(once.data(), row.size(), pieces, twice.data());
    for (std::size_t i = 0; i < row.size(); ++i) {
      ASSERT_EQ(twice[i], row[i] * static_cast<float>(pieces));  // integers: exact
    }
  }
}

TEST(HadamardPieces, AreAsManyAsDivideTheRow) {
  for (const auto& [count, pieces] : {std::pair<std::size_t, std::size_t>{0, 1},
                                      {1, 1},
                                      {2, 2},
                                      {7, 1},
                                      {312, 8},
                                      {384, 16},
                                      {512, 16},
                                      {768, 16},
                                      {20, 4}}) {
    EXPECT_EQ(hadamard_pieces(count), pieces) << count;
  }
}

// Half-size weights: the same product over the widened weights.
TEST_P(Int8, HalfSizeWeightsGiveTheBitsOfTheSameValuesInFloat32) {
  for (const bool bfloat16 : {false, true}) {
    for (const std::size_t rows : test::sizes({0, 1, 5, 14, 33, 200})) {
      LinearCase c{.rows = rows,
                   .in_features = 50 + rows,
                   .out_features = 61,
                   .activation = rows % 2 == 0 ? Activation::identity : Activation::gelu,
                   .with_bias = true,
                   .seed = static_cast<std::uint32_t>(rows)};
      const auto found = run_half_linear(target_, c, bfloat16);
      LinearData data(c);
      for (float& weight : data.weight) {
        weight = bfloat16 ? widen_bfloat16(narrow_bfloat16(weight))
                          : widen_float16(narrow_float16(weight));
      }
      const auto packed = test::packed_weight(scalar_, data.weight, c.out_features, c.in_features);
      scalar_.linear({.input = data.input.data(),
                      .input_stride = data.input_stride,
                      .rows = c.rows,
                      .packed_weight = packed.data(),
                      .in_features = c.in_features,
                      .out_features = c.out_features,
                      .first_column = 0,
                      .last_column = c.out_features,
                      .bias = data.bias.data(),
                      .activation = c.activation,
                      .output = data.output.data(),
                      .output_stride = data.output_stride});
      EXPECT_EQ(difference(found, data.output), "") << rows << (bfloat16 ? " bf16" : " f16");
    }
  }
}

TEST(HalfFloat, NarrowingRoundsToTheNearestEvenOfItsType) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = widen_float16(half);
    if (!std::isfinite(wide)) continue;
    EXPECT_EQ(narrow_float16(wide), half);
    const float next = widen_float16(static_cast<std::uint16_t>(half + 1));
    if (!std::isfinite(next) || (half & 0x7FFF) == 0x7FFF) continue;
    const float middle = wide + (next - wide) / 2;
    EXPECT_EQ(narrow_float16(middle), half % 2 == 0 ? half : half + 1) << bits;
    EXPECT_EQ(narrow_float16(std::nextafter(middle, wide)), half) << bits;
    EXPECT_EQ(narrow_float16(std::nextafter(middle, next)), half + 1) << bits;
  }
  EXPECT_EQ(narrow_float16(1e6f), 0x7BFF);
  EXPECT_EQ(narrow_float16(-HUGE_VALF), 0xFBFF);
  EXPECT_TRUE(std::isnan(widen_float16(narrow_float16(std::nanf("")))));
  EXPECT_EQ(narrow_bfloat16(1.0f), 0x3F80);
  EXPECT_EQ(narrow_bfloat16(std::bit_cast<float>(0x3F808000u)), 0x3F80);
  EXPECT_EQ(narrow_bfloat16(std::bit_cast<float>(0x3F818000u)), 0x3F82);
  EXPECT_EQ(narrow_bfloat16(std::bit_cast<float>(0x3F808001u)), 0x3F81);
  EXPECT_TRUE(std::isnan(widen_bfloat16(narrow_bfloat16(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace semblance::simd
