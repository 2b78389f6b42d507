#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace program {

// A line on standard error that says how far the work is: only on a terminal, only when the work
// takes longer than a moment, a few times a second at most. Gone when the work ends.
class ProgressBar {
 public:
  ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  //   num_texts  done so far
  //   fraction   of the whole, in [0, 1], where that is known
  void update(std::size_t num_texts, std::optional<double> fraction);

 private:
  using Clock = std::chrono::steady_clock;

  bool on_terminal_;
  bool drawn_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point next_draw_;
};

}  // namespace program
