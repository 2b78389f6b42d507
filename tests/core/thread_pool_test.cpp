#include "semblance/core/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/allocations.h"
#include "support/forked.h"

namespace semblance {
namespace {

using Team = ThreadPool::Team;

// The threads that take part in one run, which cannot end before all of the team have come.
std::set<std::thread::id> members_of(Team& team) {
  const std::size_t size = team.concurrency();
  std::vector<std::thread::id> ids(size);
  std::atomic<std::size_t> here{0};
  team.run(size, [&](std::size_t i) {
    ids[i] = std::this_thread::get_id();
    ++here;
    while (here != size) std::this_thread::yield();
  });
  return {ids.begin(), ids.end()};
}

TEST(ThreadPool, StartsNoThreadBeforeOneIsBorrowed) {
  const ThreadPool pool(4);
  EXPECT_EQ(pool.num_cores(), 4u);
  EXPECT_EQ(pool.num_workers(), 0u);
  EXPECT_EQ(ThreadPool(0).num_cores(), 1u);
}

#if !defined(_WIN32)
TEST(ThreadPool, OfAChildProcessHasThreadsOfItsOwn) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer allows no threads in a fork";
#endif
  ThreadPool& pool = ThreadPool::shared();
  Team before(pool, 3);
  EXPECT_EQ(members_of(before).size(), before.concurrency());
  const auto child = [&] {
    // Forked once more, as a server of worker processes does.
    const auto use = [&] {
      Team team(pool, 4);
      return team.concurrency() == 4 && members_of(team).size() == 4 && pool.num_workers() == 3;
    };
    std::size_t done = 0;
    before.run(10, [&](std::size_t i) { done += i; });  // on the caller alone
    return done == 45 && use() && testing::true_in_a_fork(use);
  };
  EXPECT_TRUE(testing::true_in_a_fork(child));
  EXPECT_EQ(members_of(before).size(), before.concurrency());
}
#endif

TEST(Team, OfOneThreadStartsNoneAndRunsOnTheCaller) {
  ThreadPool pool(4);
  Team team(pool, 1);
  EXPECT_EQ(team.concurrency(), 1u);
  const auto caller = std::this_thread::get_id();
  std::vector<std::size_t> order;
  team.run(5, [&](std::size_t i) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    order.push_back(i);
  });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(pool.num_workers(), 0u);
}

TEST(Team, OnAPoolOfOneCoreStartsNoThread) {
  ThreadPool pool(1);
  const Team team(pool, 0);
  EXPECT_EQ(team.concurrency(), 1u);
  EXPECT_EQ(pool.num_workers(), 0u);
}

TEST(Team, TakesAllCoresUnlessToldOtherwise) {
  ThreadPool pool(4);
  EXPECT_EQ(Team(pool, 0).concurrency(), 4u);
  EXPECT_EQ(Team(pool, 3).concurrency(), 3u);
  EXPECT_EQ(pool.num_workers(), 3u);
}

TEST(Team, HonoursANumberAboveTheCores) {
  ThreadPool pool(2);
  Team team(pool, 6);
  EXPECT_EQ(team.concurrency(), 6u);
  const auto members = members_of(team);
  EXPECT_EQ(members.size(), 6u);
  EXPECT_TRUE(members.contains(std::this_thread::get_id()));
}

TEST(Team, LeavesTheSystemThreadsWhateverNumberIsAskedFor) {
  ThreadPool pool(2);
  Team team(pool, 1'000'000);
  EXPECT_GT(team.concurrency(), 6u);
  EXPECT_LE(team.concurrency(), ThreadPool::kMostThreads);
}

TEST(Team, RunsEachTaskOnceWhateverTheirNumber) {
  ThreadPool pool(4);
  Team team(pool, 0);
  for (const std::size_t num_tasks : {0u, 1u, 2u, 3u, 4u, 5u, 17u, 1000u}) {
    std::vector<std::atomic<int>> visits(num_tasks);
    team.run(num_tasks, [&](std::size_t i) { ++visits[i]; });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
  }
}

TEST(Team, SeesWhatTheTasksWroteAndTasksSeeWhatTheCallerWrote) {
  ThreadPool pool(3);
  Team team(pool, 0);
  std::vector<std::size_t> values(64, 0);  // plain memory: a race is the thread sanitizer's to find
  for (std::size_t round = 1; round <= 100; ++round) {
    team.run(values.size(), [&](std::size_t i) { values[i] += i * round; });
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += 1;
  }
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], i * 5050 + 100);
}

TEST(Team, UsesTheWorkersOfTheTeamBefore) {
  ThreadPool pool(3);
  std::set<std::thread::id> all;
  for (int round = 0; round < 20; ++round) {
    Team team(pool, 0);
    all.merge(members_of(team));
  }
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(pool.num_workers(), 2u);
}

TEST(Team, ThousandsOfTinyRunsLoseNoTask) {
  ThreadPool pool(3);
  Team team(pool, 0);
  std::atomic<std::size_t> done{0};
  constexpr std::size_t kRuns = 2000;
  for (std::size_t i = 0; i < kRuns; ++i) {
    team.run(3, [&](std::size_t) { done.fetch_add(1, std::memory_order_relaxed); });
  }
  EXPECT_EQ(done, 3 * kRuns);
}

TEST(Team, WorkersThatHaveFallenAsleepWakeUp) {
  ThreadPool pool(3);
  Team team(pool, 0);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(members_of(team).size(), 3u);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // far beyond the spinning
  }
}

TEST(Team, MembersWithoutWorkFallAsleep) {
  ThreadPool pool(3);
  std::optional<Team> team(std::in_place, pool, 0);
  for (const bool borrowed : {true, false}) {
    EXPECT_EQ(members_of(*team).size(), 3u);
    if (!borrowed) team.reset();
    const std::clock_t begin = std::clock();  // of all threads
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, 0.2) << "borrowed: " << borrowed;  // of 1.0 for two threads awake
  }
}

TEST(Team, RethrowsOnceNoTaskRunsAndBeginsNoMore) {
  ThreadPool pool(4);
  Team team(pool, 0);
  constexpr std::size_t kTasks = 2000;
  std::atomic<std::size_t> begun{0};
  std::atomic<std::size_t> finished{0};
  const auto task = [&](std::size_t i) {
    ++begun;
    if (i == 0) throw std::runtime_error("task 0");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++finished;
  };
  try {
    team.run(kTasks, task);
    FAIL() << "expected an exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "task 0");
    EXPECT_EQ(finished, begun - 1);
    EXPECT_LT(begun, kTasks);
  }
  finished = 0;
  team.run(3, [&](std::size_t) { ++finished; });
  EXPECT_EQ(finished, 3u);
}

TEST(Team, RethrowsOneOfManyExceptions) {
  ThreadPool pool(4);
  Team team(pool, 0);
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(team.run(40, [](std::size_t i) { throw static_cast<int>(i); }), int);
  }
}

TEST(Team, GetsWhatTheTeamsBeforeItLeave) {
  ThreadPool pool(4);
  std::optional<Team> first(std::in_place, pool, 3);
  EXPECT_EQ(first->concurrency(), 3u);
  {
    // A caller's own thread is always there, so two callers and two workers are busy now.
    const Team second(pool, 0);
    EXPECT_EQ(second.concurrency(), 1u);
    const Team third(pool, 0);
    EXPECT_EQ(third.concurrency(), 1u);
  }
  first.reset();
  EXPECT_EQ(Team(pool, 0).concurrency(), 4u);
  EXPECT_EQ(pool.num_workers(), 3u);
}

TEST(Team, InsideATaskOfAnotherTeamFindsTheCoresTaken) {
  ThreadPool pool(3);
  Team outer(pool, 0);
  std::atomic<std::size_t> done{0};
  outer.run(6, [&](std::size_t) {
    Team inner(pool, 0);
    EXPECT_EQ(inner.concurrency(), 1u);
    inner.run(10, [&](std::size_t) { ++done; });
  });
  EXPECT_EQ(done, 60u);
  EXPECT_EQ(pool.num_workers(), 2u);
}

TEST(Team, ManyCallersTogetherBorrowNoMoreWorkersThanTheCoresLeave) {
  constexpr std::size_t kCores = 3;
  constexpr std::size_t kCallers = 6;
  ThreadPool pool(kCores);
  std::atomic<std::size_t> running{0};
  std::atomic<std::size_t> most{0};
  std::atomic<std::size_t> done{0};
  std::vector<std::thread> callers;
  for (std::size_t c = 0; c < kCallers; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        Team team(pool, 0);
        team.run(4, [&](std::size_t) {
          const std::size_t now = ++running;
          std::size_t seen = most;
          while (seen < now && !most.compare_exchange_weak(seen, now)) {
          }
          ++done;
          --running;
        });
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(done, kCallers * 300 * 4);
  EXPECT_LE(pool.num_workers(), kCores - 1);
  EXPECT_LE(most, kCallers + kCores - 1);
  // Everything came back.
  EXPECT_EQ(Team(pool, 0).concurrency(), kCores);
}

TEST(Team, GoesOnWithFewerThreadsWhenNoMoreCanBeStarted) {
  for (long allowed = 0; allowed < 8; ++allowed) {
    ThreadPool starved(4);
    testing::allocations_before_failure = allowed;
    std::size_t concurrency = 0;
    try {
      const Team team(starved, 0);
      concurrency = team.concurrency();
    } catch (...) {
    }
    testing::allocations_before_failure = -1;
    EXPECT_GE(concurrency, 1u) << "with " << allowed << " allocations";
    EXPECT_LE(concurrency, static_cast<std::size_t>(allowed) + 1);
    EXPECT_EQ(starved.num_workers(), concurrency - 1);
    EXPECT_EQ(Team(starved, 0).concurrency(), 4u);
  }
}

TEST(Team, RunAllocatesNothing) {
  ThreadPool pool(3);
  Team(pool, 0).run(3, [](std::size_t) {});
  const std::size_t before = testing::num_allocations;
  {
    Team team(pool, 0);
    for (int i = 0; i < 100; ++i) team.run(8, [](std::size_t) {});
  }
  EXPECT_EQ(testing::num_allocations, before);
}

TEST(ThreadPool, EndsWithWorkersBusyAMomentAgoOrLongAsleepOrNeverUsed) {
  for (int round = 0; round < 50; ++round) {
    ThreadPool pool(4);
    Team team(pool, 0);
    if (round % 3 != 0) team.run(8, [](std::size_t) {});
    if (round % 10 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// The shared pool is made after an object that lives longer and has threads that use it.
TEST(ThreadPoolDeathTest, SharedOneMayBeInUseWhenTheProgramEnds) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";  // starts the program anew
  struct Service {
    std::vector<std::jthread> threads;
    ~Service() {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      threads.clear();
      if (Team(ThreadPool::shared(), 3).concurrency() != 1) std::_Exit(1);
    }
  };
  const auto use_until_the_end = [] {
    static Service service;
    for (int i = 0; i < 3; ++i) {
      service.threads.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          Team team(ThreadPool::shared(), 3);
          team.run(3, [](std::size_t) {});
        }
      });
    }
    while (ThreadPool::shared().num_workers() == 0) std::this_thread::yield();
    std::exit(0);
  };
  EXPECT_EXIT(use_until_the_end(), ::testing::ExitedWithCode(0), "");
}

TEST(ThreadPool, SharedOneIsOneAndHasTheAvailableCores) {
  EXPECT_EQ(&ThreadPool::shared(), &ThreadPool::shared());
  EXPECT_EQ(ThreadPool::shared().num_cores(), available_cores());
}

}  // namespace
}  // namespace semblance
