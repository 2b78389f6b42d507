#include "signals.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string_view>
#include <utility>

namespace program {

namespace {

// Read by the signal handler.
char unfinished_path[PATH_MAX];
volatile sig_atomic_t in_progress_line = 0;
std::stop_source* volatile deferring = nullptr;
volatile sig_atomic_t deferred_signal = 0;

void tidy_up_and_die(int signal_number) {
  if (unfinished_path[0] != '\0') ::unlink(unfinished_path);
  constexpr std::string_view kMessage = "\nsemblance: interrupted\n";
  const std::string_view message = kMessage.substr(in_progress_line != 0 ? 0 : 1);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message.data(), message.size());
  if (signal_number == SIGINT) ::_exit(1);
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

extern "C" void handle_signal(int signal_number) {
  if (deferring == nullptr || deferred_signal != 0) return tidy_up_and_die(signal_number);
  deferred_signal = signal_number;
  deferring->request_stop();  // an atomic store: nobody registers callbacks
}

}  // namespace

void tidy_up_on_signals() {
  struct sigaction action {};
  action.sa_handler = handle_signal;
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU}) {
    struct sigaction old {};
    if (::sigaction(signal_number, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) {
      ::sigaction(signal_number, &action, nullptr);
    }
  }
  // What they would say comes back from write() too.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void set_unfinished_file(const std::string& path) noexcept {
  // The handler sees all of a path or none of it.
  unfinished_path[0] = '\0';
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (path.empty() || path.size() >= sizeof unfinished_path) return;
  std::memcpy(unfinished_path + 1, path.c_str() + 1, path.size());
  std::atomic_signal_fence(std::memory_order_seq_cst);
  unfinished_path[0] = path[0];
}

void set_progress_line(bool on) noexcept { in_progress_line = on ? 1 : 0; }

DeferredSignals::DeferredSignals() { deferring = &source_; }

DeferredSignals::~DeferredSignals() {
  deferring = nullptr;
  if (deferred_signal != 0) tidy_up_and_die(deferred_signal);
}

}  // namespace program
