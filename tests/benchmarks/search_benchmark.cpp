// Speed of exact search over rows that exceed the cache, beside the rate at which the same threads
// read the same memory.
//   search_benchmark [--rows N] [--size N] [--threads N] [--seconds S]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "measure.h"
#include "semblance/core/parallel_for.h"
#include "semblance/core/thread_pool.h"
#include "semblance/search/flat_index.h"
#include "semblance/simd/kernels.h"

namespace {

using namespace semblance;

struct Options {
  std::size_t num_rows = 200000;
  std::size_t size = 768;
  std::size_t num_threads = 0;
  double seconds = 2;
};

// Two ways in turn, so that what else the machine does disturbs both alike. Medians.
struct Medians {
  double reading = 0;
  double searching = 0;
};
Medians measure(const Options& options, const std::function<void()>& read,
                const std::function<void()>& search) {
  const auto seconds_of = [](const std::function<void()>& run) {
    const double start = benchmark::seconds_now();
    run();
    return benchmark::seconds_now() - start;
  };
  read();
  search();
  std::vector<double> reading, searching;
  const double start = benchmark::seconds_now();
  do {
    reading.push_back(seconds_of(read));
    searching.push_back(seconds_of(search));
  } while (reading.size() < 9 || benchmark::seconds_now() - start < options.seconds);
  return {benchmark::quantile(reading, 0.5), benchmark::quantile(searching, 0.5)};
}

void run(const Options& options) {
  ThreadPool::Team team(ThreadPool::shared(), options.num_threads);
  std::printf("machine: %s\ninstruction set: %s, threads: %zu, rows: %zu x %zu\n",
              benchmark::machine_name().c_str(), std::string(name_of(simd::kernels().isa)).c_str(),
              team.concurrency(), options.num_rows, options.size);

  const double bytes = 4.0 * static_cast<double>(options.num_rows * options.size);
  std::uint32_t state = 1;
  std::vector<float> row(options.size);
  const auto fill = [&] {
    for (float& value : row) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
    }
  };
  for (const auto& [name, metric] :
       {std::pair("dot", Metric::dot), std::pair("cosine", Metric::cosine)}) {
    FlatIndex index(options.size, metric);
    for (std::size_t i = 0; i < options.num_rows; ++i) {
      fill();
      index.add(MatrixView<const float>(row.data(), 1, options.size));
    }
    for (const std::size_t num_queries : {std::size_t{1}, std::size_t{8}}) {
      std::vector<float> queries;
      for (std::size_t q = 0; q < num_queries; ++q) {
        fill();
        queries.insert(queries.end(), row.begin(), row.end());
      }
      const MatrixView<const float> query_rows(queries.data(), num_queries, options.size);
      const Medians medians = measure(
          options,
          [&] {
            const float* values = index.rows().data;
            parallel_slices(team, options.num_rows * options.size, 64,
                            [&](std::size_t, std::size_t first, std::size_t last) {
                              benchmark::read_memory(values + first, last - first);
                            });
          },
          [&] { index.search(query_rows, 10, &team); });
      std::printf("top 10 by %-6s of %zu: %8.2f ms, %5.1f GB/s, %3.0f %% of the %.1f GB/s read\n",
                  name, num_queries, medians.searching * 1e3, bytes / medians.searching * 1e-9,
                  100 * medians.reading / medians.searching, bytes / medians.reading * 1e-9);
    }
  }
}

int usage() {
  std::fprintf(stderr,
               "usage: search_benchmark [--rows N] [--size N] [--threads N] [--seconds S]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return usage();
    const auto number = static_cast<std::size_t>(std::strtoull(argv[i + 1], nullptr, 10));
    if (name == "--rows" && number != 0) {
      options.num_rows = number;
    } else if (name == "--size" && number != 0) {
      options.size = number;
    } else if (name == "--threads") {
      options.num_threads = number;
    } else if (name == "--seconds") {
      options.seconds = std::atof(argv[i + 1]);
    } else {
      return usage();
    }
  }
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
