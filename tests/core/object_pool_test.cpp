#include "semblance/core/object_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace semblance {
namespace {

struct Counted {
  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> made{0};
  std::vector<int> memory;
  std::atomic<int> users{0};
  Counted() { ++alive, ++made; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
};

TEST(ObjectPool, LendsTheSameObjectAgainWithWhatItHasGrown) {
  ObjectPool<Counted> pool;
  const Counted* first = nullptr;
  {
    const auto loan = pool.borrow();
    loan->memory.assign(100, 1);
    first = &*loan;
  }
  const auto again = pool.borrow();
  EXPECT_EQ(&*again, first);
  EXPECT_EQ(again->memory.size(), 100u);
}

TEST(ObjectPool, LendsDifferentObjectsAtTheSameTimeAndKeepsThemAll) {
  Counted::made = 0;
  {
    ObjectPool<Counted> pool;
    std::set<const Counted*> seen;
    for (int round = 0; round < 2; ++round) {
      const auto a = pool.borrow();
      const auto b = pool.borrow();
      const auto c = pool.borrow();
      EXPECT_NE(&*a, &*b);
      EXPECT_NE(&*b, &*c);
      EXPECT_NE(&*a, &*c);
      seen.insert({&*a, &*b, &*c});
    }
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_EQ(Counted::made, 3);
    EXPECT_EQ(Counted::alive, 3);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(ObjectPool, NoObjectHasTwoUsersWhenManyThreadsBorrow) {
  constexpr int kThreads = 4;
  Counted::made = 0;
  ObjectPool<Counted> pool;
  std::atomic<int> clashes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto loan = pool.borrow();
        if (++loan->users != 1) ++clashes;
        loan->memory.assign(1, i);  // a data race here is the thread sanitizer's to find
        --loan->users;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clashes, 0);
  EXPECT_LE(Counted::made, kThreads);
}

}  // namespace
}  // namespace semblance
