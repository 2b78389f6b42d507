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

// Scores of one query against many rows. Every score of float32 vectors in this room comes from
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
  // The query is not copied: [size] floats that outlive the scorer. Throws std::invalid_argument
  // for a number that is no metric.
  RowScorer(Metric metric, std::span<const float> query);

  // |v|; the square root of the float32 tree sum where that is safe.
  static double norm(std::span<const float> v);

  // scores[r] = score(query, row r). Cosine needs the norms of the rows, [rows.rows]; the others
  // ignore them.
  //   rows [num_rows, size]
  void score_rows(MatrixView<const float> rows, const double* row_norms,
                  float* scores) const noexcept;

 private:
  Metric metric_;
  std::span<const float> query_;
  const simd::Kernels& kernels_;
  double query_norm_ = 0.0;
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

inline float distance(const simd::Kernels& kernels, const float* a, const float* b,
                      std::size_t size) noexcept {
  const double plain = std::sqrt(static_cast<double>(kernels.squared_distance(a, b, size)));
  return static_cast<float>(is_plain(plain) ? plain : distance_float64(a, b, size));
}

inline void require_same_size(std::size_t a, std::size_t b) {
  if (a != b) {
    throw std::invalid_argument("vectors of " + std::to_string(a) + " and of " + std::to_string(b) +
                                " dimensions cannot be compared");
  }
}

}  // namespace detail

inline RowScorer::RowScorer(Metric metric, std::span<const float> query)
    : metric_(metric), query_(query), kernels_(simd::kernels()) {
  detail::require_metric(metric_);
  if (metric_ == Metric::cosine) query_norm_ = norm(query);
}

inline double RowScorer::norm(std::span<const float> v) {
  return detail::norm(simd::kernels(), v.data(), v.size());
}

namespace detail {

inline std::vector<double> row_norms(MatrixView<const float> rows) {
  const simd::Kernels& kernels = simd::kernels();
  std::vector<double> norms(rows.rows);
  for (std::size_t r = 0; r < rows.rows; ++r) norms[r] = norm(kernels, rows.row(r), rows.cols);
  return norms;
}

}  // namespace detail

inline void RowScorer::score_rows(MatrixView<const float> rows, const double* row_norms,
                                  float* scores) const noexcept {
  assert(rows.rows == 0 || rows.cols == query_.size());
  const float* query = query_.data();
  const std::size_t size = query_.size();
  if (metric_ == Metric::euclidean) {
    for (std::size_t r = 0; r < rows.rows; ++r) {
      scores[r] = -detail::distance(kernels_, query, rows.row(r), size);
    }
    return;
  }
  if (metric_ == Metric::manhattan) {
    for (std::size_t r = 0; r < rows.rows; ++r) {
      scores[r] = -kernels_.absolute_distance(query, rows.row(r), size);
    }
    return;
  }
  kernels_.dot_rows(query, rows.data, rows.stride, rows.rows, size, scores);
  if (metric_ == Metric::dot) return;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    scores[r] = detail::cosine(scores[r], query_norm_, row_norms[r], query, rows.row(r), size);
  }
}

}  // namespace semblance
