#pragma once

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "semblance/core/available_cores.h"
#include "semblance/core/core_avoidance.h"
#include "semblance/core/executor.h"
#include "semblance/core/waitable_count.h"

namespace semblance {

namespace detail {

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns when the count is another than `seen`. Spins for a moment, since the next product follows
// within microseconds. Then, while staying awake is worth it, lets other threads have the core in
// between: one that slept would be woken tens of microseconds late, at each of the dozens of steps
// of a short text. Then sleeps.
template <class WorthStayingAwake>
void wait_for_change(WaitableCount& count, std::uint32_t seen,
                     WorthStayingAwake&& worth_staying_awake) noexcept {
  constexpr int kSpins = 1500;   // tens of microseconds
  constexpr int kYields = 4000;  // milliseconds
  for (int spin = 0; spin < kSpins; ++spin) {
    if (count.load() != seen) return;
    cpu_relax();
  }
  for (int yield = 0; yield < kYields && worth_staying_awake(); ++yield) {
    if (count.load() != seen) return;
    std::this_thread::yield();
  }
  count.wait(seen);
}

// A thread that runs one job at a time for whoever borrowed it.
class Worker {
 public:
  Worker() : thread_([this] { loop(); }) {}
  ~Worker() {
    stopping_.store(true, std::memory_order_relaxed);
    posted_.increment();
    thread_.join();
  }

  // Wakes the thread. Until it is given back it stays awake for some milliseconds after each job.
  void borrow() noexcept {
    borrowed_.store(true, std::memory_order_relaxed);
    wake();
  }
  void give_back() noexcept { borrowed_.store(false, std::memory_order_relaxed); }

  // `job` must not throw and must live until finish() returns.
  void start(FunctionRef<void()>& job) noexcept {
    job_.store(&job, std::memory_order_release);
    wake();
  }
  // Returns when the job that was started is over: takes it back where the thread has not begun it,
  // else waits: a thread that is woken late would keep its caller from what it can do itself.
  void finish() noexcept {
    if (job_.exchange(nullptr, std::memory_order_acq_rel) != nullptr) return;
    ++num_begun_;
    std::uint32_t finished = finished_.load();
    while (finished != num_begun_) {
      wait_for_change(finished_, finished, [] { return true; });
      finished = finished_.load();
    }
  }

  std::unique_ptr<Worker> next;  // in the list that owns this worker

 private:
  void wake() noexcept {
    core_avoidance_.avoid_core_of_caller(thread_);
    posted_.increment();
  }
  void loop() noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      wait_for_change(posted_, seen, [this] { return borrowed_.load(std::memory_order_relaxed); });
      seen = posted_.load();
      if (stopping_.load(std::memory_order_relaxed)) return;
      FunctionRef<void()>* job = job_.exchange(nullptr, std::memory_order_acq_rel);
      if (job == nullptr) continue;  // taken back, or none yet
      (*job)();
      finished_.increment();
    }
  }

  WaitableCount posted_;
  WaitableCount finished_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> borrowed_{false};
  std::atomic<FunctionRef<void()>*> job_{nullptr};  // whoever takes it out runs it, or nobody does
  std::uint32_t num_begun_ = 0;                     // jobs not taken back; the borrower's
  CoreAvoidance core_avoidance_;                    // the borrower's
  std::thread thread_;
};

}  // namespace detail

// Worker threads shared by everything in the process, so that two encoders, or one called from many
// threads, do not keep more threads busy than there are cores. A caller works too and borrows the
// workers that the others leave; when none is left, it does everything itself. Threads start when
// first borrowed; idle ones sleep.
class ThreadPool {
 public:
  class Team;

  // Beyond the cores: a large number asked for would else take all threads that the system has.
  static constexpr std::size_t kMostThreads = 256;

  // The pool of this process. The child of a fork() has a fresh one, since threads do not live on
  // in it; a Team made before goes on there without its workers. Fork while no other thread
  // encodes: locks that it holds stay locked in the child. When the program ends the idle threads
  // do too: calls that still run keep theirs, new ones run on their caller alone.
  static ThreadPool& shared();

  explicit ThreadPool(std::size_t num_cores = available_cores())
      : num_cores_(std::max<std::size_t>(num_cores, 1)) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { close(); }

  std::size_t num_cores() const noexcept { return num_cores_; }
  // Threads started so far.
  std::size_t num_workers() const {
    const std::lock_guard lock(mutex_);
    return num_workers_;
  }

 private:
  struct SharedLife;

  ThreadPool(std::size_t num_cores, std::size_t num_forks)
      : num_cores_(num_cores), num_forks_(num_forks) {}

  // Ends the workers that are idle; those lent out end when they are given back, and there will be
  // no new ones.
  void close() noexcept {
    std::unique_ptr<detail::Worker> idle;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      idle = std::move(idle_);
    }
    end(std::move(idle));
  }
  static void end(std::unique_ptr<detail::Worker> workers) noexcept {
    while (workers) workers = std::move(workers->next);
  }

  const std::size_t num_cores_;
  const std::size_t num_forks_ = 0;  // from the process where it was first made to this one
  mutable std::mutex mutex_;
  std::unique_ptr<detail::Worker> idle_;  // the head of a list
  std::size_t num_workers_ = 0;
  std::size_t num_busy_ = 0;  // callers and borrowed workers
  bool closed_ = false;
};

// From the making of the shared pool to the end of the program, when it is closed but stays in its
// place, for threads that still encode. In a child it is made once more in the same place: nothing
// of the old one is touched, nor memory allocated.
struct ThreadPool::SharedLife {
  explicit SharedLife(void* place) : pool(::new (place) ThreadPool()) {
#if defined(__unix__) || defined(__APPLE__)
    ::pthread_atfork(nullptr, nullptr, [] {
      ThreadPool& old = shared();
      const std::size_t num_cores = old.num_cores_;
      const std::size_t num_forks = old.num_forks_ + 1;
      ::new (&old) ThreadPool(num_cores, num_forks);
    });
#endif
  }
  SharedLife(const SharedLife&) = delete;
  SharedLife& operator=(const SharedLife&) = delete;
  ~SharedLife() { pool->close(); }

  ThreadPool* pool;
};

inline ThreadPool& ThreadPool::shared() {
  alignas(ThreadPool) static std::byte place[sizeof(ThreadPool)];
  static const SharedLife life(place);
  return *std::launder(reinterpret_cast<ThreadPool*>(place));
}

// The calling thread and the workers it borrowed, for as long as this lives; one run() at a time.
class ThreadPool::Team final : public Executor {
 public:
  // At most num_threads threads, the caller included; 0 means as many as there are cores. A number
  // above the cores is honoured up to kMostThreads.
  Team(ThreadPool& pool, std::size_t num_threads) : pool_(pool), num_forks_(pool.num_forks_) {
    if (num_threads == 0) num_threads = pool.num_cores();
    num_threads = std::min(num_threads, std::max(pool.num_cores(), kMostThreads));
    borrow_workers(num_threads);
    for (auto* member = members_.get(); member; member = member->next.get()) member->borrow();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() override {
    if (forked()) {
      // NOLINTNEXTLINE(bugprone-unused-return-value): threads of the parent, not to be joined here
      static_cast<void>(members_.release());
      return;
    }
    std::unique_lock lock(pool_.mutex_);
    pool_.num_busy_ -= concurrency_;
    if (pool_.closed_) {
      lock.unlock();
      ThreadPool::end(std::move(members_));
      return;
    }
    while (members_) {
      members_->give_back();
      std::unique_ptr<detail::Worker> rest = std::move(members_->next);
      members_->next = std::move(pool_.idle_);
      pool_.idle_ = std::move(members_);
      members_ = std::move(rest);
    }
  }

  std::size_t concurrency() const noexcept override { return concurrency_; }

  void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) override {
    if (concurrency_ == 1 || num_tasks <= 1 || forked()) {
      for (std::size_t i = 0; i < num_tasks; ++i) task(i);
      return;
    }
    std::atomic<std::size_t> next_task{0};
    std::exception_ptr error;
    std::mutex error_mutex;
    const auto work = [&]() noexcept {
      for (std::size_t i; (i = next_task.fetch_add(1, std::memory_order_relaxed)) < num_tasks;) {
        try {
          task(i);
        } catch (...) {
          next_task.store(num_tasks, std::memory_order_relaxed);
          const std::lock_guard lock(error_mutex);
          if (!error) error = std::current_exception();
        }
      }
    };
    FunctionRef<void()> job(work);
    const auto for_each_helper = [&](auto&& action) {
      std::size_t helpers = num_tasks - 1;
      for (auto* member = members_.get(); member && helpers != 0; member = member->next.get()) {
        action(*member);
        --helpers;
      }
    };
    for_each_helper([&](detail::Worker& helper) { helper.start(job); });
    work();
    for_each_helper([](detail::Worker& helper) { helper.finish(); });
    if (error) std::rethrow_exception(error);
  }

 private:
  void borrow_workers(std::size_t num_threads) {
    const std::lock_guard lock(pool_.mutex_);
    ++pool_.num_busy_;
    const std::size_t limit = std::max(pool_.num_cores_, num_threads);
    while (concurrency_ < num_threads && pool_.num_busy_ < limit) {
      std::unique_ptr<detail::Worker> worker = take_worker();
      if (!worker) break;
      worker->next = std::move(members_);
      members_ = std::move(worker);
      ++concurrency_;
      ++pool_.num_busy_;
    }
  }
  // Nothing when the system has no thread or no memory left to give: the caller goes on with fewer.
  std::unique_ptr<detail::Worker> take_worker() {
    if (pool_.closed_) return nullptr;
    if (pool_.idle_) {
      std::unique_ptr<detail::Worker> worker = std::move(pool_.idle_);
      pool_.idle_ = std::move(worker->next);
      return worker;
    }
    try {
      auto worker = std::make_unique<detail::Worker>();
      ++pool_.num_workers_;
      return worker;
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  bool forked() const noexcept { return num_forks_ != pool_.num_forks_; }

  ThreadPool& pool_;
  const std::size_t num_forks_;
  std::unique_ptr<detail::Worker> members_;  // the head of a list
  std::size_t concurrency_ = 1;
};

}  // namespace semblance
