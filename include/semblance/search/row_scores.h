#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "semblance/search/metric.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Scores of queries against many rows. Every score of float32 vectors in this room comes from
// here or from the functions below that this uses, so a pair has the same bits alone, in a table
// and in a search.
//
// Numeric contract: products and squared differences are the kernels' float32 fma on the 16-lane
// tree, sums of absolute differences its float32 additions; the division and the square roots are
// float64, rounded to float32 once. Where a norm or a distance is so small or so large that float32
// products could underflow or overflow, the sums are taken in float64 instead, so cosine and
// Euclidean scores hold for all finite vectors; a sum of absolute differences has no partial sums
// larger than itself. What lies beyond float32 is infinite. A vector with NaN or infinity scores
// NaN or infinity.
class RowScorer {
 public:
  // The queries [num_queries, size] are not copied: they outlive the scorer. Throws
  // std::invalid_argument for a number that is no metric.
  RowScorer(Metric metric, MatrixView<const float> queries);

  // |v|; the square root of the float32 tree sum where that is safe.
  static double norm(std::span<const float> v);

  // Entry (q, r) of `scores` becomes score(query first_query + q, row r). Cosine needs the norms of
  // the rows, [rows.rows]; the others ignore them.
  //   rows   [num_rows, size]
  //   scores [any number of queries from first_query on, num_rows]
  void score_rows(std::size_t first_query, MatrixView<const float> rows, const double* row_norms,
                  MatrixView<float> scores) const noexcept;

 private:
  Metric metric_;
  MatrixView<const float> queries_;
  const simd::Kernels* kernels_;
  std::vector<double> query_norms_;  // for cosine
};

namespace detail {

// Norms in this range square to 2^-100 ... 2^100: no partial sum of a product overflows (Cauchy and
// Schwarz), and what underflows stays below 2^-40 of the result.
inline constexpr double kSmallestPlainNorm = 0x1p-50;
inline constexpr double kLargestPlainNorm = 0x1p50;

inline bool is_plain(double norm) noexcept {
  return norm >= kSmallestPlainNorm && norm <= kLargestPlainNorm;
}

// A product of two float32 is exact in float64, so contraction to fma changes no bit.
inline double dot_float64(const float* a, const float* b, std::size_t size) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < size; ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

inline double distance_float64(const float* a, const float* b, std::size_t size) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum = std::fma(difference, difference, sum);
  }
  return std::sqrt(sum);
}

inline double norm(const simd::Kernels& kernels, const float* v, std::size_t size) noexcept {
  const double plain = std::sqrt(static_cast<double>(kernels.dot(v, v, size)));
  return is_plain(plain) ? plain : std::sqrt(dot_float64(v, v, size));
}

// `product` is the float32 a.b; it is replaced where it cannot be trusted.
inline float cosine(float product, double norm_a, double norm_b, const float* a, const float* b,
                    std::size_t size) noexcept {
  double cosine;
  if (is_plain(norm_a) && is_plain(norm_b)) {
    cosine = static_cast<double>(product) / (norm_a * norm_b);
  } else if ((norm_a == 0.0 && std::isfinite(norm_b)) || (norm_b == 0.0 && std::isfinite(norm_a))) {
    cosine = 0.0;
  } else {
    cosine = dot_float64(a, b, size) / (norm_a * norm_b);
  }
  return static_cast<float>(std::clamp(cosine, -1.0, 1.0));
}

// `squared` is the float32 sum of (a - b)^2; it is replaced where it cannot be trusted.
inline float distance(float squared, const float* a, const float* b, std::size_t size) noexcept {
  const double plain = std::sqrt(static_cast<double>(squared));
  return static_cast<float>(is_plain(plain) ? plain : distance_float64(a, b, size));
}

inline void require_same_size(std::size_t a, std::size_t b) {
  if (a != b) {
    throw std::invalid_argument("vectors of " + std::to_string(a) + " and of " + std::to_string(b) +
                                " dimensions cannot be compared");
  }
}

inline std::vector<double> row_norms(MatrixView<const float> rows) {
  const simd::Kernels& kernels = simd::kernels();
  std::vector<double> norms(rows.rows);
  for (std::size_t r = 0; r < rows.rows; ++r) norms[r] = norm(kernels, rows.row(r), rows.cols);
  return norms;
}

}  // namespace detail

inline RowScorer::RowScorer(Metric metric, MatrixView<const float> queries)
    : metric_(metric), queries_(queries), kernels_(&simd::kernels()) {
  detail::require_metric(metric_);
  if (metric_ == Metric::cosine) query_norms_ = detail::row_norms(queries);
}

inline double RowScorer::norm(std::span<const float> v) {
  return detail::norm(simd::kernels(), v.data(), v.size());
}

inline void RowScorer::score_rows(std::size_t first_query, MatrixView<const float> rows,
                                  const double* row_norms,
                                  MatrixView<float> scores) const noexcept {
  assert(rows.rows == 0 || rows.cols == queries_.cols);
  assert(scores.cols == rows.rows);
  const MatrixView<const float> queries = queries_.rows_from(first_query, scores.rows);
  const simd::RowTableCall call{.queries = queries.data,
                                .query_stride = queries.stride,
                                .num_queries = queries.rows,
                                .rows = rows.data,
                                .row_stride = rows.stride,
                                .num_rows = rows.rows,
                                .size = rows.cols,
                                .results = scores.data,
                                .result_stride = scores.stride};
  const auto replace_scores = [&](auto&& score) {
    for (std::size_t q = 0; q < scores.rows; ++q) {
      float* of_query = scores.row(q);
      for (std::size_t r = 0; r < rows.rows; ++r) {
        of_query[r] = score(of_query[r], q, queries.row(q), r, rows.row(r));
      }
    }
  };
  switch (metric_) {
    case Metric::cosine:
      kernels_->dot_table(call);
      replace_scores(
          [&](float product, std::size_t q, const float* a, std::size_t r, const float* b) {
            return detail::cosine(product, query_norms_[first_query + q], row_norms[r], a, b,
                                  rows.cols);
          });
      break;
    case Metric::dot: kernels_->dot_table(call); break;
    case Metric::euclidean:
      kernels_->squared_distance_table(call);
      replace_scores([&](float squared, std::size_t, const float* a, std::size_t, const float* b) {
        return -detail::distance(squared, a, b, rows.cols);
      });
      break;
    case Metric::manhattan:
      kernels_->absolute_distance_table(call);
      replace_scores(
          [](float sum, std::size_t, const float*, std::size_t, const float*) { return -sum; });
      break;
  }
}

}  // namespace semblance
