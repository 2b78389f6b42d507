#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "json_text.h"
#include "semblance/core/error.h"
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

}  // namespace program
