#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>

namespace semblance {

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
  std::size_t longest() const noexcept {
    std::size_t longest = 0;
    for (std::size_t i = 0; i < batch_size(); ++i) longest = std::max(longest, sequence_length(i));
    return longest;
  }

 private:
  std::span<const std::size_t> starts_;
};

}  // namespace semblance
