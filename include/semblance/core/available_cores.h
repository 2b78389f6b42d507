#pragma once

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace semblance {

namespace detail {

// Whole cores that a control group's quota allows, at least 1; 0 where there is no quota. Reads the
// group that the process sees as its root, as containers do: cpu.max (Linux cgroup v2) or
// cpu.cfs_quota_us and cpu.cfs_period_us (v1).
inline std::size_t cgroup_cores(const std::string& root = "/sys/fs/cgroup") {
  const auto whole_cores = [](double quota, double period) -> std::size_t {
    if (!(quota > 0) || !(period > 0)) return 0;
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::min(quota / period, 1e6)));
  };
  std::string quota;
  double period = 0;
  if (std::ifstream v2(root + "/cpu.max"); v2 >> quota >> period) {
    if (quota == "max") return 0;
    double value = 0;
    try {
      value = std::stod(quota);
    } catch (const std::exception&) {
      return 0;
    }
    return whole_cores(value, period);
  }
  double v1_quota = 0;
  std::ifstream quota_file(root + "/cpu/cpu.cfs_quota_us");
  std::ifstream period_file(root + "/cpu/cpu.cfs_period_us");
  if (quota_file >> v1_quota && period_file >> period) return whole_cores(v1_quota, period);
  return 0;
}

}  // namespace detail

// How many cores this process may keep busy: its affinity mask, cut by its control group's quota.
inline std::size_t available_cores() {
  std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t affinity;
  if (sched_getaffinity(0, sizeof affinity, &affinity) == 0) {
    cores = std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT(&affinity)));
  }
#endif
  const std::size_t quota = detail::cgroup_cores();
  return quota == 0 ? cores : std::min(cores, quota);
}

}  // namespace semblance
