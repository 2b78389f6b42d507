// From the start of a process to its first vector, and the memory it then holds: this program
// starts itself again and again, with the files in the page cache.
//   load_benchmark MODEL_DIR [REPEATS] [THREADS] [PACKED_CACHE]
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "measure.h"
#include "semblance/semblance.h"
#include "semblance/simd/kernels.h"

namespace {

using namespace semblance;

// A line of /proc/self/smaps_rollup or status, in MiB.
double memory_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":"))
      return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

struct Sample {
  double load = 0;   // seconds since the process started
  double total = 0;  // the same, with the first vector
  double resident = 0;
  double shared = 0;  // of it, pages of files that other processes may use too
  double peak = 0;
};

void load_once(const char* folder, double start, std::size_t num_threads, const char* cache) {
  const auto encoder =
      SentenceEncoder::load(folder, {.num_threads = num_threads, .packed_cache = cache});
  const double load = benchmark::seconds_now() - start;
  encoder.encode("How is the weather today, is it good for going out?",
                 {.num_threads = num_threads});
  const double total = benchmark::seconds_now() - start;
  const double resident = memory_of("/proc/self/status", "VmRSS");
  std::printf("%.6f %.6f %.2f %.2f %.2f\n", load, total, resident,
              memory_of("/proc/self/status", "RssFile"), memory_of("/proc/self/status", "VmHWM"));
}

Sample start_process(const char* program, const char* folder, std::size_t num_threads,
                     const char* cache) {
  const std::string command = "exec \"" + std::string(program) + "\" --once \"" + folder + "\" " +
                              std::to_string(num_threads) + ' ' +
                              std::to_string(benchmark::seconds_now()) + " \"" + cache + '"';
  std::FILE* pipe = ::popen(command.c_str(), "r");
  Sample sample;
  const int found = pipe == nullptr
                        ? 0
                        : std::fscanf(pipe, "%lf %lf %lf %lf %lf", &sample.load, &sample.total,
                                      &sample.resident, &sample.shared, &sample.peak);
  if (pipe != nullptr) ::pclose(pipe);
  if (found != 5) std::exit(1);
  return sample;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 6 && std::string(argv[1]) == "--once") {
      load_once(argv[2], std::strtod(argv[4], nullptr), std::strtoul(argv[3], nullptr, 10),
                argv[5]);
      return 0;
    }
    if (argc < 2 || argc > 5) {
      std::fprintf(stderr, "usage: load_benchmark MODEL_DIR [REPEATS] [THREADS] [PACKED_CACHE]\n");
      return 2;
    }
    const int repeats = argc > 2 ? std::atoi(argv[2]) : 11;
    if (repeats < 1) {
      std::fprintf(stderr, "REPEATS: expected a number above 0, found \"%s\"\n", argv[2]);
      return 2;
    }
    const std::size_t num_threads = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0;
    const char* cache = argc > 4 ? argv[4] : "";
    std::vector<Sample> samples;
    for (int i = 0; i <= repeats; ++i) {
      const Sample sample = start_process(argv[0], argv[1], num_threads, cache);
      if (i != 0) samples.push_back(sample);  // the first brings the files to the page cache
    }
    const auto median = [&](double Sample::*member) {
      std::vector<double> values;
      for (const Sample& sample : samples) values.push_back(sample.*member);
      return benchmark::quantile(values, 0.5);
    };
    std::printf("machine: %s\ninstruction set: %s, threads: %zu (0: all), medians of %zu\n",
                benchmark::machine_name().c_str(),
                std::string(name_of(simd::kernels().isa)).c_str(), num_threads, samples.size());
    std::printf(
        "loaded after %.0f ms, first vector after %.0f ms; resident %.1f MiB "
        "(%.1f of them file pages), peak %.1f MiB\n",
        median(&Sample::load) * 1e3, median(&Sample::total) * 1e3, median(&Sample::resident),
        median(&Sample::shared), median(&Sample::peak));
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
