#include "semblance/search/int8_vectors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"

namespace semblance {
namespace {

using test::random_rows;
using test::score64;

TEST(Int8Vectors, CodesAreTheNearestMultiplesOfTheScale) {
  const auto rows = random_rows(10, 50, 1);
  const Int8Vectors vectors(rows.matrix());
  for (std::size_t r = 0; r < 10; ++r) {
    int largest = 0;
    for (std::size_t i = 0; i < 50; ++i) {
      const int code = vectors.codes(r)[i];
      largest = std::max(largest, std::abs(code));
      EXPECT_LE(std::fabs(code * vectors.scale(r) - rows.matrix().row(r)[i]),
                vectors.scale(r) / 2 * (1 + 1e-12));
    }
    EXPECT_EQ(largest, 127);
  }
}

TEST(Int8Vectors, HalvesRoundToEven) {
  const float values[] = {127.0f, 0.5f, 1.5f, -2.5f, -127.0f};
  const Int8Vectors vectors(MatrixView<const float>(values, 1, 5));
  EXPECT_EQ(vectors.scale(0), 1.0);
  const std::int8_t expected[] = {127, 0, 2, -2, -127};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(vectors.codes(0)[i], expected[i]);
}

TEST(Int8Vectors, ProductsAreExactForEverySize) {
  std::mt19937 engine(3);
  for (std::size_t size = 0; size <= 300; ++size) {
    std::vector<std::int8_t> a(size);
    std::vector<std::int8_t> b(size);
    std::int64_t expected = 0;
    for (std::size_t i = 0; i < size; ++i) {
      a[i] = static_cast<std::int8_t>(static_cast<int>(engine() % 255) - 127);
      b[i] = static_cast<std::int8_t>(static_cast<int>(engine() % 255) - 127);
      expected += a[i] * b[i];
    }
    EXPECT_EQ(dot_product(a, b), expected);
  }
  const std::vector<std::int8_t> most(Int8Vectors::kMaxSize, 127);
  const std::vector<std::int8_t> least(Int8Vectors::kMaxSize, -127);
  const auto magnitude = static_cast<std::int64_t>(Int8Vectors::kMaxSize) * 127 * 127;
  EXPECT_EQ(dot_product(most, most), magnitude);
  EXPECT_EQ(dot_product(most, least), -magnitude);
}

TEST(Int8Vectors, SearchEqualsBruteForceOverTheCodesForAnyNumberOfThreads) {
  const auto float_rows = random_rows(3000, 100, 1);
  const auto float_queries = random_rows(5, 100, 2);
  const Int8Vectors rows(float_rows.matrix());
  const Int8Vectors queries(float_queries.matrix());
  ThreadPool pool(3);
  ThreadPool::Team team(pool, 3);
  for (const Metric metric : {Metric::cosine, Metric::dot}) {
    const auto found = top_k(queries, rows, 40, metric);
    for (std::size_t q = 0; q < 5; ++q) {
      std::vector<Hit> expected;
      for (std::size_t r = 0; r < 3000; ++r) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (std::size_t i = 0; i < 100; ++i) {
          ab += queries.codes(q)[i] * rows.codes(r)[i];
          aa += queries.codes(q)[i] * queries.codes(q)[i];
          bb += rows.codes(r)[i] * rows.codes(r)[i];
        }
        expected.push_back(
            {r, static_cast<float>(metric == Metric::dot ? ab * (queries.scale(q) * rows.scale(r))
                                                         : ab / (std::sqrt(aa) * std::sqrt(bb)))});
      }
      std::sort(expected.begin(), expected.end(), ranks_before);
      expected.resize(40);
      EXPECT_EQ(found[q], expected);
    }
    EXPECT_EQ(top_k(queries, rows, 40, metric, &team), found);
  }
}

TEST(Int8Vectors, ScoresAreNearTheFloatOnes) {
  const auto rows = random_rows(50, 384, 1);
  const Int8Vectors vectors(rows.matrix());
  const auto hits = top_k(vectors, vectors, 50)[0];
  EXPECT_EQ(hits[0], (Hit{0, 1.0f}));
  for (const Hit& hit : hits) {
    EXPECT_NEAR(hit.score,
                score64(Metric::cosine, rows.matrix().row_span(0), rows.matrix().row_span(hit.row)),
                0.005);
  }
}

TEST(Int8Vectors, ZeroRowsScoreZero) {
  const float values[] = {0.0f, 0.0f, 1.0f, -1.0f};
  const Int8Vectors vectors(MatrixView<const float>(values, 2, 2));
  EXPECT_EQ(vectors.scale(0), 0.0);
  EXPECT_EQ(top_k(vectors, vectors, 2)[0], (std::vector<Hit>{{0, 0.0f}, {1, 0.0f}}));
  EXPECT_EQ(top_k(vectors, vectors, 2)[1], (std::vector<Hit>{{1, 1.0f}, {0, 0.0f}}));
}

TEST(Int8Vectors, TheSmallestAndTheLargestRowsKeepTheirShape) {
  const float values[] = {1e-45f, 0.0f, 3e38f, -1.5e38f};
  const Int8Vectors vectors(MatrixView<const float>(values, 2, 2));
  EXPECT_EQ(vectors.codes(0)[0], 127);
  EXPECT_EQ(vectors.codes(1)[0], 127);
  EXPECT_EQ(vectors.codes(1)[1], -64);
}

TEST(Int8Vectors, RefusesWhatHasNoCode) {
  const float values[] = {0.0f, std::numeric_limits<float>::infinity(), 1.0f,
                          std::numeric_limits<float>::quiet_NaN()};
  EXPECT_THROW(Int8Vectors(MatrixView<const float>(values, 1, 2)), std::invalid_argument);
  EXPECT_THROW(Int8Vectors(MatrixView<const float>(values + 2, 1, 2)), std::invalid_argument);
  EXPECT_THROW(Int8Vectors(MatrixView<const float>(values, 0, Int8Vectors::kMaxSize + 1)),
               std::invalid_argument);
  const Int8Vectors one(MatrixView<const float>(values, 1, 1));
  const float two_values[] = {1.0f, 2.0f};
  const Int8Vectors two(MatrixView<const float>(two_values, 1, 2));
  EXPECT_THROW(top_k(one, two, 1), std::invalid_argument);
  EXPECT_THROW(top_k(two, two, 1, Metric::euclidean), std::invalid_argument);
  EXPECT_THROW(top_k(two, two, 1, Metric::manhattan), std::invalid_argument);
}

}  // namespace
}  // namespace semblance
