#pragma once

#include <atomic>
#include <cstdint>

// libstdc++ 12 loses wake-ups of std::atomic::wait where it has no futex: the value is looked at
// before the lock is taken.
#if defined(__GLIBCXX__) && !defined(__linux__)
#define SEMBLANCE_WAITS_WITH_A_LOCK 1
#include <condition_variable>
#include <mutex>
#else
#define SEMBLANCE_WAITS_WITH_A_LOCK 0
#endif

namespace semblance::detail {

// A number that one thread counts up and another waits for.
class WaitableCount {
 public:
  // Sees what was written before the increment().
  std::uint32_t load() const noexcept { return count_.load(std::memory_order_acquire); }

  // Wakes the waiting thread.
  void increment() noexcept {
#if SEMBLANCE_WAITS_WITH_A_LOCK
    {
      const std::lock_guard lock(mutex_);
      count_.fetch_add(1, std::memory_order_release);
    }
    changed_.notify_one();
#else
    count_.fetch_add(1, std::memory_order_release);
    count_.notify_one();
#endif
  }

  // Sleeps while the number is `seen`.
  void wait(std::uint32_t seen) noexcept {
#if SEMBLANCE_WAITS_WITH_A_LOCK
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return load() != seen; });
#else
    count_.wait(seen, std::memory_order_acquire);
#endif
  }

 private:
  std::atomic<std::uint32_t> count_{0};
#if SEMBLANCE_WAITS_WITH_A_LOCK
  std::mutex mutex_;
  std::condition_variable changed_;
#endif
};

}  // namespace semblance::detail

#undef SEMBLANCE_WAITS_WITH_A_LOCK
