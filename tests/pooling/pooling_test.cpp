#include "semblance/pooling/pooling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::PaddedRows;
using testing::RandomValues;
using testing::same_bits;

constexpr Pooling kTokenPoolings[] = {Pooling::cls,          Pooling::mean,
                                      Pooling::max,          Pooling::mean_sqrt_len_tokens,
                                      Pooling::weightedmean, Pooling::lasttoken};

std::vector<float> position_weights(std::size_t count) {
  std::vector<float> weights(count);
  std::iota(weights.begin(), weights.end(), 1.0f);
  return weights;
}

std::vector<float> pool(Pooling pooling, const PaddedRows<float>& hidden_states,
                        std::size_t first_token) {
  std::vector<float> vector(hidden_states.view().cols, -777.0f);
  const auto weights = position_weights(hidden_states.view().rows);
  pool_tokens(pooling, hidden_states.view(), first_token, weights, vector);
  return vector;
}

// The definitions in double, over the tokens from `first` on. Position i of n weighs i + 1.
std::vector<double> plain_pool(Pooling pooling, const PaddedRows<float>& hidden_states,
                               std::size_t first) {
  const auto rows = hidden_states.view();
  std::vector<double> vector(rows.cols);
  for (std::size_t c = 0; c < rows.cols; ++c) {
    double sum = 0, weighted = 0, weights = 0, largest = -INFINITY;
    for (std::size_t r = first; r < rows.rows; ++r) {
      const double value = rows.row(r)[c];
      sum += value;
      weighted += value * static_cast<double>(r + 1);
      weights += static_cast<double>(r + 1);
      largest = std::max(largest, value);
    }
    const auto count = static_cast<double>(rows.rows - first);
    switch (pooling) {
      case Pooling::cls: vector[c] = rows.row(first)[c]; break;
      case Pooling::mean: vector[c] = sum / count; break;
      case Pooling::max: vector[c] = largest; break;
      case Pooling::mean_sqrt_len_tokens: vector[c] = sum / std::sqrt(count); break;
      case Pooling::weightedmean: vector[c] = weighted / weights; break;
      case Pooling::lasttoken: vector[c] = rows.row(rows.rows - 1)[c]; break;
      default: ADD_FAILURE();
    }
  }
  return vector;
}

TEST(PoolingName, IsTheSpellingOfSentenceTransformersAndBack) {
  const std::vector<std::string> names{"cls",       "pooler_output",        "mean",
                                       "max",       "mean_sqrt_len_tokens", "weightedmean",
                                       "lasttoken", "first_last_avg",       "last_two_avg"};
  ASSERT_EQ(names.size(), kPoolingNames.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(name_of(static_cast<Pooling>(i)), names[i]);
    EXPECT_EQ(pooling_of(names[i]), static_cast<Pooling>(i));
  }
  EXPECT_EQ(pooling_of("Mean"), std::nullopt);
  EXPECT_EQ(pooling_of(""), std::nullopt);
}

// Copies and maxima are exact. A sum of n values below 1 over n (or over sqrt n, at most 23 here)
// takes n / 16 + 5 additions on the tree: 37 * 2^-24 = 2.3e-6 of the average of the absolute
// values, times sqrt n for mean_sqrt_len_tokens.
TEST(PoolTokens, EveryModeAgreesWithItsDefinitionWithAndWithoutAPrompt) {
  for (const std::size_t length : {1u, 2u, 5u, 16u, 17u, 40u, 511u}) {
    for (const std::size_t size : {1u, 15u, 33u, 64u}) {
      RandomValues random(length * 100 + size);
      const PaddedRows<float> hidden_states(length, size, random.take(length * size));
      for (const std::size_t first : {0u, 1u, 4u, 20u}) {
        if (first >= length) continue;
        for (const Pooling pooling : kTokenPoolings) {
          const bool exact =
              pooling == Pooling::cls || pooling == Pooling::max || pooling == Pooling::lasttoken;
          const double scale = pooling == Pooling::mean_sqrt_len_tokens
                                   ? std::sqrt(static_cast<double>(length))
                                   : 1.0;
          SCOPED_TRACE(name_of(pooling));
          expect_near<float, double>(pool(pooling, hidden_states, first),
                                     plain_pool(pooling, hidden_states, first),
                                     exact ? 0.0 : 2.3e-6 * scale);
        }
      }
    }
  }
}

TEST(PoolTokens, TextWithoutTokensAfterThePromptIsZeroExceptCls) {
  RandomValues random(1);
  const PaddedRows<float> hidden_states(4, 20, random.take(80));
  const std::vector<float> zero(20, 0.0f);
  for (const std::size_t first : {4u, 5u, 1000u}) {
    for (const Pooling pooling : kTokenPoolings) {
      const auto first_row = hidden_states.view().row_span(0);
      const auto expected =
          pooling == Pooling::cls ? std::vector<float>(first_row.begin(), first_row.end()) : zero;
      EXPECT_TRUE(same_bits(pool(pooling, hidden_states, first), expected)) << name_of(pooling);
    }
  }
}

TEST(PoolTokens, EmptyTextIsZeroInEveryMode) {
  const PaddedRows<float> none(0, 20);
  for (const Pooling pooling : kTokenPoolings) {
    EXPECT_TRUE(same_bits(pool(pooling, none, 0), std::vector<float>(20, 0.0f)));
    EXPECT_TRUE(same_bits(pool(pooling, none, 3), std::vector<float>(20, 0.0f)));
  }
}

TEST(PoolTokens, NanStaysInItsDimensionAndTheOthersKeepTheirBits) {
  for (const std::size_t row : {0u, 3u, 6u}) {
    RandomValues random(2);
    PaddedRows<float> hidden_states(7, 18, random.take(7 * 18));
    const PaddedRows<float> clean = hidden_states;
    hidden_states.view().row(row)[5] = std::numeric_limits<float>::quiet_NaN();
    for (const Pooling pooling : kTokenPoolings) {
      const bool reads_row =
          (pooling != Pooling::cls || row == 0) && (pooling != Pooling::lasttoken || row == 6);
      auto found = pool(pooling, hidden_states, 0);
      auto expected = pool(pooling, clean, 0);
      EXPECT_EQ(std::isnan(found[5]), reads_row) << name_of(pooling) << " row " << row;
      found[5] = expected[5] = 0;
      EXPECT_TRUE(same_bits(found, expected));
    }
  }
}

TEST(PoolTokens, NanAndAnythingElseInThePromptDoNotMatter) {
  RandomValues random(3);
  PaddedRows<float> hidden_states(6, 18, random.take(6 * 18));
  std::vector<std::vector<float>> before;
  for (const Pooling pooling : kTokenPoolings) before.push_back(pool(pooling, hidden_states, 2));
  for (float& value : hidden_states.view().row_span(0)) value = INFINITY;
  for (float& value : hidden_states.view().row_span(1)) {
    value = std::numeric_limits<float>::quiet_NaN();
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(same_bits(pool(kTokenPoolings[i], hidden_states, 2), before[i]));
  }
}

TEST(PoolTokens, MaxOfNegativeAndInfiniteValuesIsExact) {
  PaddedRows<float> hidden_states(3, 3,
                                  std::vector<float>{-5, -INFINITY, 1,         //
                                                     -2, -INFINITY, INFINITY,  //
                                                     -9, -INFINITY, 2});
  EXPECT_EQ(pool(Pooling::max, hidden_states, 0), (std::vector<float>{-2, -INFINITY, INFINITY}));
}

}  // namespace
}  // namespace semblance
