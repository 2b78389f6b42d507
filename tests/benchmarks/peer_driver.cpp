// The library as one more engine of a benchmark that times several inference engines on the same
// token ids: one JSON object a line in, one a line out.
//   peer_driver [--precision f32|f16|bf16|int8] MODEL_DIR THREADS
// reads MODEL_DIR/hf/ and answers
//   {"op": "set", "batches": [[[101, 5, 102], ...], ...]}   keeps the batches
//   {"op": "run"}    embeds each batch (mean over the tokens, normalized) and tells the seconds
//   {"op": "quit"}
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "semblance/core/thread_pool.h"
#include "semblance/core/version.h"
#include "semblance/io/model_config_file.h"
#include "semblance/models/load_encoder.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/precision.h"
#include "semblance/token_encoder.h"

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// Texts in a group: no limit but the one on tokens.
constexpr std::size_t kGroupLimit = 1024;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Batch {
  std::vector<std::int32_t> input_ids;
  std::vector<std::size_t> starts{0};
  std::vector<float> embeddings;
};

std::vector<Batch> read_batches(const json& batches, std::size_t dim) {
  std::vector<Batch> result;
  for (const auto& texts : batches) {
    Batch& batch = result.emplace_back();
    for (const auto& ids : texts) {
      for (const auto& id : ids) batch.input_ids.push_back(id.get<std::int32_t>());
      batch.starts.push_back(batch.input_ids.size());
    }
    batch.embeddings.resize(texts.size() * dim);
  }
  return result;
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void serve(const std::string& path, std::size_t num_threads,
           std::optional<semblance::Precision> precision) {
  using namespace semblance;
  const auto start = Clock::now();
  const ModelFolder folder(path);
  ThreadPool::Team team(ThreadPool::shared(), num_threads);
  const auto encoder = load_encoder<float>(
      read_model_config(folder), std::make_shared<const WeightFiles>(WeightFiles::open(folder)),
      team, precision);
  const TokenEncoder token_encoder(*encoder);
  const Pooling pooling = Pooling::mean;
  const PoolingPlan plan{
      .poolings = std::span(&pooling, 1), .dim = encoder->sizes().hidden_size, .normalize = true};
  TokenEncoder::Scratch scratch;
  const auto nothing = [](auto...) {};
  std::cout << json{{"ok", true},
                    {"version",
                     std::string(kVersion) + " " + std::string(simd::name_of(simd::kernels().isa))},
                    {"load_s", seconds_since(start)}}
            << std::endl;

  std::vector<Batch> batches;
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line);
    const auto op = request.at("op").get<std::string>();
    if (op == "quit") return;
    if (op == "set") {
      batches = read_batches(request.at("batches"), plan.dim);
      std::cout << json{{"ok", true}} << std::endl;
      continue;
    }
    if (batches.empty()) throw std::invalid_argument("run: expected batches that were set");
    const auto run_start = Clock::now();
    for (Batch& batch : batches) {
      token_encoder.encode(SequenceBatch(batch.starts), batch.input_ids, plan, kGroupLimit,
                           batch.embeddings.data(), scratch, team, nothing, nothing);
    }
    const double seconds = seconds_since(run_start);
    const auto& last = batches.back().embeddings;
    const auto count = static_cast<std::ptrdiff_t>(plan.dim);
    std::cout << json{{"ok", true},
                      {"s", seconds},
                      {"emb", std::vector<float>(last.begin(), last.begin() + count)},
                      {"rss_mb", peak_rss_mb()}}
              << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::optional<semblance::Precision> precision;
  if (arguments.size() == 4 && arguments[0] == "--precision") {
    precision = semblance::precision_of(arguments[1]);
  }
  if (precision) {
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.size() != 2) {
    std::cerr << "usage: peer_driver [--precision f32|f16|bf16|int8] MODEL_DIR THREADS\n";
    return 2;
  }
  try {
    serve(arguments[0] + "/hf", std::stoul(arguments[1]), precision);
  } catch (const std::exception& error) {
    std::cout << json{{"ok", false}, {"error", error.what()}} << std::endl;
    return 1;
  }
  return 0;
}
