#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <fstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace semblance {

namespace detail {

// Whole cores that a quota allows, at least 1; 0 where it is none.
inline std::size_t whole_cores(double quota, double period) noexcept {
  if (!(quota > 0) || !(period > 0)) return 0;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::min(quota / period, 1e6)));
}

// The quota of a control group in Linux's cgroup v2, whose folder holds cpu.max.
inline std::size_t quota_cores_v2(const std::string& folder) {
  std::string quota;
  double period = 0;
  std::ifstream file(folder + "/cpu.max");
  if (!(file >> quota >> period) || quota == "max") return 0;
  try {
    return whole_cores(std::stod(quota), period);
  } catch (const std::exception&) {
    return 0;
  }
}

// The same in v1, whose folder holds cpu.cfs_quota_us and cpu.cfs_period_us.
inline std::size_t quota_cores_v1(const std::string& folder) {
  double quota = 0, period = 0;
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  return quota_file >> quota && period_file >> period ? whole_cores(quota, period) : 0;
}

// The least that the process's control group and those above it allow; 0 where there is no quota.
//   root    where the groups are mounted
//   groups  the process's own, a line "number:controllers:/path" for each hierarchy (cgroups(7)). A
//           container sees its group as the root, under whatever path this names.
inline std::size_t cgroup_cores(const std::string& root = "/sys/fs/cgroup",
                                const std::string& groups = "/proc/self/cgroup") {
  std::size_t least = 0;
  const auto take = [&](std::size_t cores) {
    if (cores != 0) least = least == 0 ? cores : std::min(least, cores);
  };
  const std::string v1_root = root + "/cpu";
  take(quota_cores_v2(root));
  take(quota_cores_v1(v1_root));
  std::ifstream file(groups);
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first == line.npos ? first : first + 1);
    if (second == line.npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const bool v2 = controllers == ",,";
    if (!v2 && controllers.find(",cpu,") == controllers.npos) continue;
    for (std::string path = line.substr(second + 1); path.size() > 1;
         path.resize(path.find_last_of('/'))) {
      if (path[0] != '/' || path.find("/..") != path.npos) break;
      take(v2 ? quota_cores_v2(root + path) : quota_cores_v1(v1_root + path));
    }
  }
  return least;
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
