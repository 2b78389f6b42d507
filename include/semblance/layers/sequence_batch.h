#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

namespace semblance {

// Which tokens' hidden states of the last layer are wanted. Where a sentence vector is made of the
// first token of each text alone, the last layer computes no other: its keys and values see all
// tokens, its queries, its output and its feed-forward only the first.
enum class WantedTokens { all, first };

// Which rows belong to which text when texts are laid end to end, without padding: text i owns the
// rows [starts[i], starts[i + 1]).
class SequenceBatch {
 public:
  //   starts  [batch_size + 1], the first 0, none below the one before it; must outlive the object
  // Throws std::invalid_argument for any other.
  explicit SequenceBatch(std::span<const std::size_t> starts) : starts_(starts) {
    if (starts.empty() || starts.front() != 0) {
      throw std::invalid_argument("starts: expected 0 first, found " +
                                  (starts.empty() ? "nothing" : std::to_string(starts.front())));
    }
    const auto falls = std::is_sorted_until(starts.begin(), starts.end());
    if (falls != starts.end()) {
      throw std::invalid_argument("starts: expected at least " + std::to_string(falls[-1]) +
                                  " after it, found " + std::to_string(*falls));
    }
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
