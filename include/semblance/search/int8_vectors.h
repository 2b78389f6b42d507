#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/search/best_hits.h"
#include "semblance/search/block_scan.h"
#include "semblance/search/metric.h"
#include "semblance/search/row_blocks.h"
#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Rows in a byte a dimension: row r is about codes(r) * scale(r), codes in [-127, 127] with the
// component of largest magnitude at +-127; halves round to even. A zero row has scale 0.
class Int8Vectors {
 public:
  // Dimensions up to which any product of two rows of codes fits a signed 32-bit sum.
  static constexpr std::size_t kMaxSize = 0x7FFFFFFF / (127 * 127);

  //   rows [num_rows, size]
  // Throws std::invalid_argument when a value is not finite or size exceeds kMaxSize.
  explicit Int8Vectors(MatrixView<const float> rows);

  std::size_t num_rows() const noexcept { return scales_.size(); }
  std::size_t size() const noexcept { return size_; }
  std::span<const std::int8_t> codes(std::size_t row) const noexcept {
    return {codes_.data() + row * size_, size_};
  }
  double scale(std::size_t row) const noexcept { return scales_[row]; }
  // Length of the row of codes: the square root of an exact integer.
  double code_norm(std::size_t row) const noexcept { return code_norms_[row]; }

 private:
  std::size_t size_;
  std::vector<std::int8_t> codes_;  // [num_rows, size]
  std::vector<double> scales_;      // [num_rows]
  std::vector<double> code_norms_;  // [num_rows]
};

// Exact, for at most Int8Vectors::kMaxSize codes in [-127, 127].
std::int32_t dot_product(std::span<const std::int8_t> a, std::span<const std::int8_t> b);

// The k best rows for each query by the codes alone: the cosine of the codes (0 for a zero row), or
// their product times both scales, each rounded to float32 once. Order and ties as in TopKSearch.
// Throws std::invalid_argument when the sizes differ and for a metric of distances.
std::vector<std::vector<Hit>> top_k(const Int8Vectors& queries, const Int8Vectors& rows,
                                    std::size_t k, Metric metric = Metric::cosine,
                                    Executor* executor = nullptr);

namespace detail {

inline std::int32_t dot_int8(const std::int8_t* a, const std::int8_t* b,
                             std::size_t size) noexcept {
  // Fixed inner loops, which compilers turn into 16-bit multiply-adds.
  constexpr std::size_t kStep = 64;
  std::int32_t sum = 0;
  std::size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    std::int32_t part = 0;
    for (std::size_t j = 0; j < kStep; ++j) {
      part += static_cast<std::int16_t>(a[i + j]) * static_cast<std::int16_t>(b[i + j]);
    }
    sum += part;
  }
  for (; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

class Int8Score {
 public:
  Int8Score(const Int8Vectors& queries, const Int8Vectors& rows, Metric metric)
      : queries_(&queries), rows_(&rows), metric_(metric) {}

  void operator()(std::size_t query, std::size_t first, std::span<float> scores) const noexcept {
    const std::int8_t* codes = queries_->codes(query).data();
    for (std::size_t r = 0; r < scores.size(); ++r) {
      const std::size_t row = first + r;
      const double product = dot_int8(codes, rows_->codes(row).data(), rows_->size());
      if (metric_ == Metric::dot) {
        scores[r] = static_cast<float>(product * (queries_->scale(query) * rows_->scale(row)));
      } else {
        const double norms = queries_->code_norm(query) * rows_->code_norm(row);
        scores[r] =
            norms == 0.0 ? 0.0f : static_cast<float>(std::clamp(product / norms, -1.0, 1.0));
      }
    }
  }

 private:
  const Int8Vectors* queries_;
  const Int8Vectors* rows_;
  Metric metric_;
};

}  // namespace detail

inline Int8Vectors::Int8Vectors(MatrixView<const float> rows) : size_(rows.cols) {
  if (size_ > kMaxSize) {
    throw std::invalid_argument("Int8Vectors: at most " + std::to_string(kMaxSize) +
                                " dimensions, got " + std::to_string(size_));
  }
  codes_.resize(rows.rows * size_);
  scales_.resize(rows.rows);
  code_norms_.resize(rows.rows);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const auto values = rows.row_span(r);
    float largest = 0.0f;
    for (const float value : values) {
      if (!std::isfinite(value)) {
        throw std::invalid_argument("Int8Vectors: row " + std::to_string(r) + " is not finite");
      }
      largest = std::max(largest, std::fabs(value));
    }
    const auto extent = static_cast<double>(largest);
    scales_[r] = extent / 127.0;
    std::int8_t* codes = codes_.data() + r * size_;
    for (std::size_t i = 0; i < size_ && largest != 0.0f; ++i) {
      const auto value = static_cast<double>(values[i]);
      codes[i] = static_cast<std::int8_t>(std::nearbyint(value * 127.0 / extent));
    }
    code_norms_[r] = std::sqrt(static_cast<double>(detail::dot_int8(codes, codes, size_)));
  }
}

inline std::int32_t dot_product(std::span<const std::int8_t> a, std::span<const std::int8_t> b) {
  detail::require_same_size(a.size(), b.size());
  return detail::dot_int8(a.data(), b.data(), a.size());
}

inline std::vector<std::vector<Hit>> top_k(const Int8Vectors& queries, const Int8Vectors& rows,
                                           std::size_t k, Metric metric, Executor* executor) {
  if (metric != Metric::cosine && metric != Metric::dot) {
    throw std::invalid_argument("int8 vectors have cosine and dot scores, no distances");
  }
  if (queries.num_rows() != 0 && rows.num_rows() != 0) {
    detail::require_same_size(queries.size(), rows.size());
  }
  std::vector<BestHits> best(queries.num_rows(), BestHits(k));
  const ScanExtent extent{.num_rows = rows.num_rows(),
                          .block_rows = detail::rows_per_block(rows.size())};
  scan_blocks(extent, detail::QueryByQuery(detail::Int8Score(queries, rows, metric)), best, k,
              executor);
  return sorted_hits(best);
}

}  // namespace semblance
