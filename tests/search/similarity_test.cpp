#include "semblance/search/similarity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"

namespace semblance {
namespace {

using test::kMetrics;
using test::random_rows;
using test::score64;
using Vector = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(Similarity, AgreesWithFloat64ForEverySize) {
  for (std::size_t size = 0; size <= 200; ++size) {
    const auto rows = random_rows(2, size, static_cast<std::uint32_t>(size));
    const auto a = rows.matrix().row_span(0);
    const auto b = rows.matrix().row_span(1);
    for (const Metric metric : kMetrics) {
      const double scale = metric == Metric::cosine ? 1.0 : static_cast<double>(size) + 1.0;
      EXPECT_NEAR(similarity(a, b, metric), score64(metric, a, b), 2e-7 * scale) << size;
    }
  }
}

TEST(Similarity, IsSymmetricToTheBit) {
  const auto rows = random_rows(40, 77, 1);
  const auto m = rows.matrix();
  for (const Metric metric : kMetrics) {
    for (std::size_t i = 0; i < m.rows; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        EXPECT_EQ(similarity(m.row_span(i), m.row_span(j), metric),
                  similarity(m.row_span(j), m.row_span(i), metric));
      }
    }
  }
}

TEST(Similarity, CosineStaysWithinOneAndIsOneForAVectorWithItself) {
  for (std::size_t size = 1; size <= 100; ++size) {
    const auto rows = random_rows(1, size, static_cast<std::uint32_t>(1000 + size));
    const auto a = rows.matrix().row_span(0);
    EXPECT_EQ(cosine_similarity(a, a), 1.0f);
    Vector opposite(a.begin(), a.end());
    for (float& value : opposite) value *= -3.0f;
    EXPECT_LE(cosine_similarity(a, opposite), -1.0f + 1e-7f);
    EXPECT_GE(cosine_similarity(a, opposite), -1.0f);
  }
}

TEST(Similarity, CosineWithAZeroVectorIsZero) {
  const Vector zero(8, 0.0f);
  const Vector minus_zero(8, -0.0f);
  const Vector one(8, 1.0f);
  EXPECT_EQ(cosine_similarity(zero, one), 0.0f);
  EXPECT_EQ(cosine_similarity(one, minus_zero), 0.0f);
  EXPECT_EQ(cosine_similarity(zero, zero), 0.0f);
  EXPECT_EQ(cosine_similarity(Vector{}, Vector{}), 0.0f);
  EXPECT_EQ(euclidean_distance(zero, minus_zero), 0.0f);
  EXPECT_EQ(manhattan_distance(zero, minus_zero), 0.0f);
}

TEST(Similarity, CosineAndDistanceHoldAtTheEndsOfFloat32) {
  const Vector a{3.0f, 4.0f, 0.0f};
  const Vector b{4.0f, 3.0f, 0.0f};
  for (const float scale : {1e-44f, 1e-40f, 1e-30f, 1e-20f, 1e-15f, 1e15f, 1e20f, 1e30f, 8e37f}) {
    Vector scaled;
    for (const float value : b) scaled.push_back(value * scale);
    const double expected = score64(Metric::cosine, a, scaled);
    EXPECT_NEAR(cosine_similarity(a, scaled), expected, 1e-7) << scale;
    EXPECT_NEAR(cosine_similarity(scaled, scaled), 1.0, 0.0) << scale;
    Vector opposite;
    for (const float value : scaled) opposite.push_back(-value / 4.0f);
    EXPECT_FLOAT_EQ(euclidean_distance(scaled, opposite),
                    static_cast<float>(-score64(Metric::euclidean, scaled, opposite)))
        << scale;
  }
  // The distance of two large vectors, and one that float32 cannot hold.
  const Vector huge{3e38f, 0.0f};
  const Vector less{2e38f, 0.0f};
  const Vector minus_huge{-3e38f, 0.0f};
  EXPECT_NEAR(euclidean_distance(huge, less) / 1e38, 1.0, 1e-6);
  EXPECT_EQ(euclidean_distance(huge, minus_huge), kInfinity);
  EXPECT_EQ(manhattan_distance(huge, minus_huge), kInfinity);
  EXPECT_NEAR(manhattan_distance(huge, less) / 1e38, 1.0, 1e-6);
  EXPECT_EQ(dot_product(huge, huge), kInfinity);
}

TEST(Similarity, NaNAndInfinityInAVectorAreSeenInItsScores) {
  const Vector one{1.0f, 1.0f};
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    const Vector vector{bad, 1.0f};
    EXPECT_TRUE(std::isnan(cosine_similarity(vector, one)));
    EXPECT_TRUE(std::isnan(cosine_similarity(Vector{0.0f, 0.0f}, vector)));
    EXPECT_FALSE(std::isfinite(dot_product(vector, one)));
    EXPECT_FALSE(std::isfinite(euclidean_distance(vector, one)));
    EXPECT_FALSE(std::isfinite(manhattan_distance(vector, one)));
  }
}

TEST(Similarity, RefusesVectorsOfDifferentSizes) {
  const Vector three(3, 1.0f);
  const Vector four(4, 1.0f);
  EXPECT_THROW(cosine_similarity(three, four), std::invalid_argument);
  EXPECT_THROW(dot_product(three, four), std::invalid_argument);
  EXPECT_THROW(euclidean_distance(three, four), std::invalid_argument);
  EXPECT_THROW(manhattan_distance(three, four), std::invalid_argument);
  const auto a = random_rows(2, 3, 1);
  const auto b = random_rows(2, 4, 1);
  EXPECT_THROW(cosine_similarity(a.matrix(), b.matrix()), std::invalid_argument);
  EXPECT_THROW(similarity(three, three, static_cast<Metric>(9)), std::invalid_argument);
  EXPECT_THROW(similarity(a.matrix(), a.matrix(), static_cast<Metric>(9)), std::invalid_argument);
}

TEST(Similarity, TablesHaveTheBitsOfThePairs) {
  // More columns than a block has rows, more rows than a task takes.
  const auto a = random_rows(70, 33, 5);
  const auto b = random_rows(1500, 33, 6);
  ThreadPool pool(3);
  ThreadPool::Team team(pool, 3);
  for (Executor* executor : {static_cast<Executor*>(nullptr), static_cast<Executor*>(&team)}) {
    for (const Metric metric : kMetrics) {
      const auto table = similarity(a.matrix(), b.matrix(), metric, executor);
      ASSERT_EQ(table.shape(), (Shape{70, 1500}));
      for (std::size_t i = 0; i < 70; ++i) {
        for (std::size_t j = 0; j < 1500; ++j) {
          ASSERT_EQ(table.matrix().row(i)[j],
                    similarity(a.matrix().row_span(i), b.matrix().row_span(j), metric));
        }
      }
    }
  }
}

TEST(Similarity, NamedTablesAreThoseOfTheirMetric) {
  const auto a = random_rows(3, 10, 5);
  const auto b = random_rows(4, 10, 6);
  const auto cosine = cosine_similarity(a.matrix(), b.matrix());
  const auto dot = dot_product(a.matrix(), b.matrix());
  const auto distance = euclidean_distance(a.matrix(), b.matrix());
  const auto absolute = manhattan_distance(a.matrix(), b.matrix());
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      const auto x = a.matrix().row_span(i);
      const auto y = b.matrix().row_span(j);
      EXPECT_EQ(cosine.matrix().row(i)[j], cosine_similarity(x, y));
      EXPECT_EQ(dot.matrix().row(i)[j], dot_product(x, y));
      EXPECT_EQ(distance.matrix().row(i)[j], euclidean_distance(x, y));
      EXPECT_EQ(absolute.matrix().row(i)[j], manhattan_distance(x, y));
    }
  }
}

TEST(Similarity, MetricsHaveTheirNames) {
  EXPECT_EQ(metric_of("cosine"), Metric::cosine);
  EXPECT_EQ(metric_of("dot"), Metric::dot);
  EXPECT_EQ(metric_of("euclidean"), Metric::euclidean);
  EXPECT_EQ(metric_of("manhattan"), Metric::manhattan);
  for (const Metric metric : kMetrics) EXPECT_EQ(metric_of(name_of(metric)), metric);
  EXPECT_EQ(metric_of("Cosine"), std::nullopt);
  EXPECT_EQ(metric_of(""), std::nullopt);
  EXPECT_EQ(name_of(static_cast<Metric>(9)), "");
}

TEST(Similarity, TablesTakeRowsWithAStrideAndEmptySides) {
  const auto wide = random_rows(5, 20, 9);
  const MatrixView<const float> part(wide.data() + 3, 5, 7, 20);
  const auto table = cosine_similarity(part, part);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(table.matrix().row(i)[i], 1.0f);
    EXPECT_EQ(table.matrix().row(i)[0], cosine_similarity(part.row_span(i), part.row_span(0)));
  }
  const MatrixView<const float> none(nullptr, 0, 7);
  EXPECT_EQ(cosine_similarity(part, none).shape(), (Shape{5, 0}));
  EXPECT_EQ(cosine_similarity(none, part).shape(), (Shape{0, 5}));
}

}  // namespace
}  // namespace semblance
