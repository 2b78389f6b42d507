#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <mutex>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/search/metric.h"
#include "semblance/search/row_blocks.h"
#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Two rows of one set, first < second.
struct RowPair {
  std::size_t first = 0;
  std::size_t second = 0;
  float score = 0.0f;
  bool operator==(const RowPair&) const = default;
};

struct ParaphraseMiningOptions {
  std::size_t max_pairs = 500000;
  float min_score = -std::numeric_limits<float>::infinity();  // pairs below are left out
  Metric metric = Metric::cosine;
  Executor* executor = nullptr;
};

// The best pairs of a set, best first. Exact: all n (n - 1) / 2 pairs are scored, tile by tile, and
// only max_pairs of them are kept, so memory does not grow with n^2. Unlike sentence-transformers'
// paraphrase_mining there is no limit on the pairs of one row, hence nothing that it could miss.
// Pairs whose score is NaN are left out. The result does not depend on the executor. Throws
// std::invalid_argument for a min_score that is NaN and a number that is no metric.
//   rows [n, size]
std::vector<RowPair> paraphrase_mining(MatrixView<const float> rows,
                                       const ParaphraseMiningOptions& options = {});

namespace detail {

// The best pairs of all tasks. A task brings its finds in batches and may drop what scores below
// floor(), which only rises.
class BestPairs {
 public:
  BestPairs(std::size_t max_pairs, float min_score) : max_pairs_(max_pairs), floor_(min_score) {}

  float floor() const noexcept { return floor_.load(std::memory_order_relaxed); }

  void merge(std::vector<RowPair>& found) {
    const std::lock_guard lock(mutex_);
    for (const RowPair& pair : found) add(pair);
    found.clear();
    if (heap_.size() == max_pairs_) floor_.store(heap_.front().score, std::memory_order_relaxed);
  }

  std::vector<RowPair> sorted() && {
    std::sort_heap(heap_.begin(), heap_.end(), before);
    return std::move(heap_);
  }

 private:
  // The better score first, equal scores by first row, then by second.
  static bool before(const RowPair& a, const RowPair& b) noexcept {
    if (a.score != b.score) return a.score > b.score;
    return a.first != b.first ? a.first < b.first : a.second < b.second;
  }

  void add(const RowPair& pair) {
    if (heap_.size() < max_pairs_) {
      heap_.push_back(pair);
    } else if (before(pair, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), before);
      heap_.back() = pair;
    } else {
      return;
    }
    std::push_heap(heap_.begin(), heap_.end(), before);
  }

  std::size_t max_pairs_;
  std::mutex mutex_;
  std::vector<RowPair> heap_;  // its front ranks last
  std::atomic<float> floor_;
};

}  // namespace detail

inline std::vector<RowPair> paraphrase_mining(MatrixView<const float> rows,
                                              const ParaphraseMiningOptions& options) {
  if (options.max_pairs == 0 || rows.rows < 2) return {};
  if (std::isnan(options.min_score)) {
    throw std::invalid_argument("paraphrase_mining: min_score is not a number");
  }
  const auto norms =
      options.metric == Metric::cosine ? detail::row_norms(rows) : std::vector<double>();
  detail::BestPairs best(options.max_pairs, options.min_score);
  constexpr std::size_t kPairsPerMerge = 8192;
  const auto mine_tile = [&](std::size_t tile) {
    std::vector<RowPair> found;
    detail::scan_upper_triangle(
        rows, norms, options.metric, detail::kTileRows, tile,
        [&](std::size_t i, std::size_t first, std::span<const float> scores) {
          const float floor = best.floor();
          for (std::size_t j = 0; j < scores.size(); ++j) {
            if (scores[j] >= floor) found.push_back({i, first + j, scores[j]});
          }
          if (found.size() >= kPairsPerMerge) best.merge(found);
        });
    best.merge(found);
  };
  InlineExecutor here;
  (options.executor != nullptr ? *options.executor : here)
      .run((rows.rows + detail::kTileRows - 1) / detail::kTileRows, mine_tile);
  return std::move(best).sorted();
}

}  // namespace semblance
