#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/core/moved_count.h"
#include "semblance/search/best_hits.h"
#include "semblance/search/metric.h"
#include "semblance/search/row_scores.h"
#include "semblance/search/top_k.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Rows kept in memory for exact search, with their norms. Adding is for one thread at a time;
// search() is const and safe from many. One that is moved from is empty.
class FlatIndex {
 public:
  // size: dimensions of every row.
  explicit FlatIndex(std::size_t size, Metric metric = Metric::cosine)
      : size_(size), metric_(metric) {}

  // Copies rows [num_rows, size]; returns the number of the first one. On an exception the index is
  // as before. Throws std::invalid_argument when the rows have another size.
  std::size_t add(MatrixView<const float> rows);

  // The k best rows for each query [num_queries, size]; see TopKSearch.
  std::vector<std::vector<Hit>> search(MatrixView<const float> queries, std::size_t k,
                                       Executor* executor = nullptr) const;
  std::vector<Hit> search(std::span<const float> query, std::size_t k,
                          Executor* executor = nullptr) const;

  std::size_t num_rows() const noexcept { return num_rows_; }
  std::size_t size() const noexcept { return size_; }
  Metric metric() const noexcept { return metric_; }
  // [num_rows, size]; valid until the next add().
  MatrixView<const float> rows() const noexcept { return {values_.data(), num_rows_, size_}; }

 private:
  std::size_t size_;
  Metric metric_;
  MovedCount num_rows_;
  AlignedBuffer<float> values_;  // capacity, the first num_rows_ * size_ in use
  std::vector<double> norms_;    // [num_rows] for cosine, else empty
};

inline std::size_t FlatIndex::add(MatrixView<const float> rows) {
  if (rows.rows == 0) return num_rows_;
  detail::require_same_size(size_, rows.cols);
  const std::size_t first = num_rows_;
  const std::size_t needed = (num_rows_ + rows.rows) * size_;
  if (metric_ == Metric::cosine) {
    const std::vector<double> added = detail::row_norms(rows);
    norms_.insert(norms_.end(), added.begin(), added.end());
  }
  if (needed > values_.size()) {
    AlignedBuffer<float> grown;
    try {
      grown = AlignedBuffer<float>(std::max(needed, values_.size() + values_.size() / 2));
    } catch (...) {
      if (metric_ == Metric::cosine) norms_.resize(num_rows_);
      throw;
    }
    std::copy_n(values_.data(), num_rows_ * size_, grown.data());
    for (std::size_t r = 0; r < rows.rows; ++r) {
      std::copy_n(rows.row(r), size_, grown.data() + (first + r) * size_);
    }
    values_ = std::move(grown);
  } else {
    for (std::size_t r = 0; r < rows.rows; ++r) {
      std::copy_n(rows.row(r), size_, values_.data() + (first + r) * size_);
    }
  }
  num_rows_ += rows.rows;
  return first;
}

inline std::vector<std::vector<Hit>> FlatIndex::search(MatrixView<const float> queries,
                                                       std::size_t k, Executor* executor) const {
  if (queries.rows != 0) detail::require_same_size(queries.cols, size_);
  TopKSearch search(queries, k, metric_);
  search.add_rows(rows(), executor, norms_);
  return search.results();
}

inline std::vector<Hit> FlatIndex::search(std::span<const float> query, std::size_t k,
                                          Executor* executor) const {
  return search(MatrixView<const float>(query.data(), 1, query.size()), k, executor).front();
}

}  // namespace semblance
