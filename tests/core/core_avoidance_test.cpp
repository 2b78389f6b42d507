#include "semblance/core/core_avoidance.h"

#include <gtest/gtest.h>

#if defined(__linux__)

#include <latch>
#include <thread>
#include <vector>

namespace semblance {
namespace {

cpu_set_t mask_of(const std::vector<int>& cores) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const int core : cores) CPU_SET(static_cast<unsigned>(core), &mask);
  return mask;
}

std::vector<int> cores_of(std::thread& thread) {
  cpu_set_t mask;
  EXPECT_EQ(pthread_getaffinity_np(thread.native_handle(), sizeof mask, &mask), 0);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<unsigned>(core), &mask)) cores.push_back(core);
  }
  return cores;
}

void allow(std::thread& thread, const std::vector<int>& cores) {
  const cpu_set_t mask = mask_of(cores);
  ASSERT_EQ(pthread_setaffinity_np(thread.native_handle(), sizeof mask, &mask), 0);
}

// A thread that waits, and this one moved at will, on two cores.
class CoreAvoidance : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
    cores_ = cores_of(thread_);
    if (cores_.size() < 2) GTEST_SKIP() << "one core alone";
    cores_.resize(2);
    allow(thread_, cores_);
  }
  ~CoreAvoidance() override {
    end_.count_down();
    thread_.join();
    sched_setaffinity(0, sizeof before_, &before_);
  }

  std::vector<int> cores_after_a_call_from(int core) {
    const cpu_set_t mask = mask_of({core});
    EXPECT_EQ(sched_setaffinity(0, sizeof mask, &mask), 0);
    avoidance_.avoid_core_of_caller(thread_);
    return cores_of(thread_);
  }

  detail::CoreAvoidance avoidance_;
  cpu_set_t before_{};
  std::latch end_{1};
  std::thread thread_{[this] { end_.wait(); }};
  std::vector<int> cores_;
};

TEST_F(CoreAvoidance, FollowsTheCallerAndGivesBackTheCoreItTookBefore) {
  const int a = cores_[0], b = cores_[1];
  EXPECT_EQ(cores_after_a_call_from(a), std::vector<int>{b});
  EXPECT_EQ(cores_after_a_call_from(a), std::vector<int>{b});
  EXPECT_EQ(cores_after_a_call_from(b), std::vector<int>{a});
  EXPECT_EQ(cores_after_a_call_from(a), std::vector<int>{b});
}

TEST_F(CoreAvoidance, LeavesAThreadItsLastCore) {
  allow(thread_, {cores_[0]});
  EXPECT_EQ(cores_after_a_call_from(cores_[0]), std::vector<int>{cores_[0]});
}

TEST_F(CoreAvoidance, StaysWithinAMaskThatSomebodyElseSet) {
  const int a = cores_[0], b = cores_[1];
  EXPECT_EQ(cores_after_a_call_from(a), std::vector<int>{b});
  allow(thread_, {a});
  EXPECT_EQ(cores_after_a_call_from(b), std::vector<int>{a});
  EXPECT_EQ(cores_after_a_call_from(a), std::vector<int>{a}) << "b was not this one's to give";
}

}  // namespace
}  // namespace semblance

#endif
