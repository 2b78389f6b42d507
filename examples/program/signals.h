#pragma once

#include <stop_token>
#include <string>

namespace program {

// Makes the signals by which users and systems end programs (SIGINT, SIGTERM, SIGHUP, SIGQUIT,
// SIGXCPU) remove the unfinished file, end a progress line and say that the program was interrupted
// before it ends - with status 1 after SIGINT, else by the signal - and a closed pipe an ordinary
// error of write().
void tidy_up_on_signals();

// The file to remove; empty for none. One at a time.
void set_unfinished_file(const std::string& path) noexcept;

// Tells the signal handler whether the cursor stands in a progress line.
void set_progress_line(bool on) noexcept;

// While it lives, a signal asks the work to stop, and ends the program only after it: for what
// takes more to tidy up than a handler can do. A second signal ends the program at once. One at a
// time.
class DeferredSignals {
 public:
  DeferredSignals();
  DeferredSignals(const DeferredSignals&) = delete;
  DeferredSignals& operator=(const DeferredSignals&) = delete;
  ~DeferredSignals();

  std::stop_token stop_token() const noexcept { return source_.get_token(); }

 private:
  std::stop_source source_;
};

}  // namespace program
