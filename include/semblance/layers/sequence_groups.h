#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "semblance/layers/sequence_batch.h"

namespace semblance {

// Which texts go through the encoder together. A group is what one thread runs at a time; there is
// no padding, so grouping serves only balance and memory, never the result.
class SequenceGroups {
 public:
  // Deals the texts of a batch into groups of at most about `token_budget` tokens and
  // `max_sequences` texts, as many groups of as nearly equal work as fill `concurrency` threads
  // evenly: the longest first, each to the group with the fewest tokens (Graham 1969).
  void plan(const SequenceBatch& batch, std::size_t max_sequences, std::size_t token_budget,
            std::size_t concurrency) {
    const std::size_t batch_size = batch.batch_size();
    const std::size_t total = batch.num_tokens();
    max_sequences = std::max<std::size_t>(max_sequences, 1);
    const auto ceil_div = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
    std::size_t num_groups = std::max(
        {ceil_div(total, token_budget), ceil_div(batch_size, max_sequences), std::size_t{1}});
    num_groups = ceil_div(num_groups, concurrency) * concurrency;
    num_groups = std::max<std::size_t>(std::min(num_groups, batch_size), 1);

    by_length_.resize(batch_size);
    std::iota(by_length_.begin(), by_length_.end(), std::uint32_t{0});
    std::sort(by_length_.begin(), by_length_.end(), [&](std::uint32_t a, std::uint32_t b) {
      const std::size_t length_a = batch.sequence_length(a);
      const std::size_t length_b = batch.sequence_length(b);
      return length_a != length_b ? length_a > length_b : a < b;
    });
    load_.assign(num_groups, {});
    group_of_.resize(batch_size);
    const auto comes_later = [&](std::uint32_t a, std::uint32_t b) {
      return load_[a].tokens != load_[b].tokens ? load_[a].tokens > load_[b].tokens : a > b;
    };
    open_.resize(num_groups);
    std::iota(open_.begin(), open_.end(), std::uint32_t{0});  // a heap, as all are empty
    for (const std::uint32_t text : by_length_) {
      std::pop_heap(open_.begin(), open_.end(), comes_later);
      const std::uint32_t group = open_.back();
      load_[group].tokens += batch.sequence_length(text);
      group_of_[text] = group;
      if (++load_[group].count == max_sequences) {
        open_.pop_back();
      } else {
        std::push_heap(open_.begin(), open_.end(), comes_later);
      }
    }
    starts_.assign(num_groups + 1, 0);
    for (std::size_t g = 0; g < num_groups; ++g) starts_[g + 1] = starts_[g] + load_[g].count;
    members_.resize(batch_size);
    for (auto& load : load_) load.count = 0;
    for (const std::uint32_t text : by_length_) {
      const std::size_t g = group_of_[text];
      members_[starts_[g] + load_[g].count++] = text;
    }
    heaviest_ = 0;
    for (const auto& load : load_) heaviest_ = std::max(heaviest_, load.tokens);
    total_ = total;
  }

  std::size_t size() const noexcept { return starts_.size() - 1; }
  // The texts of group g, longest first.
  std::span<const std::uint32_t> operator[](std::size_t g) const noexcept {
    return {members_.data() + starts_[g], starts_[g + 1] - starts_[g]};
  }
  // Whether `concurrency` threads that take a group each would idle for more than about a quarter
  // of the time, so that they had better share each group's work.
  bool unbalanced(std::size_t concurrency) const noexcept {
    const std::size_t rounds = (size() + concurrency - 1) / concurrency;
    return rounds * heaviest_ * concurrency * 3 > total_ * 4;
  }

 private:
  struct Load {
    std::size_t tokens = 0;
    std::size_t count = 0;
  };
  std::vector<std::uint32_t> by_length_;
  std::vector<std::uint32_t> group_of_;
  std::vector<std::uint32_t> members_;
  std::vector<std::size_t> starts_{0};
  std::vector<Load> load_;
  std::vector<std::uint32_t> open_;  // groups with room, a heap with the fewest tokens on top
  std::size_t heaviest_ = 0;
  std::size_t total_ = 0;
};

}  // namespace semblance
