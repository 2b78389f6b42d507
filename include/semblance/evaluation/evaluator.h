#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "semblance/evaluation/bootstrap.h"
#include "semblance/evaluation/correlation.h"
#include "semblance/evaluation/score_file.h"
#include "semblance/search/similarity.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// The sentences of a test set, each once, in order of first appearance; the views look into the
// pairs they came from.
struct DistinctSentences {
  struct Pair {
    std::size_t first = 0;  // numbers into `sentences`
    std::size_t second = 0;
  };
  std::vector<std::string_view> sentences;
  std::vector<Pair> pairs;
};

struct EvaluationOptions {
  Metric metric = Metric::cosine;
  BootstrapOptions bootstrap = {};
};

// How well a system's scores agree with people's on one test set.
struct Evaluation {
  std::size_t num_pairs = 0;
  std::size_t num_sentences = 0;  // distinct ones: what was encoded
  // In [-1, 1]; empty where undefined, which is when the scores of one side are constant.
  std::optional<double> spearman;
  std::optional<double> pearson;
  std::optional<ConfidenceInterval> interval;  // of spearman
  double encode_seconds = 0.0;
  std::vector<double> scores;  // [num_pairs], of the metric

  double sentences_per_second() const noexcept {
    return encode_seconds > 0.0 ? static_cast<double>(num_sentences) / encode_seconds : 0.0;
  }
};

DistinctSentences distinct_sentences(std::span<const ScoredPair> pairs);

// Scores the pairs with vectors [sentences.size(), size] of the distinct sentences; everything but
// the time. Throws std::invalid_argument when the number of vectors is another.
Evaluation evaluate_vectors(std::span<const ScoredPair> pairs, const DistinctSentences& distinct,
                            MatrixView<const float> vectors, const EvaluationOptions& options = {});

// Encodes each distinct sentence once and scores the pairs.
//   encode(std::span<const std::string_view>) -> vectors [number of sentences, size], as a Tensor
//   or anything else that converts to MatrixView<const float>
template <class Encode>
Evaluation evaluate(std::span<const ScoredPair> pairs, Encode&& encode,
                    const EvaluationOptions& options = {});

namespace detail {

inline MatrixView<const float> as_matrix(const Tensor<float>& vectors) {
  if (vectors.shape().rank() != 2) {
    throw std::invalid_argument("evaluate: vectors of shape " + vectors.shape().to_string());
  }
  return vectors.matrix();
}
inline MatrixView<const float> as_matrix(MatrixView<const float> vectors) { return vectors; }

}  // namespace detail

inline DistinctSentences distinct_sentences(std::span<const ScoredPair> pairs) {
  DistinctSentences distinct;
  distinct.pairs.reserve(pairs.size());
  std::unordered_map<std::string_view, std::size_t> numbers;
  const auto number_of = [&](std::string_view sentence) {
    const auto [at, is_new] = numbers.try_emplace(sentence, distinct.sentences.size());
    if (is_new) distinct.sentences.push_back(sentence);
    return at->second;
  };
  for (const ScoredPair& pair : pairs) {
    const std::size_t first = number_of(pair.sentence1);
    distinct.pairs.push_back({first, number_of(pair.sentence2)});
  }
  return distinct;
}

inline Evaluation evaluate_vectors(std::span<const ScoredPair> pairs,
                                   const DistinctSentences& distinct,
                                   MatrixView<const float> vectors,
                                   const EvaluationOptions& options) {
  if (vectors.rows != distinct.sentences.size() || pairs.size() != distinct.pairs.size()) {
    throw std::invalid_argument("evaluate: " + std::to_string(vectors.rows) + " vectors for " +
                                std::to_string(distinct.sentences.size()) + " sentences");
  }
  Evaluation evaluation;
  evaluation.num_pairs = pairs.size();
  evaluation.num_sentences = distinct.sentences.size();
  std::vector<double> gold;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    gold.push_back(pairs[i].score);
    const float score = similarity(vectors.row_span(distinct.pairs[i].first),
                                   vectors.row_span(distinct.pairs[i].second), options.metric);
    evaluation.scores.push_back(static_cast<double>(score));
  }
  evaluation.spearman = spearman(evaluation.scores, gold);
  evaluation.pearson = pearson(evaluation.scores, gold);
  evaluation.interval = spearman_interval(evaluation.scores, gold, options.bootstrap);
  return evaluation;
}

template <class Encode>
Evaluation evaluate(std::span<const ScoredPair> pairs, Encode&& encode,
                    const EvaluationOptions& options) {
  const DistinctSentences distinct = distinct_sentences(pairs);
  const auto start = std::chrono::steady_clock::now();
  const auto vectors = encode(std::span<const std::string_view>(distinct.sentences));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  Evaluation evaluation = evaluate_vectors(pairs, distinct, detail::as_matrix(vectors), options);
  evaluation.encode_seconds = elapsed.count();
  return evaluation;
}

}  // namespace semblance
