#include "semblance/evaluation/threshold.h"

#include <gtest/gtest.h>

#include <random>

namespace semblance {
namespace {

struct Judged {
  double accuracy;
  double f1;
};

Judged judge(const std::vector<LabelledScore>& pairs, double threshold) {
  double right = 0;
  double hits = 0;
  double called = 0;
  double same = 0;
  for (const auto& pair : pairs) {
    const bool says_same = pair.score >= threshold;
    right += says_same == pair.same;
    hits += says_same && pair.same;
    called += says_same;
    same += pair.same;
  }
  return {right / static_cast<double>(pairs.size()),
          called + same == 0 ? 0 : 2 * hits / (called + same)};
}

TEST(Threshold, LiesHalfwayBetweenTheScoresItParts) {
  const auto best = calibrate_threshold(
      std::vector<LabelledScore>{{0.9, true}, {0.8, true}, {0.4, false}, {0.1, false}});
  EXPECT_EQ(best.accuracy, 1.0);
  EXPECT_DOUBLE_EQ(best.accuracy_threshold, 0.6);
  EXPECT_EQ(best.f1, 1.0);
  EXPECT_DOUBLE_EQ(best.f1_threshold, 0.6);
  EXPECT_EQ(best.f1_precision, 1.0);
  EXPECT_EQ(best.f1_recall, 1.0);
}

TEST(Threshold, NoOtherDoesBetterAndTheFiguresAreItsOwn) {
  std::mt19937 engine(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<LabelledScore> pairs(1 + engine() % 30);
    const auto levels = static_cast<double>(1 + engine() % 12);  // many ties in the rounds with few
    for (auto& pair : pairs) {
      pair.score = std::floor(static_cast<double>(engine() % 100) / 100.0 * levels) / levels;
      pair.same = static_cast<double>(engine() % 10) < 3 + 6 * pair.score;
    }
    const auto best = calibrate_threshold(pairs);
    EXPECT_DOUBLE_EQ(judge(pairs, best.accuracy_threshold).accuracy, best.accuracy);
    EXPECT_DOUBLE_EQ(judge(pairs, best.f1_threshold).f1, best.f1);
    if (best.f1 > 0) {
      EXPECT_NEAR(2 / (1 / best.f1_precision + 1 / best.f1_recall), best.f1, 1e-12);
    }
    for (double threshold = -0.01; threshold < 1.02; threshold += 0.01) {
      EXPECT_LE(judge(pairs, threshold).accuracy, best.accuracy + 1e-12);
      EXPECT_LE(judge(pairs, threshold).f1, best.f1 + 1e-12);
      // Of equals the highest.
      if (judge(pairs, threshold).accuracy >= best.accuracy - 1e-12) {
        std::size_t between = 0;
        for (const auto& pair : pairs) {
          between += pair.score >= best.accuracy_threshold && pair.score < threshold;
        }
        EXPECT_EQ(between, 0u);
      }
    }
  }
}

TEST(Threshold, NeverFallsBetweenEqualScores) {
  // Cut anywhere inside the tie it would be perfect; the tie stays whole.
  const auto best = calibrate_threshold(std::vector<LabelledScore>{
      {0.5, true}, {0.5, true}, {0.5, true}, {0.5, false}, {0.2, false}});
  EXPECT_DOUBLE_EQ(best.accuracy, 0.8);
  EXPECT_DOUBLE_EQ(best.accuracy_threshold, 0.35);
}

TEST(Threshold, PartsNeighbouringNumbers) {
  const double low = 0.5;
  const double high = std::nextafter(low, 1.0);
  const auto best = calibrate_threshold(std::vector<LabelledScore>{{low, false}, {high, true}});
  EXPECT_EQ(best.accuracy, 1.0);
  EXPECT_EQ(best.accuracy_threshold, high);
}

TEST(Threshold, MayCallAllOrNoneTheSame) {
  const auto all = calibrate_threshold(std::vector<LabelledScore>{{0.3, true}, {0.2, true}});
  EXPECT_EQ(all.accuracy, 1.0);
  EXPECT_EQ(all.accuracy_threshold, 0.2);
  EXPECT_EQ(all.f1, 1.0);
  const auto none = calibrate_threshold(std::vector<LabelledScore>{{0.3, false}, {0.2, false}});
  EXPECT_EQ(none.accuracy, 1.0);
  EXPECT_GT(none.accuracy_threshold, 0.3);
  EXPECT_EQ(none.f1, 0.0);
}

TEST(Threshold, RefusesNoPairsAndScoresThatAreNotFinite) {
  EXPECT_THROW(calibrate_threshold({}), std::invalid_argument);
  EXPECT_THROW(calibrate_threshold(std::vector<LabelledScore>{{std::nan(""), true}}),
               std::invalid_argument);
}

}  // namespace
}  // namespace semblance
