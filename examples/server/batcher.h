#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "semblance/core/available_cores.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/semblance.h"

namespace server {

struct BatcherOptions {
  std::size_t max_batch_tokens = 4096;                    // that go through the encoder in one call
  std::size_t max_waiting_tokens = std::size_t{1} << 18;  // beyond these a request is turned away
  std::chrono::microseconds max_delay{0};  // how long a text waits for company while nothing runs
  std::size_t num_threads = 0;             // that encode; 0 is one a core
  std::optional<semblance::Pooling> pooling = {};  // instead of the folder's
};

// The texts of one request, as ids: [CLS] ... [SEP] of each.
class Job {
 public:
  std::vector<std::int32_t> input_ids;
  std::vector<std::size_t> starts{0};  // [num_texts + 1]
  std::vector<float> embeddings;       // [num_texts, dim], there once it is done
  bool raw = false;                    // a Normalize module of the folder is skipped

  std::size_t num_texts() const noexcept { return starts.size() - 1; }

 private:
  friend class Batcher;
  std::size_t num_left_ = 0;
  bool abandoned_ = false;
  std::exception_ptr error_;
  std::condition_variable done_;
};

// Puts the texts of requests that wait at the same time through the encoder together. As many
// threads as encode take batches from one queue, in order: the encoder lends a call the cores that
// the others leave, so that a text alone has all of them, and texts that come close together run
// side by side, where one batch of them would keep the first waiting for the last. A thread takes
// its share of the tokens that wait: a large request does not hold up those behind it, and under
// load batches fill by themselves. A text's vector does not depend on its company.
class Batcher {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Outcome { done, turned_away, timed_out };

  Batcher(const semblance::SentenceEncoder& encoder, const BatcherOptions& options)
      : encoder_(encoder),
        options_(options),
        dim_(encoder.output_dim({.pooling = options.pooling})),
        num_threads_(options.num_threads != 0 ? options.num_threads
                                              : semblance::available_cores()) {
    try {
      while (threads_.size() < num_threads_) {
        Room room(options_.max_batch_tokens);
        threads_.emplace_back([this, room = std::move(room)]() mutable { run(room); });
      }
    } catch (...) {
      end();
      throw;
    }
  }
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;
  // Finishes what waits.
  ~Batcher() { end(); }

  std::size_t dim() const noexcept { return dim_; }
  std::optional<semblance::Pooling> pooling() const noexcept { return options_.pooling; }

  // Encodes the job's texts and returns when all are done, when there is no room for them to wait,
  // or at the deadline. A request is always let in while no other waits. Rethrows what the encoder
  // threw.
  Outcome encode(const std::shared_ptr<Job>& job, Clock::time_point deadline) {
    job->embeddings.resize(job->num_texts() * dim_);
    job->num_left_ = job->num_texts();
    std::unique_lock lock(mutex_);
    if (num_waiting_tokens_ != 0 &&
        num_waiting_tokens_ + job->input_ids.size() > options_.max_waiting_tokens) {
      return Outcome::turned_away;
    }
    const auto now = Clock::now();
    try {
      for (std::size_t i = 0; i < job->num_texts(); ++i) {
        waiting_.push_back({job, i, now});
        num_waiting_tokens_ += waiting_.back().num_tokens();
      }
    } catch (...) {
      job->abandoned_ = true;  // what of it came in is dropped when its turn comes
      throw;
    }
    lock.unlock();
    work_.notify_one();
    lock.lock();
    if (!job->done_.wait_until(lock, deadline, [&] { return job->num_left_ == 0; })) {
      job->abandoned_ = true;  // what of it still waits is dropped when its turn comes
      return Outcome::timed_out;
    }
    if (job->error_) std::rethrow_exception(job->error_);
    return Outcome::done;
  }

  struct Counts {
    std::size_t waiting_texts = 0;
    std::size_t waiting_tokens = 0;
    std::uint64_t batches = 0;
    std::uint64_t texts = 0;
    std::uint64_t tokens = 0;
  };
  Counts counts() const {
    const std::lock_guard lock(mutex_);
    Counts counts = counts_;
    counts.waiting_texts = waiting_.size();
    counts.waiting_tokens = num_waiting_tokens_;
    return counts;
  }

 private:
  struct Item {
    std::shared_ptr<Job> job;
    std::size_t text = 0;
    Clock::time_point arrival;
    std::size_t num_tokens() const { return job->starts[text + 1] - job->starts[text]; }
  };

  // What fails for want of memory fails the requests of a batch, not the thread: that which must
  // not fail has its room from the start.
  struct Room {
    explicit Room(std::size_t max_texts) {
      batch.reserve(max_texts);
      done.reserve(max_texts);
    }
    std::vector<Item> batch;
    std::vector<Job*> done;
  };

  void end() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(Room& room) {
    auto& [batch, done] = room;
    std::vector<std::int32_t> input_ids;
    std::vector<std::size_t> starts;
    std::vector<float> embeddings;
    while (take(batch)) {
      std::exception_ptr error;
      try {
        encode(batch, input_ids, starts, embeddings);
      } catch (...) {
        error = std::current_exception();
      }
      hand_out(batch, embeddings, error, done);
      batch.clear();
      done.clear();
    }
  }

  void encode(const std::vector<Item>& batch, std::vector<std::int32_t>& input_ids,
              std::vector<std::size_t>& starts, std::vector<float>& embeddings) const {
    input_ids.clear();
    starts.assign(1, 0);
    for (const Item& item : batch) {
      const auto begin = item.job->input_ids.begin();
      input_ids.insert(input_ids.end(),
                       begin + static_cast<std::ptrdiff_t>(item.job->starts[item.text]),
                       begin + static_cast<std::ptrdiff_t>(item.job->starts[item.text + 1]));
      starts.push_back(input_ids.size());
    }
    embeddings.resize(batch.size() * dim_);
    encoder_.encode_ids_into(
        semblance::SequenceBatch(starts), input_ids, embeddings,
        {.pooling = options_.pooling,
         .normalize = batch.front().job->raw ? std::optional(false) : std::nullopt,
         .num_threads = options_.num_threads});
  }

  // Waits for texts and takes this thread's share, at most what a batch holds; false at the very
  // end.
  bool take(std::vector<Item>& batch) {
    std::unique_lock lock(mutex_);
    while (batch.empty()) {
      work_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return false;
      work_.wait_until(lock, waiting_.front().arrival + options_.max_delay, [&] {
        return stopping_ || num_waiting_tokens_ >= options_.max_batch_tokens;
      });
      const std::size_t share = (num_waiting_tokens_ + num_threads_ - 1) / num_threads_;
      const std::size_t limit = std::min(share, options_.max_batch_tokens);
      std::size_t num_tokens = 0;
      while (!waiting_.empty() && batch.size() < batch.capacity()) {
        Item& item = waiting_.front();
        const std::size_t more = item.num_tokens();
        if (!item.job->abandoned_) {
          if (!batch.empty() &&
              (num_tokens + more > limit || item.job->raw != batch.front().job->raw)) {
            break;
          }
          num_tokens += more;
          batch.push_back(std::move(item));
        }
        num_waiting_tokens_ -= more;
        waiting_.pop_front();
      }
    }
    if (!waiting_.empty()) work_.notify_one();  // the next share is for another thread
    return true;
  }

  // Each request is woken alone, and after the lock is free.
  void hand_out(const std::vector<Item>& batch, const std::vector<float>& embeddings,
                const std::exception_ptr& error, std::vector<Job*>& done) {
    std::size_t num_tokens = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      num_tokens += batch[i].num_tokens();
      if (error) continue;
      std::copy_n(embeddings.data() + i * dim_, dim_,
                  batch[i].job->embeddings.data() + batch[i].text * dim_);
    }
    {
      const std::lock_guard lock(mutex_);
      for (const Item& item : batch) {
        if (error) item.job->error_ = error;
        if (--item.job->num_left_ == 0) done.push_back(item.job.get());
      }
      ++counts_.batches;
      counts_.texts += batch.size();
      counts_.tokens += num_tokens;
    }
    for (Job* job : done) job->done_.notify_one();
  }

  const semblance::SentenceEncoder& encoder_;
  const BatcherOptions options_;
  const std::size_t dim_;
  const std::size_t num_threads_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Item> waiting_;
  std::size_t num_waiting_tokens_ = 0;
  Counts counts_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace server
