#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace semblance {

// A row that was found, and its score.
struct Hit {
  std::size_t row = 0;
  float score = 0.0f;
  bool operator==(const Hit&) const = default;
};

// The order of results: the better score first, equal scores by row number.
inline bool ranks_before(const Hit& a, const Hit& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

// The k best hits seen so far, in any order of arrival. A score that is NaN never ranks.
class BestHits {
 public:
  explicit BestHits(std::size_t k) : k_(k) {}

  bool full() const noexcept { return heap_.size() == k_; }
  // The hit that a better one would push out; only when full and k > 0.
  const Hit& worst() const noexcept { return heap_.front(); }

  void add(const Hit& hit) {
    if (k_ == 0 || std::isnan(hit.score)) return;
    if (!full()) {
      heap_.push_back(hit);
    } else if (ranks_before(hit, worst())) {
      std::pop_heap(heap_.begin(), heap_.end(), ranks_before);
      heap_.back() = hit;
    } else {
      return;
    }
    std::push_heap(heap_.begin(), heap_.end(), ranks_before);
  }

  void add(const BestHits& other) {
    for (const Hit& hit : other.heap_) add(hit);
  }

  // Best first.
  std::vector<Hit> sorted() const {
    std::vector<Hit> hits = heap_;
    std::sort_heap(hits.begin(), hits.end(), ranks_before);
    return hits;
  }

 private:
  std::size_t k_;
  std::vector<Hit> heap_;  // its front ranks last
};

inline std::vector<std::vector<Hit>> sorted_hits(const std::vector<BestHits>& best) {
  std::vector<std::vector<Hit>> hits;
  hits.reserve(best.size());
  for (const BestHits& of_query : best) hits.push_back(of_query.sorted());
  return hits;
}

}  // namespace semblance
