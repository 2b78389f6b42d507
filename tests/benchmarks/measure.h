#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

// What the benchmarks measure with.

namespace benchmark {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Time that this thread ran, so that what else the machine does disturbs less.
inline double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

inline std::string machine_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

// `values` is not empty; q from 0 to 1.
inline double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

// Reads every cache line once, in order.
inline void read_memory(const float* values, std::size_t count) {
  const char* from = reinterpret_cast<const char*>(values);
  std::size_t lines = count / 64;
  if (lines == 0) return;
#if defined(__x86_64__)
  __asm__ volatile(
      "1:\n"
      "movups (%0), %%xmm0\nmovups 64(%0), %%xmm1\nmovups 128(%0), %%xmm2\nmovups 192(%0), %%xmm3\n"
      "add $256, %0\ndec %1\njnz 1b\n"
      : "+r"(from), "+r"(lines)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "cc", "memory");
#else
  (void)from;
  float sum = 0.0f;
  for (std::size_t i = 0; i < lines * 4; ++i) sum += values[i * 16];
  volatile float kept = sum;
  (void)kept;
#endif
}

}  // namespace benchmark
