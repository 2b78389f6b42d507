#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/search/best_hits.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Scores blocks of rows for some queries. Each task works on its own copy.
template <class T>
concept BlockScorer = std::copy_constructible<T> &&
    requires(T scorer, std::size_t i, MatrixView<float> scores) {
  scorer.begin_block(i, i);          // (first, count): the rows that the next calls score
  scorer.score_block(i, i, scores);  // (first query, first row, scores [queries, rows])
};

// What a scan passes over: rows [0, num_rows) of this call, numbered from first_row in the hits.
struct ScanExtent {
  std::size_t num_rows = 0;
  std::size_t first_row = 0;
  std::size_t block_rows = 1;
};

// Offers every row to the best hits of every query: best [num_queries]. A block of rows is scored
// for all queries of a task while it is in the cache, so few queries run at the speed of memory.
// The outcome does not depend on the executor: hits have a total order.
template <BlockScorer Scorer>
void scan_blocks(const ScanExtent& extent, const Scorer& scorer, std::vector<BestHits>& best,
                 std::size_t k, Executor* executor);

namespace detail {

// A block scorer of what scores one query: score(query, first row, scores [rows]).
template <class Score>
class QueryByQuery {
 public:
  explicit QueryByQuery(Score score) : score_(score) {}

  void begin_block(std::size_t, std::size_t) const noexcept {}

  void score_block(std::size_t first_query, std::size_t first, MatrixView<float> scores) const {
    for (std::size_t q = 0; q < scores.rows; ++q) {
      score_(first_query + q, first, scores.row_span(q));
    }
  }

 private:
  Score score_;
};

// Rows numbered from first_row on, to the hits of one query.
inline void offer(std::span<const float> scores, std::size_t first_row, BestHits& hits) {
  for (std::size_t r = 0; r < scores.size(); ++r) {
    // Rows come in order, so an equal score never displaces an earlier row of this task.
    if (hits.full() && !(scores[r] > hits.worst().score)) continue;
    hits.add({first_row + r, scores[r]});
  }
}

template <BlockScorer Scorer>
void scan_range(const ScanExtent& extent, std::size_t begin, std::size_t end, Scorer scorer,
                std::size_t first_query, std::size_t last_query, BestHits* best) {
  constexpr std::size_t kQueriesTogether = 32;
  std::vector<float> scores(std::min(kQueriesTogether, last_query - first_query) *
                            extent.block_rows);
  for (std::size_t first = begin; first < end; first += extent.block_rows) {
    const std::size_t count = std::min(extent.block_rows, end - first);
    scorer.begin_block(first, count);
    for (std::size_t q = first_query; q < last_query; q += kQueriesTogether) {
      const MatrixView<float> table(scores.data(), std::min(kQueriesTogether, last_query - q),
                                    count);
      scorer.score_block(q, first, table);
      for (std::size_t i = 0; i < table.rows; ++i) {
        offer(table.row_span(i), extent.first_row + first, best[q - first_query + i]);
      }
    }
  }
}

}  // namespace detail

template <BlockScorer Scorer>
void scan_blocks(const ScanExtent& extent, const Scorer& scorer, std::vector<BestHits>& best,
                 std::size_t k, Executor* executor) {
  const std::size_t num_queries = best.size();
  if (k == 0 || num_queries == 0 || extent.num_rows == 0) return;
  const std::size_t threads = executor != nullptr ? executor->concurrency() : 1;
  constexpr std::size_t kQueriesPerTask = 8;
  if (threads == 1) {
    detail::scan_range(extent, 0, extent.num_rows, scorer, 0, num_queries, best.data());
  } else if (num_queries >= threads * kQueriesPerTask) {
    // Enough queries to pay for every task reading all rows; no second set of hits.
    parallel_slices(
        *executor, num_queries, 1, [&](std::size_t, std::size_t first, std::size_t last) {
          detail::scan_range(extent, 0, extent.num_rows, scorer, first, last, best.data() + first);
        });
  } else {
    std::vector<std::vector<BestHits>> found(threads);
    parallel_slices(*executor, extent.num_rows, extent.block_rows,
                    [&](std::size_t slice, std::size_t begin, std::size_t end) {
                      found[slice].assign(num_queries, BestHits(k));
                      detail::scan_range(extent, begin, end, scorer, 0, num_queries,
                                         found[slice].data());
                    });
    for (const auto& of_slice : found) {
      for (std::size_t q = 0; q < of_slice.size(); ++q) best[q].add(of_slice[q]);
    }
  }
}

}  // namespace semblance
