#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor.h"

namespace semblance::test {

// Normal values; the same on every run.
inline Tensor<float> random_rows(std::size_t num_rows, std::size_t size, std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  Tensor<float> rows(Shape{num_rows, size});
  for (float& value : rows.values()) value = normal(engine);
  return rows;
}

// Small whole numbers: every product and sum is exact, so ties are ties.
inline Tensor<float> random_whole_rows(std::size_t num_rows, std::size_t size, std::uint32_t seed) {
  std::mt19937 engine(seed);
  Tensor<float> rows(Shape{num_rows, size});
  for (float& value : rows.values()) value = static_cast<float>(engine() % 5) - 2.0f;
  return rows;
}

inline double score64(Metric metric, std::span<const float> a, std::span<const float> b) {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  double distance = 0.0;
  double absolute = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    ab += x * y;
    aa += x * x;
    bb += y * y;
    distance += (x - y) * (x - y);
    absolute += std::fabs(x - y);
  }
  if (metric == Metric::dot) return ab;
  if (metric == Metric::euclidean) return -std::sqrt(distance);
  if (metric == Metric::manhattan) return -absolute;
  return aa == 0.0 || bb == 0.0 ? 0.0 : ab / (std::sqrt(aa) * std::sqrt(bb));
}

// All rows, best first, equal scores by row number.
inline std::vector<std::pair<std::size_t, double>> ranking64(Metric metric,
                                                             std::span<const float> query,
                                                             MatrixView<const float> rows) {
  std::vector<std::pair<std::size_t, double>> ranking;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    ranking.emplace_back(r, score64(metric, query, rows.row_span(r)));
  }
  std::stable_sort(ranking.begin(), ranking.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranking;
}

inline constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::euclidean,
                                      Metric::manhattan};

}  // namespace semblance::test
