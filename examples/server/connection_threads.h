#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "semblance/core/error.h"

// After Eigen where both are needed: the system's resolv.h has a macro _res.
#include <httplib.h>

namespace server {

// Threads that serve a connection each; others wait for their turn. cpp-httplib's own hang where
// the system gives fewer threads than are asked for.
class ConnectionThreads : public httplib::TaskQueue {
 public:
  // Throws semblance::Error where the system gives fewer threads.
  explicit ConnectionThreads(std::size_t num_threads) {
    try {
      while (threads_.size() < num_threads) threads_.emplace_back([this] { run(); });
    } catch (const std::exception& error) {
      const std::size_t found = threads_.size();
      shutdown();
      throw semblance::Error("--connections: expected " + std::to_string(num_threads) +
                             " threads, found " + std::to_string(found) + ": " + error.what());
    }
  }
  ConnectionThreads(const ConnectionThreads&) = delete;
  ConnectionThreads& operator=(const ConnectionThreads&) = delete;
  ~ConnectionThreads() override { shutdown(); }

  void enqueue(std::function<void()> serve) override {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(serve));
    }
    changed_.notify_one();
  }

  // Returns when what waits is served too.
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const std::function<void()> serve = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      serve();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace server
