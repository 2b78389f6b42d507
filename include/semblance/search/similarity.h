#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/search/metric.h"
#include "semblance/search/row_blocks.h"
#include "semblance/search/row_scores.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Two vectors [size]. All are symmetric to the bit; see RowScorer for the numeric contract.
// Throws std::invalid_argument when the sizes differ.

// In [-1, 1]; 0 when either vector is zero or both are empty.
float cosine_similarity(std::span<const float> a, std::span<const float> b);
float dot_product(std::span<const float> a, std::span<const float> b);
// At least 0.
float euclidean_distance(std::span<const float> a, std::span<const float> b);
float manhattan_distance(std::span<const float> a, std::span<const float> b);
// Of the metric: larger is better, so those of distances are negated.
float similarity(std::span<const float> a, std::span<const float> b,
                 Metric metric = Metric::cosine);

// Tables over rows: entry (i, j) has the bits of the pair (row i of a, row j of b).
//   a       [num_a, size]
//   b       [num_b, size]
//   result  [num_a, num_b]
// Rows of `a` are shared out over the executor; without one the calling thread does all.
Tensor<float> cosine_similarity(MatrixView<const float> a, MatrixView<const float> b,
                                Executor* executor = nullptr);
Tensor<float> dot_product(MatrixView<const float> a, MatrixView<const float> b,
                          Executor* executor = nullptr);
Tensor<float> euclidean_distance(MatrixView<const float> a, MatrixView<const float> b,
                                 Executor* executor = nullptr);
Tensor<float> manhattan_distance(MatrixView<const float> a, MatrixView<const float> b,
                                 Executor* executor = nullptr);
Tensor<float> similarity(MatrixView<const float> a, MatrixView<const float> b,
                         Metric metric = Metric::cosine, Executor* executor = nullptr);

namespace detail {

inline Tensor<float> negated(Tensor<float> table) noexcept {
  for (float& value : table.values()) value = -value;
  return table;
}

}  // namespace detail

inline float cosine_similarity(std::span<const float> a, std::span<const float> b) {
  detail::require_same_size(a.size(), b.size());
  const simd::Kernels& kernels = simd::kernels();
  return detail::cosine(kernels.dot(a.data(), b.data(), a.size()),
                        detail::norm(kernels, a.data(), a.size()),
                        detail::norm(kernels, b.data(), b.size()), a.data(), b.data(), a.size());
}

inline float dot_product(std::span<const float> a, std::span<const float> b) {
  detail::require_same_size(a.size(), b.size());
  return simd::kernels().dot(a.data(), b.data(), a.size());
}

inline float euclidean_distance(std::span<const float> a, std::span<const float> b) {
  detail::require_same_size(a.size(), b.size());
  return detail::distance(simd::kernels().squared_distance(a.data(), b.data(), a.size()), a.data(),
                          b.data(), a.size());
}

inline float manhattan_distance(std::span<const float> a, std::span<const float> b) {
  detail::require_same_size(a.size(), b.size());
  return simd::kernels().absolute_distance(a.data(), b.data(), a.size());
}

inline float similarity(std::span<const float> a, std::span<const float> b, Metric metric) {
  detail::require_metric(metric);
  if (metric == Metric::dot) return dot_product(a, b);
  if (metric == Metric::euclidean) return -euclidean_distance(a, b);
  if (metric == Metric::manhattan) return -manhattan_distance(a, b);
  return cosine_similarity(a, b);
}

inline Tensor<float> similarity(MatrixView<const float> a, MatrixView<const float> b, Metric metric,
                                Executor* executor) {
  if (a.rows != 0 && b.rows != 0) detail::require_same_size(a.cols, b.cols);
  Tensor<float> table(Shape{a.rows, b.rows});
  const auto norms = metric == Metric::cosine ? detail::row_norms(b) : std::vector<double>();
  const std::size_t block = detail::rows_per_block(b.cols * sizeof(float));
  constexpr std::size_t kRowsPerTask = 32;
  const auto fill = [&](std::size_t task) {
    const std::size_t begin = task * kRowsPerTask;
    const std::size_t end = std::min(begin + kRowsPerTask, a.rows);
    const RowScorer scorer(metric, a.rows_from(begin, end - begin));
    for (std::size_t first = 0; first < b.rows; first += block) {
      const auto rows = b.rows_from(first, std::min(block, b.rows - first));
      scorer.score_rows(0, rows, norms.empty() ? nullptr : norms.data() + first,
                        {table.matrix().row(begin) + first, end - begin, rows.rows, b.rows});
    }
  };
  const std::size_t num_tasks = (a.rows + kRowsPerTask - 1) / kRowsPerTask;
  InlineExecutor here;
  (executor != nullptr ? *executor : here).run(num_tasks, fill);
  return table;
}

inline Tensor<float> cosine_similarity(MatrixView<const float> a, MatrixView<const float> b,
                                       Executor* executor) {
  return similarity(a, b, Metric::cosine, executor);
}

inline Tensor<float> dot_product(MatrixView<const float> a, MatrixView<const float> b,
                                 Executor* executor) {
  return similarity(a, b, Metric::dot, executor);
}

inline Tensor<float> euclidean_distance(MatrixView<const float> a, MatrixView<const float> b,
                                        Executor* executor) {
  return detail::negated(similarity(a, b, Metric::euclidean, executor));
}

inline Tensor<float> manhattan_distance(MatrixView<const float> a, MatrixView<const float> b,
                                        Executor* executor) {
  return detail::negated(similarity(a, b, Metric::manhattan, executor));
}

}  // namespace semblance
