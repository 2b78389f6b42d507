#include "semblance/core/available_cores.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>

#include "support/temp_folder.h"

namespace semblance {
namespace {

std::size_t cores_of_v2(std::string_view cpu_max) {
  const testing::TempFolder root;
  root.write("cpu.max", cpu_max);
  return detail::cgroup_cores(root.path(), "");
}

std::size_t cores_of_v1(std::string_view quota, std::string_view period) {
  const testing::TempFolder root;
  root.write("cpu/cpu.cfs_quota_us", quota);
  root.write("cpu/cpu.cfs_period_us", period);
  return detail::cgroup_cores(root.path(), "");
}

TEST(CgroupCores, WholeCoresOfTheVersion2QuotaAndAtLeastOne) {
  EXPECT_EQ(cores_of_v2("200000 100000\n"), 2u);
  EXPECT_EQ(cores_of_v2("399999 100000\n"), 3u);
  EXPECT_EQ(cores_of_v2("50000 100000\n"), 1u);
  EXPECT_EQ(cores_of_v2("1000 100000\n"), 1u);
  EXPECT_EQ(cores_of_v2("600000 50000"), 12u);
}

TEST(CgroupCores, MaxMeansNoQuota) { EXPECT_EQ(cores_of_v2("max 100000\n"), 0u); }

TEST(CgroupCores, WholeCoresOfTheVersion1QuotaAndMinusOneMeansNone) {
  EXPECT_EQ(cores_of_v1("250000\n", "100000\n"), 2u);
  EXPECT_EQ(cores_of_v1("20000\n", "100000\n"), 1u);
  EXPECT_EQ(cores_of_v1("-1\n", "100000\n"), 0u);
}

TEST(CgroupCores, AnythingElseIsNoQuota) {
  for (const char* text : {"", "\n", "max", "200000", "word 100000", "100000 word", "-5 100000",
                           "0 100000", "100000 0", "100000 -1", "nan 100000", "1e999 100000"}) {
    EXPECT_EQ(cores_of_v2(text), 0u) << text;
  }
  EXPECT_EQ(cores_of_v1("", ""), 0u);
  EXPECT_EQ(cores_of_v1("100000", ""), 0u);
  EXPECT_EQ(cores_of_v1("100000", "0"), 0u);
  const testing::TempFolder empty;
  EXPECT_EQ(detail::cgroup_cores(empty.path(), ""), 0u);
  EXPECT_EQ(detail::cgroup_cores(empty.path() + "/missing", ""), 0u);
}

TEST(CgroupCores, TheTightestOfTheProcesssGroupAndThoseAboveIt) {
  const testing::TempFolder root;
  const auto cores_in = [&](std::string_view groups) {
    return detail::cgroup_cores(root.path(), root.write("groups", groups));
  };
  root.write("system.slice/cpu.max", "600000 100000\n");
  root.write("system.slice/a.service/cpu.max", "max 100000\n");
  root.write("system.slice/a.service/worker/cpu.max", "300000 100000\n");
  root.write("cpu/batch/cpu.cfs_quota_us", "400000\n");
  root.write("cpu/batch/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores_in("0::/system.slice/a.service/worker\n"), 3u);
  EXPECT_EQ(cores_in("0::/system.slice/a.service\n"), 6u);
  EXPECT_EQ(cores_in("0::/system.slice/a.service/none/such\n"), 6u);
  EXPECT_EQ(cores_in("0::/other\n"), 0u);
  EXPECT_EQ(cores_in("2:cpu,cpuacct:/batch/job\n1:memory:/system.slice\n"), 4u);
  EXPECT_EQ(cores_in("2:cpu:/batch\n0::/system.slice/a.service/worker\n"), 3u);
  EXPECT_EQ(cores_in("1:cpuset:/batch\n"), 0u);
  for (const char* groups : {"", "\n", "0", "0:", "0::", "0::/", "0::x", "0::/../system.slice",
                             "::", ":::::", "9:cpu:"}) {
    EXPECT_EQ(cores_in(groups), 0u) << groups;
  }
  root.write("cpu.max", "200000 100000\n");
  EXPECT_EQ(cores_in("0::/system.slice/a.service/worker\n"), 2u);
  EXPECT_EQ(cores_in("0::/\n"), 2u);
}

TEST(AvailableCores, IsAtLeastOneAndNoMoreThanTheAffinityMaskAllows) {
  EXPECT_GE(available_cores(), 1u);
  EXPECT_LE(available_cores(), std::max(1u, std::thread::hardware_concurrency()));
}

#if defined(__linux__)
TEST(AvailableCores, FollowsTheAffinityOfTheThread) {
  std::size_t pinned_to_one = 0;
  std::thread([&] {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
    int core = 0;
    while (!CPU_ISSET(core, &mask)) ++core;
    CPU_ZERO(&mask);
    CPU_SET(core, &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof mask, &mask), 0);
    pinned_to_one = available_cores();
  }).join();
  EXPECT_EQ(pinned_to_one, 1u);
}
#endif

}  // namespace
}  // namespace semblance
