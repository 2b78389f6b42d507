#pragma once

#include <span>
#include <string>
#include <vector>

namespace program {

// One test set: what people said of each pair, and the model's cosine.
struct ScoredSet {
  std::string name;
  std::string note;             // a line below the name
  std::vector<double> scores;   // [num_pairs]
  std::vector<double> cosines;  // [num_pairs]
};

// The sets side by side as an SVG picture: a dot a pair, score across and cosine upwards. Where
// scores take few values, the dots of each are spread about it, so that none hides another.
std::string score_plot(std::span<const ScoredSet> sets);

}  // namespace program
