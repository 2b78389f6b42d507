// Holds the library's last_hidden_state against folders written by tests/golden/large_models.py:
//   compare_hidden_states DIR...
// One line a folder; exits 1 when a value at any token is further off than the tolerance.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/core/thread_pool.h"
#include "semblance/io/model_config_file.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/weight_files.h"
#include "semblance/models/load_encoder.h"

namespace {

constexpr double kTolerance = 1e-4;  // absolute, at every token

struct Difference {
  double largest = 0;
  std::size_t length = 0;  // of the text where it is
};

Difference compare(const std::string& path) {
  using namespace semblance;
  ThreadPool::Team executor(ThreadPool::shared(), 0);
  const ModelFolder folder(path);
  const ModelConfig config = read_model_config(folder);
  const auto weights = std::make_shared<const WeightFiles>(WeightFiles::open(folder));
  const auto encoder = load_encoder<float>(config, weights, executor);

  const WeightFiles expected = WeightFiles::open(folder.require("expected.safetensors"));
  const auto lengths = expected.find("lengths").value().as<std::int32_t>();
  auto input_ids = expected.find("input_ids").value().as<std::int32_t>();
  auto reference = expected.find("last_hidden_state").value().as<float>();

  Difference difference;
  Workspace<float> workspace;
  for (const std::int32_t signed_length : lengths) {
    const auto length = static_cast<std::size_t>(signed_length);
    const std::vector<std::size_t> starts = {0, length};
    const auto hidden_states =
        encoder->forward(SequenceBatch(starts), input_ids.first(length), {}, workspace, executor);
    for (std::size_t token = 0; token < length; ++token) {
      for (std::size_t i = 0; i < hidden_states.cols; ++i) {
        const double value = hidden_states.row(token)[i];
        const double off = std::isfinite(value)
                               ? std::abs(value - reference[token * hidden_states.cols + i])
                               : std::numeric_limits<double>::infinity();
        if (off > difference.largest) difference = {off, length};
      }
    }
    input_ids = input_ids.subspan(length);
    reference = reference.subspan(length * hidden_states.cols);
  }
  return difference;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: compare_hidden_states DIR...\n");
    return 2;
  }
  bool all_within = true;
  for (int i = 1; i < argc; ++i) {
    try {
      const Difference difference = compare(argv[i]);
      const bool within = difference.largest <= kTolerance;
      all_within &= within;
      std::printf("%s %s: largest difference %.1e, at length %zu\n", within ? "pass" : "FAIL",
                  argv[i], difference.largest, difference.length);
    } catch (const semblance::Error& error) {
      std::fprintf(stderr, "compare_hidden_states: %s\n", error.what());
      return 1;
    }
  }
  return all_within ? 0 : 1;
}
