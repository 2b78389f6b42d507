#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "commands.h"
#include "load_encoder.h"
#include "model_options.h"
#include "number_check.h"
#include "output_file.h"
#include "semblance/core/thread_pool.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/loaded_model.h"
#include "semblance/pooling_pass.h"
#include "semblance/semblance.h"
#include "semblance/simd/kernels.h"

namespace program {

namespace {

using Json = nlohmann::ordered_json;

struct Workload {
  std::size_t batch_size;
  std::size_t sequence_length;
};
constexpr Workload kWorkloads[] = {{1, 16},  {1, 32},  {1, 128},  {1, 512},
                                   {32, 16}, {32, 32}, {32, 128}, {8, 512}};

struct Measurement {
  Workload workload;
  double median = 0;  // seconds for the whole batch
  double fastest = 0;
  double slowest = 0;
  std::size_t repeats = 0;
  double flops = 0;
};

// Multiplications and additions of the encoder's products, as 2 a multiply-add. Where first tokens
// alone are wanted, the last layer goes on with those once all have been attended to.
double count_flops(const semblance::ModelConfig& config, const Workload& workload,
                   semblance::WantedTokens wanted) {
  const auto hidden = static_cast<double>(config.hidden_size);
  const auto intermediate = static_cast<double>(config.intermediate_size);
  const auto length = static_cast<double>(workload.sequence_length);
  const auto texts = static_cast<double>(workload.batch_size);
  const auto layer = [&](double wanted_tokens) {
    const double query_key_value = 2 * length * 3 * hidden * hidden;
    const double attention = 4 * wanted_tokens * length * hidden;
    const double rest = 2 * wanted_tokens * (hidden * hidden + 2 * hidden * intermediate);
    return query_key_value + attention + rest;
  };
  const bool first_tokens = wanted == semblance::WantedTokens::first;
  const auto num_layers = static_cast<double>(config.num_hidden_layers);
  return texts * ((num_layers - 1) * layer(length) + layer(first_tokens ? 1 : length));
}

Measurement measure(const semblance::SentenceEncoder& encoder, const Workload& workload,
                    const semblance::EncodeOptions& options, double seconds) {
  using Clock = std::chrono::steady_clock;
  const std::size_t num_tokens = workload.batch_size * workload.sequence_length;
  std::mt19937 random(1);
  std::uniform_int_distribution<std::int32_t> any_id(
      0, static_cast<std::int32_t>(encoder.model().config.vocab_size) - 1);
  std::vector<std::int32_t> input_ids(num_tokens);
  for (auto& id : input_ids) id = any_id(random);
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i <= workload.batch_size; ++i) {
    starts.push_back(i * workload.sequence_length);
  }
  std::vector<float> embeddings(workload.batch_size * encoder.output_dim(options));
  const auto run = [&] {
    const auto start = Clock::now();
    encoder.encode_ids_into(semblance::SequenceBatch(starts), input_ids, embeddings, options);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  constexpr std::size_t kLeast = 3;
  run();
  run();
  std::vector<double> times;
  for (double total = 0; times.size() < kLeast || total < seconds; total += times.back()) {
    times.push_back(run());
  }
  std::sort(times.begin(), times.end());
  const semblance::LoadedModel& model = encoder.model();
  const auto wanted = semblance::PoolingPlan{.poolings = model.poolings}.wanted_tokens(
      semblance::SequenceBatch(starts));
  return {workload,      times[times.size() / 2],
          times.front(), times.back(),
          times.size(),  count_flops(model.config, workload, wanted)};
}

struct Bench {
  ModelOptions model;
  double seconds = 1;
  bool json = false;

  void run() const {
    const auto encoder = load_encoder(model);
    auto options = model.encode_options();
    options.batch_size = 1024;
    const auto isa = std::string(name_of(semblance::simd::kernels().isa));
    const std::size_t threads =
        semblance::ThreadPool::Team(semblance::ThreadPool::shared(), model.threads).concurrency();
    const std::string precision = model.precision.empty() ? "of the folder" : model.precision;
    Json rows = Json::array();
    std::string table =
        "instruction set " + isa + ", precision " + precision + ", " + std::to_string(threads) +
        " threads, model " + encoder.model().folder +
        "\n texts x tokens    ms median (spread)       texts/s    tokens/s  GFLOP/s\n";
    for (const Workload& workload : kWorkloads) {
      if (workload.sequence_length > encoder.model().config.max_position_embeddings) continue;
      const Measurement found = measure(encoder, workload, options, seconds);
      const auto texts = static_cast<double>(workload.batch_size);
      const double tokens = texts * static_cast<double>(workload.sequence_length);
      rows.push_back({{"batch_size", workload.batch_size},
                      {"sequence_length", workload.sequence_length},
                      {"median_s", found.median},
                      {"min_s", found.fastest},
                      {"max_s", found.slowest},
                      {"repeats", found.repeats},
                      {"texts_per_second", texts / found.median},
                      {"tokens_per_second", tokens / found.median},
                      {"gflops", found.flops / found.median / 1e9}});
      char line[160];
      std::snprintf(line, sizeof line, "%6zu x %-6zu %10.3f (%.3f to %.3f) %12.1f %11.0f %8.1f\n",
                    workload.batch_size, workload.sequence_length, found.median * 1e3,
                    found.fastest * 1e3, found.slowest * 1e3, texts / found.median,
                    tokens / found.median, found.flops / found.median / 1e9);
      table += line;
    }
    const Json result = {{"model", encoder.model().folder},
                         {"isa", isa},
                         {"precision", precision},
                         {"threads", threads},
                         {"results", rows}};
    OutputFile output("-");
    output.write(json ? result.dump(2, ' ', false, Json::error_handler_t::replace) + '\n' : table);
    output.commit();
  }
};

}  // namespace

void add_bench(CLI::App& parser) {
  auto* command = parser.add_subcommand("bench", "How fast this machine encodes with a model");
  const auto bench = std::make_shared<Bench>();
  bench->model.add_model(*command);
  command->add_option("--threads", bench->model.threads, "Most threads; 0: one a core")
      ->check(kNotNegative);
  command->add_option("--seconds", bench->seconds, "To measure each row for, at least")
      ->check(kPositive);
  command->add_flag("--json", bench->json, "One JSON object");
  command->callback([bench] { bench->run(); });
}

}  // namespace program
