#include "semblance/search/paraphrase_mining.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"

namespace semblance {
namespace {

using test::kMetrics;
using test::random_rows;
using test::random_whole_rows;
using test::score64;

struct Pair64 {
  std::size_t first;
  std::size_t second;
  double score;
};

std::vector<Pair64> all_pairs64(MatrixView<const float> rows, Metric metric) {
  std::vector<Pair64> pairs;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = i + 1; j < rows.rows; ++j) {
      pairs.push_back({i, j, score64(metric, rows.row_span(i), rows.row_span(j))});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair64& a, const Pair64& b) { return a.score > b.score; });
  return pairs;
}

TEST(ParaphraseMining, EqualsBruteForceInFloat64) {
  const auto rows = random_rows(300, 48, 3);
  for (const Metric metric : kMetrics) {
    const auto expected = all_pairs64(rows.matrix(), metric);
    const auto pairs = paraphrase_mining(rows.matrix(), {.max_pairs = 500, .metric = metric});
    ASSERT_EQ(pairs.size(), 500u);
    for (std::size_t i = 0; i < 500; ++i) {
      EXPECT_EQ(pairs[i].first, expected[i].first) << i;
      EXPECT_EQ(pairs[i].second, expected[i].second) << i;
      EXPECT_NEAR(pairs[i].score, expected[i].score, 1e-5);
    }
  }
}

TEST(ParaphraseMining, BreaksTiesByRowNumbersForAnyNumberOfThreads) {
  const auto rows = random_whole_rows(400, 3, 4);
  const auto expected = all_pairs64(rows.matrix(), Metric::dot);
  ThreadPool pool(4);
  for (const std::size_t threads : {1u, 2u, 4u}) {
    ThreadPool::Team team(pool, threads);
    const auto pairs = paraphrase_mining(
        rows.matrix(), {.max_pairs = 20000, .metric = Metric::dot, .executor = &team});
    ASSERT_EQ(pairs.size(), 20000u);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      ASSERT_EQ(pairs[i].first, expected[i].first) << i;
      ASSERT_EQ(pairs[i].second, expected[i].second) << i;
    }
  }
}

TEST(ParaphraseMining, GivesEveryPairAtOrAboveTheLeastScore) {
  const auto rows = random_whole_rows(100, 4, 5);
  const auto pairs = paraphrase_mining(rows.matrix(), {.min_score = 6.0f, .metric = Metric::dot});
  std::size_t expected = 0;
  for (const auto& pair : all_pairs64(rows.matrix(), Metric::dot)) expected += pair.score >= 6.0;
  EXPECT_GT(expected, 0u);
  EXPECT_EQ(pairs.size(), expected);
  EXPECT_GE(pairs.back().score, 6.0f);
}

TEST(ParaphraseMining, SmallSetsAndNaN) {
  const auto rows = random_rows(3, 4, 6);
  EXPECT_TRUE(paraphrase_mining(rows.matrix().rows_from(0, 0)).empty());
  EXPECT_TRUE(paraphrase_mining(rows.matrix().rows_from(0, 1)).empty());
  EXPECT_EQ(paraphrase_mining(rows.matrix()).size(), 3u);
  EXPECT_TRUE(paraphrase_mining(rows.matrix(), {.max_pairs = 0}).empty());
  auto with_nan = random_rows(3, 4, 6);
  with_nan.matrix().row(1)[2] = std::numeric_limits<float>::quiet_NaN();
  const auto pairs = paraphrase_mining(with_nan.matrix());
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].first, 0u);
  EXPECT_EQ(pairs[0].second, 2u);
  EXPECT_THROW(
      paraphrase_mining(rows.matrix(), {.min_score = std::numeric_limits<float>::quiet_NaN()}),
      std::invalid_argument);
}

}  // namespace
}  // namespace semblance
