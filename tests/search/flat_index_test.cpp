#include "semblance/search/flat_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"
#include "support/allocations.h"

namespace semblance {
namespace {

using test::kMetrics;
using test::random_rows;

TEST(FlatIndex, FindsWhatTopKFinds) {
  const auto rows = random_rows(700, 30, 1);
  const auto queries = random_rows(6, 30, 2);
  ThreadPool pool(2);
  ThreadPool::Team team(pool, 2);
  for (const Metric metric : kMetrics) {
    FlatIndex index(30, metric);
    EXPECT_EQ(index.add(rows.matrix().rows_from(0, 1)), 0u);
    EXPECT_EQ(index.add(rows.matrix().rows_from(1, 299)), 1u);
    EXPECT_EQ(index.add(rows.matrix().rows_from(300, 0)), 300u);
    EXPECT_EQ(index.add(rows.matrix().rows_from(300, 400)), 300u);
    ASSERT_EQ(index.num_rows(), 700u);
    for (std::size_t r = 0; r < 700; ++r) {
      ASSERT_TRUE(std::equal(rows.matrix().row(r), rows.matrix().row(r) + 30, index.rows().row(r)));
    }
    const auto expected = top_k(queries.matrix(), rows.matrix(), 12, metric);
    EXPECT_EQ(index.search(queries.matrix(), 12), expected);
    EXPECT_EQ(index.search(queries.matrix(), 12, &team), expected);
    EXPECT_EQ(index.search(queries.matrix().row_span(3), 12), expected[3]);
  }
}

TEST(FlatIndex, GrowsSeldomWhenRowsComeOneByOne) {
  const auto rows = random_rows(2000, 8, 3);
  FlatIndex index(8);
  const std::size_t before = testing::num_allocations;
  for (std::size_t r = 0; r < 2000; ++r) index.add(rows.matrix().rows_from(r, 1));
  // One a row for its norm.
  EXPECT_LT(testing::num_allocations - before, 2000u + 100u);
}

TEST(FlatIndex, IsAsBeforeWhereMemoryEnds) {
  const auto rows = random_rows(200, 8, 3);
  const auto queries = random_rows(3, 8, 4);
  for (const Metric metric : kMetrics) {
    FlatIndex index(8, metric);
    index.add(rows.matrix().rows_from(0, 100));
    const auto before = index.search(queries.matrix(), 5);
    bool added = false;
    for (long n = 0; !added; ++n) {
      testing::allocations_before_failure = n;
      try {
        index.add(rows.matrix().rows_from(100, 100));
        added = true;
      } catch (const std::bad_alloc&) {
      }
      testing::allocations_before_failure = -1;
      if (added) {
        EXPECT_GT(n, 0) << "no allocation failed";
      } else {
        ASSERT_EQ(index.num_rows(), 100u);
        ASSERT_EQ(index.search(queries.matrix(), 5), before);
      }
    }
    EXPECT_EQ(index.search(queries.matrix(), 5), top_k(queries.matrix(), rows.matrix(), 5, metric));
  }
}

TEST(FlatIndex, IsEmptyOnceMovedFrom) {
  const auto rows = random_rows(40, 8, 3);
  const auto query = rows.matrix().row_span(7);
  FlatIndex building(8);
  building.add(rows.matrix());
  const auto expected = building.search(query, 3);
  FlatIndex published = std::move(building);
  EXPECT_EQ(published.search(query, 3), expected);
  for (const bool again : {false, true}) {
    EXPECT_EQ(building.num_rows(), 0u) << again;  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(building.search(query, 3).empty());
    building.add(rows.matrix());
    EXPECT_EQ(building.search(query, 3), expected);
    published = std::move(building);
    EXPECT_EQ(published.search(query, 3), expected);
  }
}

TEST(FlatIndex, AnEmptyOneFindsNothing) {
  const FlatIndex index(4);
  const std::vector<float> query(4, 1.0f);
  EXPECT_TRUE(index.search(query, 3).empty());
}

TEST(FlatIndex, RefusesRowsAndQueriesOfAnotherSize) {
  FlatIndex index(4);
  const auto rows = random_rows(2, 5, 1);
  EXPECT_THROW(index.add(rows.matrix()), std::invalid_argument);
  EXPECT_THROW(index.search(rows.matrix(), 1), std::invalid_argument);
  EXPECT_EQ(index.num_rows(), 0u);
}

}  // namespace
}  // namespace semblance
