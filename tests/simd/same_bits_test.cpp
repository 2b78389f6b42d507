// Every supported target against the scalar definition, bit for bit.
#include <gtest/gtest.h>

#include "kernel_data.h"

namespace semblance::simd {
namespace {

using test::AttentionCase;
using test::difference;
using test::LinearCase;
using test::Random;

class SameBits : public testing::TestWithParam<Isa> {
 protected:
  const Kernels& scalar_ = kernels_for(Isa::scalar);
  const Kernels& target_ = kernels_for(GetParam());

  void expect_same_linear(const LinearCase& c) {
    EXPECT_EQ(difference(run_linear(target_, c), run_linear(scalar_, c)), "")
        << "rows " << c.rows << " in " << c.in_features << " out " << c.out_features
        << " activation " << static_cast<int>(c.activation);
  }
  void expect_same_attention(const AttentionCase& c) {
    EXPECT_EQ(difference(run_attention(target_, c), run_attention(scalar_, c)), "")
        << "length " << c.length << " head_dim " << c.head_dim << " int8 " << c.in_int8;
    if (c.in_int8) return;
    AttentionCase in_int8 = c;
    in_int8.in_int8 = true;
    expect_same_attention(in_int8);
  }
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SameBits);
INSTANTIATE_TEST_SUITE_P(Targets, SameBits, testing::ValuesIn(test::wide_isas()),
                         [](const auto& target) { return std::string(name_of(target.param)); });

TEST_P(SameBits, LinearOverRowsZeroTo200) {
  for (std::size_t rows = 0; rows <= 200; ++rows) {
    expect_same_linear({.rows = rows,
                        .in_features = 1 + rows % 9,
                        .out_features = 33,
                        .with_bias = rows % 2 == 0,
                        .seed = static_cast<std::uint32_t>(rows)});
  }
}

TEST_P(SameBits, LinearOverColumnsZeroTo200) {
  for (std::size_t columns = 0; columns <= 200; ++columns) {
    expect_same_linear({.rows = 1 + columns % 17,
                        .in_features = 7,
                        .out_features = columns,
                        .activation = columns % 3 == 0 ? Activation::gelu : Activation::identity,
                        .with_bias = true,
                        .with_residual = columns % 2 == 0,
                        .seed = static_cast<std::uint32_t>(columns)});
  }
}

TEST_P(SameBits, LinearOverInputsZeroTo200) {
  for (std::size_t in = 0; in <= 200; ++in) {
    expect_same_linear({.rows = 1 + in % 15,
                        .in_features = in,
                        .out_features = 40,
                        .with_bias = true,
                        .with_residual = true,
                        .residual_is_output = in % 2 == 0,
                        .seed = static_cast<std::uint32_t>(in)});
  }
}

TEST_P(SameBits, LinearWithEveryActivation) {
  for (const Activation activation : {Activation::identity, Activation::gelu, Activation::gelu_tanh,
                                      Activation::relu, Activation::silu, Activation::tanh}) {
    for (int flags = 0; flags < 8; ++flags) {
      expect_same_linear({.rows = 29,
                          .in_features = 24,
                          .out_features = 77,
                          .activation = activation,
                          .with_bias = (flags & 1) != 0,
                          .with_residual = (flags & 2) != 0,
                          .residual_is_output = (flags & 4) != 0});
    }
  }
}

TEST_P(SameBits, LinearInSeveralChunksOfRows) {
  expect_same_linear({.rows = 400, .in_features = 1100, .out_features = 3, .with_bias = true});
  expect_same_linear({.rows = 70, .in_features = 9500, .out_features = 3});
  // One row more than a chunk of any target holds.
  for (const std::size_t rows : {17u, 25u, 57u}) {
    expect_same_linear({.rows = rows, .in_features = 9500, .out_features = 3});
  }
}

TEST_P(SameBits, LinearWithNaNAndInfinityInTheInput) {
  LinearCase c{.rows = 20, .in_features = 30, .out_features = 48, .activation = Activation::gelu};
  const auto run = [&](const Kernels& kernels) {
    test::LinearData data(c);
    data.input[5 * data.input_stride + 3] = std::nanf("");
    data.input[7 * data.input_stride + 2] = HUGE_VALF;
    const auto packed = test::packed_weight(kernels, data.weight, c.out_features, c.in_features);
    LinearCall call{.input = data.input.data(),
                    .input_stride = data.input_stride,
                    .rows = c.rows,
                    .packed_weight = packed.data(),
                    .in_features = c.in_features,
                    .out_features = c.out_features,
                    .last_column = c.out_features,
                    .bias = data.bias.data(),
                    .activation = c.activation,
                    .output = data.output.data(),
                    .output_stride = data.output_stride};
    kernels.linear(call);
    EXPECT_TRUE(std::isnan(data.output[5 * data.output_stride]));
    EXPECT_FALSE(std::isnan(data.output[6 * data.output_stride]));
    return data.output;
  };
  EXPECT_EQ(difference(run(target_), run(scalar_)), "");
}

TEST_P(SameBits, AttentionOverLengthsZeroTo200) {
  for (std::size_t length = 0; length <= 200; ++length) {
    expect_same_attention({.length = length,
                           .head_dim = length % 4 == 0 ? 20u : 8u,
                           .split = length / 3,
                           .seed = static_cast<std::uint32_t>(length)});
  }
}

TEST_P(SameBits, AttentionOverHeadDimsOneTo256) {
  for (std::size_t head_dim = 1; head_dim <= 256; head_dim += head_dim < 70 ? 1 : 13) {
    expect_same_attention({.length = 19,
                           .head_dim = head_dim,
                           .scale = 0.2f,
                           .seed = static_cast<std::uint32_t>(head_dim)});
  }
  expect_same_attention({.length = 33, .head_dim = 256});
}

TEST_P(SameBits, AttentionOfLongSequencesAndSharpDistributions) {
  expect_same_attention({.length = 512, .head_dim = 8, .split = 100});
  expect_same_attention({.length = 70, .head_dim = 64, .scale = 1.0f, .spread = 20.0f});
}

// A NaN key takes every row with it, a NaN value its feature of every row.
TEST_P(SameBits, AttentionWithNaNAndInfinityInKeysAndValues) {
  for (const float wild : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    for (const std::size_t length : {1u, 2u, 37u, 150u}) {
      test::AttentionCase c{.length = length, .head_dim = 20, .split = length / 2};
      const std::size_t stride = c.head_dim + 3;
      const std::vector<float> clean = test::run_attention(target_, c);
      c.first_value = wild;
      expect_same_attention(c);
      const std::vector<float> spoiled = test::run_attention(target_, c);
      for (std::size_t i = 0; i < spoiled.size(); ++i) {
        if (i % stride == 0) {
          ASSERT_FALSE(std::isfinite(spoiled[i])) << wild << " among values, row " << i / stride;
        } else {
          ASSERT_EQ(spoiled[i], clean[i]) << wild << " among values, at " << i;
        }
      }
      c.first_value.reset();
      c.first_key = wild;
      expect_same_attention(c);
      if (!std::isnan(wild)) continue;  // an infinite key is one like any other
      const std::vector<float> lost = test::run_attention(target_, c);
      for (std::size_t row = 0; row < length; ++row) {
        ASSERT_TRUE(std::isnan(lost[row * stride])) << "row " << row << " of " << length;
      }
    }
  }
}

TEST_P(SameBits, LayerNormOverSizesZeroTo200) {
  for (std::size_t size = 0; size <= 200; ++size) {
    for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, std::size_t{5}, size % 11}) {
      const auto run = [&](const Kernels& kernels, bool in_place) {
        Random random(static_cast<std::uint32_t>(size));
        const std::size_t stride = size + 3;
        std::vector<float> input = random.values(rows * stride, -3.0f, 5.0f);
        const std::vector<float> gamma = random.values(size);
        const std::vector<float> beta = random.values(size);
        std::vector<float> output = in_place ? input : random.values(rows * stride);
        std::vector<float>& source = in_place ? output : input;
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t i = size; i < stride; ++i) output[r * stride + i] = test::kCanary;
        }
        kernels.layer_norm({.input = source.data(),
                            .input_stride = stride,
                            .rows = rows,
                            .size = size,
                            .gamma = gamma.data(),
                            .beta = beta.data(),
                            .eps = 1e-12f,
                            .output = output.data(),
                            .output_stride = stride});
        return output;
      };
      EXPECT_EQ(difference(run(target_, false), run(scalar_, false)), "") << size;
      EXPECT_EQ(difference(run(target_, true), run(scalar_, false)), "") << size;
    }
  }
}

TEST_P(SameBits, RotaryOverHeadDims) {
  for (std::size_t head_dim = 0; head_dim <= 140; head_dim += 2) {
    const auto run = [&](const Kernels& kernels) {
      Random random(static_cast<std::uint32_t>(head_dim) + 1);
      const std::size_t rows = 3, heads = 2, stride = heads * head_dim + 5;
      std::vector<float> values = random.values(rows * stride);
      const std::vector<float> sine = random.values(rows * head_dim / 2 + 1);
      const std::vector<float> cosine = random.values(rows * head_dim / 2 + 1);
      kernels.rotary({.values = values.data(),
                      .stride = stride,
                      .rows = rows,
                      .num_heads = heads,
                      .head_dim = head_dim,
                      .sine = sine.data(),
                      .cosine = cosine.data()});
      return values;
    };
    EXPECT_EQ(difference(run(target_), run(scalar_)), "") << head_dim;
  }
}

TEST_P(SameBits, ActivationsOverCountsAndRanges) {
  for (const Activation activation : {Activation::identity, Activation::gelu, Activation::gelu_tanh,
                                      Activation::relu, Activation::silu, Activation::tanh}) {
    for (std::size_t count = 0; count <= 200; ++count) {
      const auto run = [&](const Kernels& kernels) {
        Random random(static_cast<std::uint32_t>(count));
        std::vector<float> values = random.values(count + 1, -12.0f, 12.0f);
        kernels.activate(activation, values.data(), count);
        return values;
      };
      EXPECT_EQ(difference(run(target_), run(scalar_)), "") << count;
    }
    // Any bit pattern: NaN, infinities, subnormals and the edges of every clamp.
    const auto run = [&](const Kernels& kernels) {
      Random random(9);
      std::vector<float> values(40000);
      for (float& value : values) value = std::bit_cast<float>(random.bits());
      kernels.activate(activation, values.data(), values.size());
      return values;
    };
    EXPECT_EQ(difference(run(target_), run(scalar_)), "") << static_cast<int>(activation);
  }
}

TEST_P(SameBits, DotAndDistancesOverSizesZeroTo200) {
  for (std::size_t size = 0; size <= 200; ++size) {
    Random random(static_cast<std::uint32_t>(size));
    const std::vector<float> a = random.values(size);
    const std::vector<float> b = random.values(size);
    const auto run = [&](const Kernels& kernels) {
      return std::vector<float>{kernels.dot(a.data(), b.data(), size),
                                kernels.squared_distance(a.data(), b.data(), size),
                                kernels.absolute_distance(a.data(), b.data(), size)};
    };
    EXPECT_EQ(difference(run(target_), run(scalar_)), "") << size;
  }
}

TEST_P(SameBits, TablesOfPairsAreThoseOfEachPairAlone) {
  struct Table {
    void (*Kernels::*of_all)(const RowTableCall&) noexcept;
    float (*Kernels::*of_one)(const float*, const float*, std::size_t) noexcept;
  };
  const Table tables[] = {
      {&Kernels::dot_table, &Kernels::dot},
      {&Kernels::squared_distance_table, &Kernels::squared_distance},
      {&Kernels::absolute_distance_table, &Kernels::absolute_distance},
  };
  for (const std::size_t size : test::sizes({0, 1, 15, 16, 17, 100, 384, 1000, 5000})) {
    for (const std::size_t num_queries : test::sizes({0, 1, 2, 3, 4, 5})) {
      for (const std::size_t num_rows : test::sizes({0, 1, 2, 3, 4, 7, 8, 9, 50})) {
        Random random(static_cast<std::uint32_t>(size + num_queries + num_rows));
        const std::size_t query_stride = size + 1, row_stride = size + 2;
        const std::size_t result_stride = num_rows + 3;
        const std::vector<float> queries = random.values(num_queries * query_stride);
        const std::vector<float> rows = random.values(num_rows * row_stride);
        for (const Table& table : tables) {
          std::vector<float> expected(num_queries * result_stride, test::kCanary);
          for (std::size_t q = 0; q < num_queries; ++q) {
            for (std::size_t r = 0; r < num_rows; ++r) {
              expected[q * result_stride + r] =
                  (scalar_.*table.of_one)(queries.data() + q * query_stride,
                                          rows.data() + r * row_stride, size);
            }
          }
          std::vector<float> results(num_queries * result_stride, test::kCanary);
          (target_.*table.of_all)({queries.data(), query_stride, num_queries, rows.data(),
                                   row_stride, num_rows, size, results.data(), result_stride});
          EXPECT_EQ(difference(results, expected), "")
              << size << ' ' << num_queries << ' ' << num_rows;
        }
      }
    }
  }
}

TEST_P(SameBits, ColumnSumsOverRowsAndSizes) {
  for (std::size_t size = 0; size <= 70; ++size) {
    for (const std::size_t num_rows : test::sizes({0, 1, 2, 15, 16, 17, 40})) {
      for (const bool weighted : {false, true}) {
        const auto run = [&](const Kernels& kernels) {
          Random random(static_cast<std::uint32_t>(size));
          const std::vector<float> values = random.values(num_rows * (size + 2) + 1);
          const std::vector<float> weights = random.values(num_rows + 1);
          std::vector<float> sums(size + 1, test::kCanary);
          kernels.column_sums(values.data(), size + 2, num_rows, size,
                              weighted ? weights.data() : nullptr, sums.data());
          return sums;
        };
        EXPECT_EQ(difference(run(target_), run(scalar_)), "") << size << " " << num_rows;
      }
    }
  }
}

TEST_P(SameBits, WideningOfEverySixteenBitPattern) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  for (std::size_t count : {std::size_t{65536}, std::size_t{65535}, std::size_t{17}}) {
    std::vector<float> wide(65536, test::kCanary), expected(65536, test::kCanary);
    target_.float16_to_float32(halves.data(), count, wide.data());
    scalar_.float16_to_float32(halves.data(), count, expected.data());
    EXPECT_EQ(difference(wide, expected), "");
    target_.bfloat16_to_float32(halves.data(), count, wide.data());
    scalar_.bfloat16_to_float32(halves.data(), count, expected.data());
    EXPECT_EQ(difference(wide, expected), "");
  }
}

}  // namespace
}  // namespace semblance::simd
