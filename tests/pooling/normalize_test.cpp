#include "semblance/pooling/normalize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::RandomValues;

double length_of(const std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  return std::sqrt(squares);
}

// The sum of squares takes size / 16 + 4 roundings, halved by the root, and each value a division:
// (68 / 2 + 2) * 2^-24 = 2.2e-6 for 1024.
TEST(Normalize, GivesLengthOneAndKeepsTheDirection) {
  for (const std::size_t size : {1u, 2u, 15u, 16u, 17u, 384u, 768u, 1024u}) {
    RandomValues random(size);
    for (const float scale : {1.0f, 0x1p40f, 0x1p-30f}) {
      std::vector<float> vector = random.take(size);
      vector[0] = 0.5f;
      for (float& value : vector) value *= scale;
      const std::vector<float> before = vector;
      const double length = length_of(before);
      normalize(vector);
      EXPECT_NEAR(length_of(vector), 1.0, 2.2e-6);
      for (std::size_t i = 0; i < size; ++i) {
        EXPECT_NEAR(vector[i], static_cast<double>(before[i]) / length, 2.2e-6);
      }
    }
  }
}

TEST(Normalize, ZeroVectorStaysZero) {
  std::vector<float> vector(33, 0.0f);
  vector[2] = -0.0f;
  const std::vector<float> before = vector;
  normalize(vector);
  EXPECT_TRUE(testing::same_bits(vector, before));
  normalize({});
}

TEST(Normalize, TakesTheLengthAsAtLeastTenToTheMinusTwelve) {
  std::vector<float> vector{3e-14f, 0.0f, -4e-14f};
  normalize(vector);
  // Two roundings, of 1e-12f itself and of the division: 2^-23 of 0.04.
  EXPECT_NEAR(vector[0], 0.03, 5e-9);
  EXPECT_NEAR(vector[2], -0.04, 5e-9);
}

TEST(Normalize, NanAndInfinityAreNotHidden) {
  std::vector<float> vector{1.0f, std::numeric_limits<float>::quiet_NaN(), 2.0f};
  normalize(vector);
  for (const float value : vector) EXPECT_TRUE(std::isnan(value));
  std::vector<float> infinite{1.0f, INFINITY};
  normalize(infinite);
  EXPECT_EQ(infinite[0], 0.0f);
  EXPECT_TRUE(std::isnan(infinite[1]));
}

}  // namespace
}  // namespace semblance
