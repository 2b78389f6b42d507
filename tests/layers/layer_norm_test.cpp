#include "semblance/layers/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "layers/plain_layers.h"
#include "semblance/core/thread_pool.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::PaddedRows;
using testing::plain_layer_norm;
using testing::RandomLayerNorm;
using testing::RandomValues;
using testing::same_bits;
using testing::Values;

// Values around 0 with a deviation of about 0.6: two sums of up to 300 / 16 + 4 rounded additions
// and five more operations, on results of at most about 3. 30 * 2^-24 * 3 = 5e-6.
template <class Scalar>
constexpr double kNormTolerance = std::is_same_v<Scalar, float> ? 5e-6 : 1e-13;

template <class Scalar>
class LayerNormOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LayerNormOf, Scalars);

TYPED_TEST(LayerNormOf, AgreesWithThePlainFormForEverySizeInPlaceAndWithAStride) {
  for (const std::size_t size : {2u, 3u, 15u, 16u, 17u, 31u, 64u, 100u, 300u}) {
    for (const double eps : {1e-12, 1e-5, 0.5}) {
      RandomValues random(size);
      const RandomLayerNorm parameters(size, random, eps);
      const std::vector<float> x = random.take(4 * size);
      PaddedRows<TypeParam> rows(4, size, x);
      InlineExecutor executor;
      const LayerNorm<TypeParam> layer_norm(parameters.parameters());
      EXPECT_EQ(layer_norm.size(), size);
      layer_norm.forward(rows.view(), executor);
      EXPECT_TRUE(rows.padding_untouched());
      const Values expected = plain_layer_norm(parameters, Values(x.begin(), x.end()));
      expect_near<TypeParam, double>(rows.values(), expected, kNormTolerance<TypeParam>);
    }
  }
}

TYPED_TEST(LayerNormOf, RowOfEqualValuesBecomesBeta) {
  RandomValues random(1);
  const RandomLayerNorm parameters(24, random);
  PaddedRows<TypeParam> rows(1, 24, std::vector<float>(24, 0.75f));
  InlineExecutor executor;
  LayerNorm<TypeParam>(parameters.parameters()).forward(rows.view(), executor);
  expect_near<TypeParam, float>(rows.values(), parameters.beta.values(), 0.0);
}

TYPED_TEST(LayerNormOf, NoRowsAreFineAndNanStaysInItsRow) {
  RandomValues random(2);
  const RandomLayerNorm parameters(20, random);
  const LayerNorm<TypeParam> layer_norm(parameters.parameters());
  InlineExecutor executor;
  layer_norm.forward(MatrixView<TypeParam>(nullptr, 0, 20), executor);
  std::vector<float> x = random.take(60);
  PaddedRows<TypeParam> clean(3, 20, x);
  layer_norm.forward(clean.view(), executor);
  x[25] = std::numeric_limits<float>::quiet_NaN();
  PaddedRows<TypeParam> rows(3, 20, x);
  layer_norm.forward(rows.view(), executor);
  for (std::size_t i = 0; i < 60; ++i) {
    if (i / 20 == 1) {
      EXPECT_TRUE(std::isnan(rows.values()[i]));
    } else {
      EXPECT_EQ(rows.values()[i], clean.values()[i]);
    }
  }
}

TEST(LayerNorm, HasTheSameBitsWithAnyThreadCount) {
  RandomValues random(3);
  const RandomLayerNorm parameters(77, random);
  const std::vector<float> x = random.take(23 * 77);
  const LayerNorm<float> layer_norm(parameters.parameters());
  InlineExecutor alone;
  PaddedRows<float> expected(23, 77, x);
  layer_norm.forward(expected.view(), alone);
  ThreadPool pool(4);
  for (std::size_t num_threads = 1; num_threads <= 4; ++num_threads) {
    ThreadPool::Team team(pool, num_threads);
    PaddedRows<float> rows(23, 77, x);
    layer_norm.forward(rows.view(), team);
    EXPECT_TRUE(same_bits(rows.values(), expected.values()));
  }
}

}  // namespace
}  // namespace semblance
