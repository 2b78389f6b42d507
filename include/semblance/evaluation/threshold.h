#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

namespace semblance {

// What a system says of a pair, and whether the pair is in truth the same.
struct LabelledScore {
  double score = 0.0;
  bool same = false;
};

// The best rules "same when score >= threshold" on labelled pairs.
struct ThresholdCalibration {
  double accuracy = 0.0;
  double accuracy_threshold = 0.0;
  double f1 = 0.0;  // 2 precision recall / (precision + recall); 0 when no pair is the same
  double f1_threshold = 0.0;
  double f1_precision = 0.0;
  double f1_recall = 0.0;
};

// Tries every way to part the scores: a threshold never falls between equal scores, and all pairs
// or none may be called the same. Where several do equally well, the highest threshold is taken. It
// lies halfway between the two scores it parts; just above the highest score for none, at the
// lowest for all. Throws std::invalid_argument without pairs and for a score that is not finite.
ThresholdCalibration calibrate_threshold(std::span<const LabelledScore> pairs);

namespace detail {

// Above `low`, at most `high`.
inline double threshold_between(double low, double high) noexcept {
  const double middle = low / 2.0 + high / 2.0;
  return middle > low && middle <= high ? middle : high;
}

}  // namespace detail

inline ThresholdCalibration calibrate_threshold(std::span<const LabelledScore> pairs) {
  if (pairs.empty()) throw std::invalid_argument("calibrate_threshold: no pairs");
  for (const LabelledScore& pair : pairs) {
    if (!std::isfinite(pair.score)) {
      throw std::invalid_argument("calibrate_threshold: a score is not finite");
    }
  }
  std::vector<LabelledScore> falling(pairs.begin(), pairs.end());
  std::sort(falling.begin(), falling.end(),
            [](const LabelledScore& a, const LabelledScore& b) { return a.score > b.score; });
  std::size_t num_same = 0;
  for (const LabelledScore& pair : falling) num_same += pair.same;
  const std::size_t num_different = falling.size() - num_same;

  // Whole numbers decide, so equals are equal: pairs rightly judged; and the fraction
  // 2 true_positives / (called + num_same), which is F1.
  const double none =
      std::nextafter(falling.front().score, std::numeric_limits<double>::infinity());
  std::size_t best_right = num_different;
  std::size_t best_hits = 0;
  std::size_t best_called = 0;
  ThresholdCalibration best{.accuracy_threshold = none, .f1_threshold = none};
  std::size_t hits = 0;
  for (std::size_t called = 1; called <= falling.size(); ++called) {
    hits += falling[called - 1].same;
    const double score = falling[called - 1].score;
    if (called < falling.size() && falling[called].score == score) continue;
    const double threshold =
        called < falling.size() ? detail::threshold_between(falling[called].score, score) : score;
    const std::size_t right = hits + (num_different - (called - hits));
    if (right > best_right) {
      best_right = right;
      best.accuracy_threshold = threshold;
    }
    if (hits * (best_called + num_same) > best_hits * (called + num_same)) {
      best_hits = hits;
      best_called = called;
      best.f1_threshold = threshold;
    }
  }
  const auto ratio = [](std::size_t part, std::size_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  best.accuracy = ratio(best_right, falling.size());
  best.f1 = ratio(2 * best_hits, best_called + num_same);
  best.f1_precision = ratio(best_hits, best_called);
  best.f1_recall = ratio(best_hits, num_same);
  return best;
}

}  // namespace semblance
