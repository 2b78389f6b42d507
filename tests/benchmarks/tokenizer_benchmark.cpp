// Speed of a model's tokenizer over the lines of a file, one by one on one thread.
//   tokenizer_benchmark MODEL_DIR FILE [SECONDS]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "measure.h"
#include "semblance/core/error.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/tokenizer_files.h"

namespace {

using namespace semblance;

std::vector<std::string> read_lines(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

void measure(const char* folder, const char* path, double seconds) {
  const LoadedTokenizer loaded = load_tokenizer(ModelFolder(folder));
  const BertTokenizer& tokenizer = loaded.tokenizer;
  const std::vector<std::string> lines = read_lines(path);
  if (lines.empty()) throw FileError(path, "", "lines of text", "none");
  std::size_t num_bytes = 0, num_tokens = 0;
  for (const std::string& line : lines) num_bytes += line.size();

  TokenizerScratch scratch;
  std::vector<std::int32_t> input_ids;
  std::vector<double> times;
  const double start = benchmark::seconds_now();
  do {
    num_tokens = 0;
    const double before = benchmark::cpu_seconds();
    for (const std::string& line : lines) {
      input_ids.clear();
      tokenizer.append_input_ids(line, {.max_length = 512}, scratch, input_ids);
      num_tokens += input_ids.size();
    }
    times.push_back(benchmark::cpu_seconds() - before);
  } while (times.size() < 5 || benchmark::seconds_now() - start < seconds);

  const double median = benchmark::quantile(times, 0.5);
  const auto rate = [&](std::size_t count) { return static_cast<double>(count) / median; };
  std::printf(
      "machine: %s, threads: 1, CPU time, medians of %zu\n"
      "%zu lines, %zu bytes, %zu tokens: %.0f lines/s, %.1f MB/s, %.0f tokens/s  +-%.0f %%\n",
      benchmark::machine_name().c_str(), times.size(), lines.size(), num_bytes, num_tokens,
      rate(lines.size()), rate(num_bytes) * 1e-6, rate(num_tokens),
      50 * (benchmark::quantile(times, 0.9) - benchmark::quantile(times, 0.1)) / median);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: tokenizer_benchmark MODEL_DIR FILE [SECONDS]\n");
    return 2;
  }
  try {
    measure(argv[1], argv[2], argc == 4 ? std::atof(argv[3]) : 3.0);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
