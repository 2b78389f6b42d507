#include "progress_bar.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "signals.h"

namespace program {

namespace {

std::string minutes_and_seconds(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  char text[32];
  std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

}  // namespace

ProgressBar::ProgressBar()
    : on_terminal_(::isatty(STDERR_FILENO) == 1), next_draw_(started_ + std::chrono::seconds(1)) {
  const char* terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") on_terminal_ = false;
}

ProgressBar::~ProgressBar() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  set_progress_line(false);
}

void ProgressBar::update(std::size_t num_texts, std::optional<double> fraction) {
  const auto now = Clock::now();
  if (!on_terminal_ || now < next_draw_) return;
  next_draw_ = now + std::chrono::milliseconds(200);
  const double seconds = std::chrono::duration<double>(now - started_).count();

  std::string line;
  if (fraction) {
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(*fraction * kWidth);
    line.append("[").append(static_cast<std::size_t>(filled), '#');
    line.append(static_cast<std::size_t>(kWidth - filled), '.').append("] ");
    line.append(std::to_string(static_cast<int>(*fraction * 100))).append("%  ");
  }
  char rate[64];
  std::snprintf(rate, sizeof rate, "%zu texts, %.4g/s", num_texts,
                static_cast<double>(num_texts) / seconds);
  line += rate;
  if (fraction && *fraction > 0.01) {
    line += ", " + minutes_and_seconds(seconds / *fraction - seconds) + " left";
  }
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
  set_progress_line(true);
}

}  // namespace program
