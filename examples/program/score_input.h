#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "json_text.h"
#include "semblance/core/error.h"
#include "semblance/evaluation/evaluator.h"
#include "semblance/evaluation/score_file.h"

namespace program {

// The pairs of a file. Throws semblance::FormatError too where all have one score, for which no
// correlation is defined.
inline std::vector<semblance::ScoredPair> read_differing_scores(const std::string& file) {
  auto pairs = semblance::read_score_file(file);
  const double first = pairs.front().score;
  if (std::all_of(pairs.begin(), pairs.end(),
                  [&](const auto& pair) { return pair.score == first; })) {
    std::string found = std::to_string(pairs.size()) + " of ";
    append_number(found, first);
    throw semblance::FormatError(file, "", "scores that differ, or Spearman is undefined", found);
  }
  return pairs;
}

// Why an evaluation of such pairs has no correlation.
inline semblance::Error undefined_spearman(const std::string& file,
                                           const semblance::Evaluation& evaluation) {
  const bool finite = std::all_of(evaluation.scores.begin(), evaluation.scores.end(),
                                  [](double score) { return std::isfinite(score); });
  return semblance::Error(
      file + ": Spearman is undefined, since " +
      (finite ? "the model's cosines do not differ" : "not all of the model's cosines are finite"));
}

}  // namespace program
