#include "semblance/search/top_k.h"

#include <gtest/gtest.h>

#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"
#include "support/allocation_counts.h"

namespace semblance {
namespace {

using test::kMetrics;
using test::random_rows;
using test::random_whole_rows;
using test::ranking64;

TEST(TopK, EqualsBruteForceInFloat64) {
  const auto queries = random_rows(5, 96, 1);
  const auto rows = random_rows(3000, 96, 2);
  for (const Metric metric : kMetrics) {
    const auto found = top_k(queries.matrix(), rows.matrix(), 50, metric);
    ASSERT_EQ(found.size(), 5u);
    for (std::size_t q = 0; q < 5; ++q) {
      const auto ranking = ranking64(metric, queries.matrix().row_span(q), rows.matrix());
      ASSERT_EQ(found[q].size(), 50u);
      for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(found[q][i].row, ranking[i].first);
        EXPECT_NEAR(found[q][i].score, ranking[i].second, 1e-5);
        EXPECT_EQ(found[q][i].score, similarity(queries.matrix().row_span(q),
                                                rows.matrix().row_span(found[q][i].row), metric));
      }
    }
  }
}

TEST(TopK, BreaksTiesByRowNumber) {
  const auto queries = random_whole_rows(4, 3, 1);
  const auto rows = random_whole_rows(2000, 3, 2);
  for (const Metric metric : {Metric::dot, Metric::euclidean}) {
    const auto found = top_k(queries.matrix(), rows.matrix(), 300, metric);
    for (std::size_t q = 0; q < 4; ++q) {
      const auto ranking = ranking64(metric, queries.matrix().row_span(q), rows.matrix());
      for (std::size_t i = 0; i < 300; ++i) ASSERT_EQ(found[q][i].row, ranking[i].first) << i;
    }
  }
}

TEST(TopK, StreamedBlocksGiveWhatAllRowsGive) {
  const auto queries = random_rows(3, 40, 1);
  const auto rows = random_rows(1000, 40, 2);
  for (const Metric metric : kMetrics) {
    TopKSearch search(queries.matrix(), 20, metric);
    std::size_t first = 0;
    for (std::size_t count = 1; first < 1000; count = count * 2 + 1) {
      count = std::min(count, 1000 - first);
      // The block dies before the next one: nothing of it may be kept.
      Tensor<float> block(Shape{count, 40});
      std::copy_n(rows.matrix().row(first), count * 40, block.data());
      search.add_rows(block.matrix());
      first += count;
    }
    EXPECT_EQ(search.num_rows(), 1000u);
    EXPECT_EQ(search.results(), top_k(queries.matrix(), rows.matrix(), 20, metric));
  }
}

TEST(TopK, ResultsDoNotDependOnTheNumberOfThreads) {
  ThreadPool pool(4);
  for (const std::size_t num_queries : {1u, 7u, 100u}) {
    const auto queries = random_whole_rows(num_queries, 24, 1);
    const auto rows = random_whole_rows(9000, 24, 2);
    for (const Metric metric : kMetrics) {
      const auto alone = top_k(queries.matrix(), rows.matrix(), 33, metric);
      for (const std::size_t threads : {2u, 3u, 4u}) {
        ThreadPool::Team team(pool, threads);
        EXPECT_EQ(top_k(queries.matrix(), rows.matrix(), 33, metric, &team), alone);
      }
    }
  }
}

TEST(TopK, MovedSearchGoesOn) {
  const auto queries = random_rows(2, 16, 1);
  const auto rows = random_rows(100, 16, 2);
  TopKSearch first(queries.matrix(), 5);
  first.add_rows(rows.matrix().rows_from(0, 50));
  TopKSearch second = std::move(first);
  EXPECT_EQ(first.num_rows(), 0u);  // NOLINT(bugprone-use-after-move)
  second.add_rows(rows.matrix().rows_from(50, 50));
  EXPECT_EQ(second.results(), top_k(queries.matrix(), rows.matrix(), 5));
}

TEST(TopK, SearchIsAsBeforeWhereMemoryEnds) {
  const auto queries = random_rows(2, 16, 1);
  const auto rows = random_rows(300, 16, 2);
  const auto expected = top_k(queries.matrix(), rows.matrix(), 5);
  TopKSearch search(queries.matrix(), 5);
  bool added = false;
  for (long n = 0; !added; ++n) {
    testing::allocations_before_failure = n;
    try {
      search.add_rows(rows.matrix());
      added = true;
    } catch (const std::bad_alloc&) {
    }
    testing::allocations_before_failure = -1;
    if (added) {
      EXPECT_GT(n, 0) << "no allocation failed";
    } else {
      ASSERT_EQ(search.num_rows(), 0u);
      ASSERT_TRUE(search.results().front().empty());
    }
  }
  EXPECT_EQ(search.results(), expected);
}

TEST(TopK, SearchIsAsBeforeWhereAnExecutorFails) {
  struct Failing final : Executor {
    std::size_t concurrency() const noexcept override { return 2; }
    void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) override {
      task(0);
      if (num_tasks > 1) throw std::runtime_error("no more");
    }
  };
  const auto queries = random_rows(40, 16, 1);
  const auto rows = random_rows(300, 16, 2);
  TopKSearch search(queries.matrix(), 5);
  Failing failing;
  EXPECT_THROW(search.add_rows(rows.matrix(), &failing), std::runtime_error);
  search.add_rows(rows.matrix());
  EXPECT_EQ(search.results(), top_k(queries.matrix(), rows.matrix(), 5));
}

TEST(TopK, GivesAllRowsWhenThereAreFewerThanK) {
  const auto rows = random_rows(3, 8, 2);
  EXPECT_EQ(top_k(rows.matrix().row_span(0), rows.matrix(), 10).size(), 3u);
  EXPECT_TRUE(top_k(rows.matrix().row_span(0), rows.matrix(), 0).empty());
  const MatrixView<const float> none(nullptr, 0, 8);
  EXPECT_TRUE(top_k(rows.matrix().row_span(0), none, 10).empty());
  EXPECT_TRUE(top_k(none, rows.matrix(), 10).empty());
}

TEST(TopK, ZeroRowsScoreZeroAndNaNRowsAreNotFound) {
  Tensor<float> rows(Shape{4, 2});
  const float values[] = {0, 0, -1, 0, std::numeric_limits<float>::quiet_NaN(), 1, 1, 1};
  std::copy_n(values, 8, rows.data());
  const std::vector<float> query{1.0f, 0.0f};
  const auto found = top_k(query, rows.matrix(), 4);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].row, 3u);
  EXPECT_EQ(found[1], (Hit{0, 0.0f}));
  EXPECT_EQ(found[2], (Hit{1, -1.0f}));
}

TEST(TopK, RefusesRowsOfAnotherSize) {
  const auto queries = random_rows(2, 16, 1);
  const auto rows = random_rows(10, 17, 2);
  TopKSearch search(queries.matrix(), 3);
  EXPECT_THROW(search.add_rows(rows.matrix()), std::invalid_argument);
  const std::vector<double> norms(9);
  EXPECT_THROW(search.add_rows(MatrixView<const float>(rows.data(), 10, 16, 17), nullptr, norms),
               std::invalid_argument);
  EXPECT_EQ(search.num_rows(), 0u);
}

}  // namespace
}  // namespace semblance
