#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>

namespace semblance {

// Which tokens' hidden states of the last layer are wanted. Where a sentence vector is made of the
// first token of each text alone, the last layer computes no other: its keys and values see all
// tokens, its queries, its output and its feed-forward only the first.
enum class WantedTokens { all, first };

// Which rows belong to which text when texts are laid end to end, without padding: text i owns the
// rows [starts[i], starts[i + 1]). `starts` has batch_size + 1 entries, the first 0.
class SequenceBatch {
 public:
  explicit SequenceBatch(std::span<const std::size_t> starts) noexcept : starts_(starts) {
    assert(!starts.empty() && starts.front() == 0);
  }

  std::size_t batch_size() const noexcept { return starts_.size() - 1; }
  std::size_t num_tokens() const noexcept { return starts_.back(); }
  std::size_t start(std::size_t i) const noexcept { return starts_[i]; }
  std::size_t sequence_length(std::size_t i) const noexcept { return starts_[i + 1] - starts_[i]; }
  // The text that owns a row, or batch_size() if none does.
  std::size_t sequence_of(std::size_t row) const noexcept {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), row);
    return static_cast<std::size_t>(after - starts_.begin()) - 1;
  }
  std::size_t longest() const noexcept {
    std::size_t longest = 0;
    for (std::size_t i = 0; i < batch_size(); ++i) longest = std::max(longest, sequence_length(i));
    return longest;
  }
  // Whether every text has a token.
  bool has_first_tokens() const noexcept {
    for (std::size_t i = 0; i < batch_size(); ++i) {
      if (sequence_length(i) == 0) return false;
    }
    return true;
  }

 private:
  std::span<const std::size_t> starts_;
};

}  // namespace semblance
