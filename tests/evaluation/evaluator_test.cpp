#include "semblance/evaluation/evaluator.h"

#include <gtest/gtest.h>

#include <map>

namespace semblance {
namespace {

const std::vector<ScoredPair> kPairs{
    {"a", "b", 1.0}, {"b", "c", 3.0}, {"a", "a", 5.0}, {"c", "d", 2.0}, {"a", "d", 0.0}};

// Vectors at chosen angles, so that cosines are known.
Tensor<float> encode_by_angle(std::span<const std::string_view> sentences) {
  const std::map<std::string_view, double> angles{{"a", 0.0}, {"b", 1.2}, {"c", 1.4}, {"d", 2.1}};
  Tensor<float> vectors(Shape{sentences.size(), 2});
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const double angle = angles.at(sentences[i]);
    vectors.matrix().row(i)[0] = static_cast<float>(3 * std::cos(angle));
    vectors.matrix().row(i)[1] = static_cast<float>(3 * std::sin(angle));
  }
  return vectors;
}

TEST(Evaluator, EncodesEachDistinctSentenceOnce) {
  std::vector<std::string> encoded;
  const auto evaluation = evaluate(kPairs, [&](std::span<const std::string_view> sentences) {
    encoded.insert(encoded.end(), sentences.begin(), sentences.end());
    return encode_by_angle(sentences);
  });
  EXPECT_EQ(encoded, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(evaluation.num_pairs, 5u);
  EXPECT_EQ(evaluation.num_sentences, 4u);
  EXPECT_GT(evaluation.encode_seconds, 0.0);
  EXPECT_NEAR(evaluation.sentences_per_second() * evaluation.encode_seconds, 4.0, 1e-9);
}

TEST(Evaluator, ScoresThePairsByTheirCosine) {
  const auto evaluation = evaluate(kPairs, encode_by_angle);
  const std::vector<double> cosines{std::cos(1.2), std::cos(0.2), 1.0, std::cos(0.7),
                                    std::cos(2.1)};
  ASSERT_EQ(evaluation.scores.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(evaluation.scores[i], cosines[i], 1e-6);
  // The angles rank as people did.
  EXPECT_NEAR(*evaluation.spearman, 1.0, 1e-12);
  EXPECT_NEAR(*evaluation.pearson, *pearson(cosines, std::vector<double>{1, 3, 5, 2, 0}), 1e-6);
  ASSERT_TRUE(evaluation.interval);
  EXPECT_LE(evaluation.interval->low, 1.0);
}

TEST(Evaluator, TakesAnotherMetric) {
  const auto evaluation = evaluate(kPairs, encode_by_angle, {.metric = Metric::euclidean});
  EXPECT_NEAR(evaluation.scores[0], -6 * std::sin(0.6), 1e-5);
  EXPECT_EQ(evaluation.scores[2], 0.0);
  EXPECT_NEAR(*evaluation.spearman, 1.0, 1e-12);
}

TEST(Evaluator, OfConstantScoresSaysThatThereIsNoCorrelation) {
  std::vector<ScoredPair> pairs = kPairs;
  for (auto& pair : pairs) pair.score = 4.0;
  const auto evaluation = evaluate(pairs, encode_by_angle);
  EXPECT_EQ(evaluation.spearman, std::nullopt);
  EXPECT_EQ(evaluation.pearson, std::nullopt);
  EXPECT_EQ(evaluation.interval, std::nullopt);
}

TEST(Evaluator, RefusesAnotherNumberOfVectors) {
  EXPECT_THROW(evaluate(kPairs,
                        [](std::span<const std::string_view> sentences) {
                          return encode_by_angle(sentences.first(3));
                        }),
               std::invalid_argument);
}

}  // namespace
}  // namespace semblance
