#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/moved_count.h"
#include "semblance/search/best_hits.h"
#include "semblance/search/block_scan.h"
#include "semblance/search/metric.h"
#include "semblance/search/row_blocks.h"
#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Exact search: the k best rows for each query, best first, equal scores by row number, fewer than
// k where there are fewer rows. Every row is scored, in float32 (see RowScorer); a row whose score
// is NaN is not found. Results are the same for any executor and any cutting into blocks.
//
// TopKSearch takes the rows block by block, so a corpus need not fit in memory: it keeps the
// queries and, twice, k hits for each.
class TopKSearch {
 public:
  //   queries [num_queries, size], copied
  TopKSearch(MatrixView<const float> queries, std::size_t k, Metric metric = Metric::cosine);

  // The next rows [num_rows, size] of the corpus, numbered on from the rows before. They are not
  // kept. A call copies all hits, so blocks of rows are cheaper than rows one by one.
  // row_norms [num_rows] are their RowScorer::norm()s where the caller has them.
  // On an exception the search is as before. Throws std::invalid_argument when the rows have
  // another size than the queries.
  void add_rows(MatrixView<const float> rows, Executor* executor = nullptr,
                std::span<const double> row_norms = {});

  std::size_t num_rows() const noexcept { return num_rows_; }
  // [num_queries], each best first.
  std::vector<std::vector<Hit>> results() const;

 private:
  Tensor<float> queries_;
  RowScorer scorer_;
  std::vector<BestHits> best_;
  std::vector<BestHits> next_best_;  // room for those of the next add
  std::size_t k_;
  Metric metric_;
  MovedCount num_rows_;
};

// All rows at hand: rows [num_rows, size].
std::vector<std::vector<Hit>> top_k(MatrixView<const float> queries, MatrixView<const float> rows,
                                    std::size_t k, Metric metric = Metric::cosine,
                                    Executor* executor = nullptr);
std::vector<Hit> top_k(std::span<const float> query, MatrixView<const float> rows, std::size_t k,
                       Metric metric = Metric::cosine, Executor* executor = nullptr);

namespace detail {

inline Tensor<float> copy_of(MatrixView<const float> rows) {
  Tensor<float> copy(Shape{rows.rows, rows.cols});
  for (std::size_t r = 0; r < rows.rows; ++r) {
    std::copy_n(rows.row(r), rows.cols, copy.matrix().row(r));
  }
  return copy;
}

class FloatBlockScorer {
 public:
  FloatBlockScorer(const RowScorer& scorer, MatrixView<const float> rows, Metric metric,
                   std::span<const double> row_norms)
      : scorer_(&scorer), rows_(rows), metric_(metric), known_norms_(row_norms) {}

  void begin_block(std::size_t first, std::size_t count) {
    if (metric_ != Metric::cosine) return;
    if (!known_norms_.empty()) {
      norms_ = known_norms_.data() + first;
      return;
    }
    block_norms_ = row_norms(rows_.rows_from(first, count));
    norms_ = block_norms_.data();
  }

  void score_block(std::size_t first_query, std::size_t first, MatrixView<float> scores) const {
    scorer_->score_rows(first_query, rows_.rows_from(first, scores.cols), norms_, scores);
  }

 private:
  const RowScorer* scorer_;
  MatrixView<const float> rows_;
  Metric metric_;
  std::span<const double> known_norms_;
  std::vector<double> block_norms_;
  const double* norms_ = nullptr;  // of the current block
};

}  // namespace detail

inline TopKSearch::TopKSearch(MatrixView<const float> queries, std::size_t k, Metric metric)
    : queries_(detail::copy_of(queries)),
      scorer_(metric, queries_.matrix()),
      best_(queries.rows, BestHits(k)),
      k_(k),
      metric_(metric) {}

inline void TopKSearch::add_rows(MatrixView<const float> rows, Executor* executor,
                                 std::span<const double> row_norms) {
  if (rows.rows == 0) return;
  if (!best_.empty()) detail::require_same_size(queries_.shape()[1], rows.cols);
  if (!row_norms.empty() && row_norms.size() != rows.rows) {
    throw std::invalid_argument("TopKSearch: " + std::to_string(row_norms.size()) + " norms for " +
                                std::to_string(rows.rows) + " rows");
  }
  const ScanExtent extent{.num_rows = rows.rows,
                          .first_row = num_rows_,
                          .block_rows = detail::rows_per_block(rows.cols * sizeof(float))};
  next_best_ = best_;
  scan_blocks(extent, detail::FloatBlockScorer(scorer_, rows, metric_, row_norms), next_best_, k_,
              executor);
  best_.swap(next_best_);
  num_rows_ += rows.rows;
}

inline std::vector<std::vector<Hit>> TopKSearch::results() const { return sorted_hits(best_); }

inline std::vector<std::vector<Hit>> top_k(MatrixView<const float> queries,
                                           MatrixView<const float> rows, std::size_t k,
                                           Metric metric, Executor* executor) {
  TopKSearch search(queries, k, metric);
  search.add_rows(rows, executor);
  return search.results();
}

inline std::vector<Hit> top_k(std::span<const float> query, MatrixView<const float> rows,
                              std::size_t k, Metric metric, Executor* executor) {
  return top_k(MatrixView<const float>(query.data(), 1, query.size()), rows, k, metric, executor)
      .front();
}

}  // namespace semblance
