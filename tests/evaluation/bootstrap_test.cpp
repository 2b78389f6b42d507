#include "semblance/evaluation/bootstrap.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

namespace semblance {
namespace {

using Values = std::vector<double>;
using Counts = std::span<const std::uint32_t>;

struct Sample {
  Values x;
  Values y;
};

// y is x and noise, in `levels` steps: the correlation grows as the noise falls.
Sample correlated(std::size_t n, double noise, int levels, std::uint32_t seed) {
  std::mt19937 engine(seed);
  Sample sample;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = static_cast<double>(engine() % 1000) / 1000.0;
    const double error = static_cast<double>(engine() % 1000) / 1000.0 - 0.5;
    sample.x.push_back(x);
    sample.y.push_back(std::floor((x + noise * error) * levels));
  }
  return sample;
}

TEST(Bootstrap, ResamplesDrawAsManyAsThereAreAndEachAlike) {
  detail::Resampler resampler(7, 3);
  std::vector<double> drawn(7);
  constexpr int kResamples = 20000;
  for (int i = 0; i < kResamples; ++i) {
    const Counts counts = resampler.next();
    ASSERT_EQ(std::accumulate(counts.begin(), counts.end(), 0u), 7u);
    for (std::size_t v = 0; v < 7; ++v) drawn[v] += counts[v];
  }
  // Mean 20,000, standard deviation 131.
  for (const double count : drawn) EXPECT_NEAR(count, kResamples, 600);
}

TEST(Bootstrap, TheSameSeedGivesTheSameResamplesOnEveryMachine) {
  detail::Resampler resampler(10, 42);
  const Counts counts = resampler.next();
  EXPECT_EQ(std::vector<std::uint32_t>(counts.begin(), counts.end()),
            (std::vector<std::uint32_t>{1, 1, 1, 2, 0, 1, 1, 2, 0, 1}));
}

TEST(Bootstrap, ResampledRanksAreTheRanksOfTheDrawnValues) {
  const Sample sample = correlated(50, 1.0, 4, 1);
  detail::Resampler resampler(50, 9);
  detail::ResampledRanks x_ranks(sample.x);
  detail::ResampledRanks y_ranks(sample.y);
  for (int i = 0; i < 200; ++i) {
    const Counts counts = resampler.next();
    Values x;
    Values y;
    for (std::size_t v = 0; v < 50; ++v) {
      x.insert(x.end(), counts[v], sample.x[v]);
      y.insert(y.end(), counts[v], sample.y[v]);
    }
    const auto correlation =
        detail::correlation_of_centred(x_ranks.of(counts), y_ranks.of(counts), counts);
    ASSERT_TRUE(correlation);
    EXPECT_NEAR(*correlation, *spearman(x, y), 1e-13);
  }
}

TEST(Bootstrap, IntervalOfAMeanIsThatOfTheNormalApproximation) {
  Values values(400);
  std::mt19937 engine(5);
  for (double& v : values) v = static_cast<double>(engine() % 1000);
  const auto mean = [&](Counts counts) -> std::optional<double> {
    double sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += counts[i] * values[i];
    return sum / static_cast<double>(values.size());
  };
  const std::vector<std::uint32_t> once(400, 1);
  const double centre = *mean(once);
  double variance = 0.0;
  for (const double v : values) variance += (v - centre) * (v - centre) / 400.0;
  const double error = std::sqrt(variance / 400.0);
  const auto interval = bootstrap_interval(400, mean, {.num_resamples = 20000});
  ASSERT_TRUE(interval);
  EXPECT_EQ(interval->num_defined, 20000u);
  EXPECT_NEAR(interval->low, centre - 1.96 * error, 0.1 * error);
  EXPECT_NEAR(interval->high, centre + 1.96 * error, 0.1 * error);
  const auto narrower = bootstrap_interval(400, mean, {.num_resamples = 20000, .confidence = 0.5});
  EXPECT_NEAR(narrower->high, centre + 0.674 * error, 0.1 * error);
}

TEST(Bootstrap, PercentilesAreInterpolatedLikeNumpys) {
  const Values sorted{1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(detail::percentile(sorted, 0.0), 1);
  EXPECT_DOUBLE_EQ(detail::percentile(sorted, 0.5), 3);
  EXPECT_DOUBLE_EQ(detail::percentile(sorted, 0.9), 6.8);
  EXPECT_DOUBLE_EQ(detail::percentile(sorted, 1.0), 8);
}

TEST(Bootstrap, SpearmanIntervalHoldsTheCorrelationAndNarrowsWithMorePairs) {
  const Sample few = correlated(60, 1.0, 5, 2);
  const Sample many = correlated(2000, 1.0, 5, 3);
  const auto wide = spearman_interval(few.x, few.y);
  const auto narrow = spearman_interval(many.x, many.y);
  ASSERT_TRUE(wide && narrow);
  EXPECT_LT(wide->low, *spearman(few.x, few.y));
  EXPECT_GT(wide->high, *spearman(few.x, few.y));
  EXPECT_LT(narrow->low, *spearman(many.x, many.y));
  EXPECT_GT(narrow->high, *spearman(many.x, many.y));
  EXPECT_LT(narrow->high - narrow->low, (wide->high - wide->low) / 3);
}

TEST(Bootstrap, TheSeedDecidesTheInterval) {
  const Sample sample = correlated(100, 1.0, 5, 2);
  const auto first = spearman_interval(sample.x, sample.y, {.seed = 1});
  const auto again = spearman_interval(sample.x, sample.y, {.seed = 1});
  const auto other = spearman_interval(sample.x, sample.y, {.seed = 2});
  EXPECT_EQ(first->low, again->low);
  EXPECT_EQ(first->high, again->high);
  EXPECT_NE(first->low, other->low);
}

TEST(Bootstrap, ResamplesWithoutAValueAreLeftOut) {
  // One pair of three differs: a resample without it, or of it alone, is constant.
  const Values x{1, 2, 3};
  const Values y{0, 0, 1};
  const auto interval = spearman_interval(x, y);
  ASSERT_TRUE(interval);
  EXPECT_LT(interval->num_defined, 800u);
  EXPECT_GT(interval->num_defined, 500u);
  EXPECT_EQ(spearman_interval(x, Values{1, 1, 1}), std::nullopt);
  EXPECT_EQ(bootstrap_interval(3, [](Counts) { return std::optional<double>(); }), std::nullopt);
}

TEST(Bootstrap, PairedComparisonSeesASmallButSteadyDifference) {
  const Sample sample = correlated(800, 1.2, 5, 2);
  Values slightly_worse = sample.x;
  std::mt19937 engine(6);
  for (double& v : slightly_worse) v += 0.6 * (static_cast<double>(engine() % 1000) / 1000.0);
  const auto better = compare_spearman(sample.y, slightly_worse, sample.x);
  ASSERT_TRUE(better);
  EXPECT_GT(better->difference, 0.0);
  EXPECT_GT(better->interval.low, 0.0);
  EXPECT_LT(better->share_not_better, 0.025);
  const auto worse = compare_spearman(sample.y, sample.x, slightly_worse);
  EXPECT_DOUBLE_EQ(worse->difference, -better->difference);
  EXPECT_LT(worse->interval.high, 0.0);
  EXPECT_GT(worse->share_not_better, 0.975);
  const auto same = compare_spearman(sample.y, sample.x, sample.x);
  EXPECT_EQ(same->difference, 0.0);
  EXPECT_EQ(same->interval.low, 0.0);
  EXPECT_EQ(same->interval.high, 0.0);
  EXPECT_EQ(same->share_not_better, 1.0);
  // The pairs shared, the interval is narrower than the two systems' own together.
  const auto own = spearman_interval(sample.x, sample.y);
  EXPECT_LT(better->interval.high - better->interval.low, own->high - own->low);
}

TEST(Bootstrap, RefusesAConfidenceThatIsNone) {
  const Values x{1, 2, 3};
  for (const double confidence : {0.0, 1.0, -1.0, std::nan("")}) {
    EXPECT_THROW(spearman_interval(x, x, {.confidence = confidence}), std::invalid_argument);
  }
}

}  // namespace
}  // namespace semblance
