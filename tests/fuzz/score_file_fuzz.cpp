#include <cmath>

#include "fuzz/target.h"
#include "semblance/evaluation/score_file.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("score_file", [](std::string_view bytes) {
  for (const ScoredPair& pair : parse_scored_pairs(bytes, "scores.tsv")) {
    require(std::isfinite(pair.score), "finite scores");
  }
});

}  // namespace
}  // namespace semblance::fuzz
