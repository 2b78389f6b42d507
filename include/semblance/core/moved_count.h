#pragma once

#include <cstddef>

namespace semblance {

// How many things an object holds: none once it is moved from, where a plain number would stay.
class MovedCount {
 public:
  MovedCount(std::size_t count = 0) noexcept : count_(count) {}
  MovedCount(const MovedCount&) = default;
  MovedCount& operator=(const MovedCount&) = default;
  MovedCount(MovedCount&& other) noexcept : count_(other.count_) { other.count_ = 0; }
  MovedCount& operator=(MovedCount&& other) noexcept {
    count_ = other.count_;
    other.count_ = 0;  // also where it is this one: what it counts is gone then too
    return *this;
  }
  ~MovedCount() = default;

  operator std::size_t() const noexcept { return count_; }
  MovedCount& operator+=(std::size_t more) noexcept {
    count_ += more;
    return *this;
  }

 private:
  std::size_t count_;
};

}  // namespace semblance
