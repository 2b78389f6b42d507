#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include "semblance/core/function_ref.h"
#include "semblance/evaluation/correlation.h"

namespace semblance {

struct BootstrapOptions {
  std::size_t num_resamples = 1000;
  double confidence = 0.95;  // in (0, 1)
  std::uint64_t seed = 0;
};

struct ConfidenceInterval {
  double low = 0.0;
  double high = 0.0;
  // Resamples that had a value; the others (a correlation of constant values) are left out.
  std::size_t num_defined = 0;
};

// How system B compares with system A on the same pairs.
struct PairedComparison {
  double difference = 0.0;        // B - A on the pairs themselves
  ConfidenceInterval interval;    // of the difference
  double share_not_better = 0.0;  // of the resamples in which B - A <= 0: a one-sided p-value
};

// Percentile bootstrap (Efron 1979): values are resampled with replacement, as many as there are;
// the interval runs between percentiles of the statistic, interpolated linearly. The same seed
// gives the same resamples on every machine. Throws std::invalid_argument for a confidence outside
// (0, 1). std::nullopt when no resample has a value.
//
// statistic(counts): counts [num_values] says how often each value was drawn.
std::optional<ConfidenceInterval> bootstrap_interval(
    std::size_t num_values,
    FunctionRef<std::optional<double>(std::span<const std::uint32_t>)> statistic,
    const BootstrapOptions& options = {});

// The interval of spearman(x, y) over resampled pairs; each resample is ranked anew, in O(n).
// Throws std::invalid_argument for unequal sizes too.
std::optional<ConfidenceInterval> spearman_interval(std::span<const double> x,
                                                    std::span<const double> y,
                                                    const BootstrapOptions& options = {});

// Compares the Spearman correlations of two systems with the same gold scores, on resamples that
// both share. std::nullopt when a correlation is undefined. Throws std::invalid_argument for
// unequal sizes too.
std::optional<PairedComparison> compare_spearman(std::span<const double> gold,
                                                 std::span<const double> system_a,
                                                 std::span<const double> system_b,
                                                 const BootstrapOptions& options = {});

namespace detail {

class Resampler {
 public:
  Resampler(std::size_t num_values, std::uint64_t seed) : engine_(seed), counts_(num_values) {
    if (num_values > std::numeric_limits<std::uint32_t>::max()) {
      throw std::invalid_argument("bootstrap: too many values");
    }
  }

  std::span<const std::uint32_t> next() {
    std::fill(counts_.begin(), counts_.end(), 0);
    for (std::size_t i = 0; i < counts_.size(); ++i) ++counts_[below(counts_.size())];
    return counts_;
  }

 private:
  // Uniform in [0, limit), limit < 2^32 (Lemire 2019); std::uniform_int_distribution would differ
  // from one standard library to another.
  std::size_t below(std::uint64_t limit) {
    std::uint64_t product = (engine_() >> 32) * limit;
    if ((product & 0xFFFFFFFF) < limit) {
      const std::uint64_t rejected = (std::uint64_t{1} << 32) % limit;
      while ((product & 0xFFFFFFFF) < rejected) product = (engine_() >> 32) * limit;
    }
    return static_cast<std::size_t>(product >> 32);
  }

  std::mt19937_64 engine_;
  std::vector<std::uint32_t> counts_;
};

// Ranks of a resample, less their mean, from one sort of the values.
class ResampledRanks {
 public:
  explicit ResampledRanks(std::span<const double> values)
      : order_(rising_order(values)), ranks_(values.size()) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (i + 1 == order_.size() || values[order_[i]] != values[order_[i + 1]]) {
        group_ends_.push_back(i + 1);
      }
    }
  }

  // Twice the centred fractional rank of each value, an integer; what was not drawn has any.
  std::span<const double> of(std::span<const std::uint32_t> counts) {
    const auto total = static_cast<std::int64_t>(counts.size());
    std::int64_t before = 0;
    std::size_t begin = 0;
    for (const std::size_t end : group_ends_) {
      std::int64_t drawn = 0;
      for (std::size_t i = begin; i < end; ++i) drawn += counts[order_[i]];
      const auto rank = static_cast<double>(2 * before + drawn - total);
      for (std::size_t i = begin; i < end; ++i) ranks_[order_[i]] = rank;
      before += drawn;
      begin = end;
    }
    return ranks_;
  }

 private:
  std::vector<std::size_t> order_;
  std::vector<std::size_t> group_ends_;
  std::vector<double> ranks_;
};

inline std::optional<double> correlation_of_centred(std::span<const double> x,
                                                    std::span<const double> y,
                                                    std::span<const std::uint32_t> counts) {
  double xx = 0.0;
  double yy = 0.0;
  double xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double count = counts[i];
    xx += count * x[i] * x[i];
    yy += count * y[i] * y[i];
    xy += count * x[i] * y[i];
  }
  if (xx == 0.0 || yy == 0.0) return std::nullopt;
  return std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
}

// Of sorted values, not empty; linear between the two nearest (numpy's default).
inline double percentile(std::span<const double> sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

}  // namespace detail

inline std::optional<ConfidenceInterval> bootstrap_interval(
    std::size_t num_values,
    FunctionRef<std::optional<double>(std::span<const std::uint32_t>)> statistic,
    const BootstrapOptions& options) {
  if (!(options.confidence > 0.0 && options.confidence < 1.0)) {
    throw std::invalid_argument("bootstrap: the confidence must lie between 0 and 1");
  }
  detail::Resampler resampler(num_values, options.seed);
  std::vector<double> values;
  for (std::size_t i = 0; i < options.num_resamples; ++i) {
    if (const auto value = statistic(resampler.next())) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const double tail = (1.0 - options.confidence) / 2.0;
  return ConfidenceInterval{.low = detail::percentile(values, tail),
                            .high = detail::percentile(values, 1.0 - tail),
                            .num_defined = values.size()};
}

inline std::optional<ConfidenceInterval> spearman_interval(std::span<const double> x,
                                                           std::span<const double> y,
                                                           const BootstrapOptions& options) {
  if (!spearman(x, y)) return std::nullopt;
  detail::ResampledRanks x_ranks(x);
  detail::ResampledRanks y_ranks(y);
  return bootstrap_interval(
      x.size(),
      [&](std::span<const std::uint32_t> counts) {
        return detail::correlation_of_centred(x_ranks.of(counts), y_ranks.of(counts), counts);
      },
      options);
}

inline std::optional<PairedComparison> compare_spearman(std::span<const double> gold,
                                                        std::span<const double> system_a,
                                                        std::span<const double> system_b,
                                                        const BootstrapOptions& options) {
  const auto a = spearman(gold, system_a);
  const auto b = spearman(gold, system_b);
  if (!a || !b) return std::nullopt;
  detail::ResampledRanks gold_ranks(gold);
  detail::ResampledRanks a_ranks(system_a);
  detail::ResampledRanks b_ranks(system_b);
  std::size_t not_better = 0;
  const auto interval = bootstrap_interval(
      gold.size(),
      [&](std::span<const std::uint32_t> counts) -> std::optional<double> {
        const auto of_gold = gold_ranks.of(counts);
        const auto with_a = detail::correlation_of_centred(of_gold, a_ranks.of(counts), counts);
        const auto with_b = detail::correlation_of_centred(of_gold, b_ranks.of(counts), counts);
        if (!with_a || !with_b) return std::nullopt;
        if (*with_b <= *with_a) ++not_better;
        return *with_b - *with_a;
      },
      options);
  if (!interval) return std::nullopt;
  return PairedComparison{.difference = *b - *a,
                          .interval = *interval,
                          .share_not_better = static_cast<double>(not_better) /
                                              static_cast<double>(interval->num_defined)};
}

}  // namespace semblance
