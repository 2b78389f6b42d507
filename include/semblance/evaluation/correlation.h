#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace semblance {

// All in float64. A correlation lies in [-1, 1]; there is none (std::nullopt, never NaN) for fewer
// than two pairs, when one side is constant, or when a value is not finite.
// Throws std::invalid_argument when the sizes differ.

// Covariance over the product of the standard deviations.
std::optional<double> pearson(std::span<const double> x, std::span<const double> y);
// Pearson correlation of the fractional ranks, so ties count as in scipy.stats.spearmanr.
std::optional<double> spearman(std::span<const double> x, std::span<const double> y);

// Ranks from 1; equal values share the mean of the ranks that they take up. NaN is not allowed.
std::vector<double> fractional_ranks(std::span<const double> values);

namespace detail {

inline void require_pairs(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) {
    throw std::invalid_argument("correlation of " + std::to_string(x.size()) + " values with " +
                                std::to_string(y.size()));
  }
}

inline bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

inline bool all_equal(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values.front(); });
}

// Row numbers by rising value, equal values by number.
inline std::vector<std::size_t> rising_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] < values[b] || (values[a] == values[b] && a < b);
  });
  return order;
}

// Scaled by a power of two to magnitudes up to 1, so that nothing overflows, less the mean, and
// scaled again so that no square underflows.
inline std::vector<double> centred(std::span<const double> values) {
  double largest = 0.0;
  for (const double v : values) largest = std::max(largest, std::fabs(v));
  const int exponent = largest > 0.0 ? std::ilogb(largest) + 1 : 0;
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = std::scalbn(values[i], -exponent);
  // The second round takes away what rounding left of the mean where the values hardly differ.
  for (int round = 0; round < 2; ++round) {
    double mean = 0.0;
    for (const double v : result) mean += v;
    mean /= static_cast<double>(result.size());
    for (double& v : result) v -= mean;
  }
  largest = 0.0;
  for (const double v : result) largest = std::max(largest, std::fabs(v));
  for (double& v : result) v /= largest;
  return result;
}

}  // namespace detail

inline std::vector<double> fractional_ranks(std::span<const double> values) {
  const std::vector<std::size_t> order = detail::rising_order(values);
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    // Ranks begin + 1 ... end; their mean is a multiple of one half.
    const double rank = static_cast<double>(begin + 1 + end) / 2.0;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

inline std::optional<double> pearson(std::span<const double> x, std::span<const double> y) {
  detail::require_pairs(x, y);
  if (x.size() < 2 || !detail::all_finite(x) || !detail::all_finite(y) || detail::all_equal(x) ||
      detail::all_equal(y)) {
    return std::nullopt;
  }
  const std::vector<double> a = detail::centred(x);
  const std::vector<double> b = detail::centred(y);
  double aa = 0.0;
  double bb = 0.0;
  double ab = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    ab += a[i] * b[i];
  }
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

inline std::optional<double> spearman(std::span<const double> x, std::span<const double> y) {
  detail::require_pairs(x, y);
  if (!detail::all_finite(x) || !detail::all_finite(y)) return std::nullopt;
  return pearson(fractional_ranks(x), fractional_ranks(y));
}

}  // namespace semblance
