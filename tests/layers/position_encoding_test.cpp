#include "semblance/layers/position_encoding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "layers/plain_layers.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::PaddedRows;
using testing::plain_rotate;
using testing::RandomValues;
using testing::Values;

struct Nowhere {};
static_assert(PositionEncoding<AbsolutePositions, float>);
static_assert(PositionEncoding<AbsolutePositions, double>);
static_assert(PositionEncoding<RotaryPositions<float>, float>);
static_assert(!PositionEncoding<RotaryPositions<float>, double>);
static_assert(!PositionEncoding<Nowhere, float>);

// Float: two products, one addition and the rounding of sine and cosine, on values of at most 1.5:
// 4 * 2^-24 * 1.5 = 4e-7. Double: the angle, up to 18, is rounded in another way: 18 * 2^-52 * 1.5.
template <class Scalar>
constexpr double kRotaryTolerance = std::is_same_v<Scalar, float> ? 4e-7 : 6e-15;

template <class Scalar>
class RotaryPositionsOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RotaryPositionsOf, Scalars);

TYPED_TEST(RotaryPositionsOf, TurnQueryAndKeyAsComplexNumbersAndTheValueWhenTold) {
  for (const std::size_t head_dim : {2u, 6u, 16u, 34u, 64u}) {
    constexpr std::size_t kLength = 19;
    for (const bool rotary_value : {false, true}) {
      RandomValues random(head_dim);
      const std::vector<float> x = random.take(kLength * head_dim);
      PaddedRows<TypeParam> query(kLength, head_dim, x), key(kLength, head_dim, x),
          value(kLength, head_dim, x);
      const RotaryPositions<TypeParam> positions(kLength + 3, head_dim, rotary_value);
      positions.apply(query.view(), key.view(), value.view());
      const Values unturned(x.begin(), x.end());
      Values turned = unturned;
      plain_rotate(turned, head_dim, head_dim);
      expect_near<TypeParam, double>(query.values(), turned, kRotaryTolerance<TypeParam>);
      EXPECT_EQ(key.values(), query.values());
      expect_near<TypeParam, double>(value.values(), rotary_value ? turned : unturned,
                                     rotary_value ? kRotaryTolerance<TypeParam> : 0.0);
      EXPECT_TRUE(query.padding_untouched() && value.padding_untouched());
    }
  }
}

TYPED_TEST(RotaryPositionsOf, LeaveTheFirstPositionAlone) {
  RandomValues random(1);
  const std::vector<float> x = random.take(32);
  PaddedRows<TypeParam> row(1, 32, x);
  PaddedRows<TypeParam> other = row, value = row;
  RotaryPositions<TypeParam>(4, 32, true).apply(row.view(), other.view(), value.view());
  expect_near<TypeParam, float>(row.values(), x, 0.0);
}

TEST(RotaryPositions, ScoresDependOnTheDistanceOnly) {
  constexpr std::size_t kDim = 24, kLength = 40;
  RandomValues random(2);
  const std::vector<float> q = random.take(kDim), k = random.take(kDim);
  PaddedRows<double> query(kLength, kDim), key(kLength, kDim), value(kLength, kDim);
  for (std::size_t r = 0; r < kLength; ++r) {
    std::copy(q.begin(), q.end(), query.view().row(r));
    std::copy(k.begin(), k.end(), key.view().row(r));
    std::copy(k.begin(), k.end(), value.view().row(r));
  }
  RotaryPositions<double>(kLength, kDim, false).apply(query.view(), key.view(), value.view());
  const auto score = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t d = 0; d < kDim; ++d) sum += query.view().row(i)[d] * key.view().row(j)[d];
    return sum;
  };
  EXPECT_NEAR(score(7, 3), score(34, 30), 1e-13);
  EXPECT_NEAR(score(3, 7), score(30, 34), 1e-13);
  EXPECT_GT(std::abs(score(7, 3) - score(7, 4)), 1e-3);
}

TEST(RotaryPositions, AnglesAreThoseOfThePaper) {
  EXPECT_EQ(RotaryPositions<float>::angle(5, 0, 64), 5.0);
  EXPECT_NEAR(RotaryPositions<float>::angle(3, 16, 64), 0.03, 1e-16);
  EXPECT_NEAR(RotaryPositions<float>::angle(100, 31, 64), 100 * std::pow(10000.0, -62.0 / 64),
              1e-15);
}

TEST(AbsolutePositions, ChangeNothing) {
  RandomValues random(3);
  const std::vector<float> x = random.take(12);
  PaddedRows<float> query(2, 6, x), key(2, 6, x), value(2, 6, x);
  AbsolutePositions().apply(query.view(), key.view(), value.view());
  EXPECT_EQ(query.values(), x);
  EXPECT_EQ(key.values(), x);
  EXPECT_EQ(value.values(), x);
}

}  // namespace
}  // namespace semblance
