#include "output_file.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "semblance/core/error.h"

namespace program {

namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

// Read by the signal handler. One output at a time.
char unfinished_path[PATH_MAX];
volatile sig_atomic_t in_progress_line = 0;

extern "C" void tidy_up_and_die(int signal_number) {
  if (unfinished_path[0] != '\0') ::unlink(unfinished_path);
  constexpr std::string_view kMessage = "\nsemblance: interrupted\n";
  const std::string_view message = kMessage.substr(in_progress_line != 0 ? 0 : 1);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message.data(), message.size());
  if (signal_number == SIGINT) ::_exit(1);
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

// The end of a chain of links, so that a rename replaces the file and not the link.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  return real ? std::string(real.get()) : path;
}

}  // namespace

OutputFile::OutputFile(const std::string& path, bool resumable)
    : name_(path == "-" ? "standard output" : path) {
  struct stat status {};
  if (path == "-") {
    descriptor_ = STDOUT_FILENO;
  } else if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (resumable) throw semblance::FileError(name_ + ": only a file can be resumed");
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail(errno);
  } else if (resumable) {
    open_part(resolved(path));
  } else {
    file_.emplace(resolved(path));
    const std::string& aside = file_->aside_path();
    if (aside.size() < sizeof unfinished_path) {
      std::memcpy(unfinished_path, aside.c_str(), aside.size() + 1);
    }
  }
}

OutputFile::~OutputFile() {
  try {
    flush();
  } catch (const semblance::FileError&) {
    // Another error is on its way to the user already.
  }
  if (descriptor_ > STDOUT_FILENO) ::close(descriptor_);
  file_.reset();
  unfinished_path[0] = '\0';
}

void OutputFile::open_part(const std::string& path) {
  name_ = path + ".part";
  target_ = path;
  descriptor_ = ::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0) fail(errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    throw semblance::FileError(name_ + ": another program is writing it");
  }
  // The one that wrote it may have renamed it between the two.
  struct stat status {};
  struct stat named {};
  if (::fstat(descriptor_, &status) != 0 || ::stat(name_.c_str(), &named) != 0 ||
      !S_ISREG(status.st_mode) || status.st_ino != named.st_ino) {
    throw semblance::FileError(name_, "", "a file of this program's own", "another");
  }
}

std::uint64_t OutputFile::size() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::string OutputFile::read(std::uint64_t offset, std::size_t byte_count) {
  std::string bytes(byte_count, '\0');
  std::size_t done = 0;
  while (done < byte_count) {
    const ssize_t count = ::pread(descriptor_, bytes.data() + done, byte_count - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

void OutputFile::cut(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0 ||
      ::lseek(descriptor_, 0, SEEK_END) < 0) {
    fail(errno);
  }
}

void OutputFile::fail(int error_number) {
  buffer_.clear();
  throw semblance::FileError(name_ + ": cannot write: " + std::strerror(error_number));
}

void OutputFile::write_through(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void OutputFile::write(std::string_view bytes) {
  if (file_) return file_->write(bytes);
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  buffer_ += bytes;
}

void OutputFile::flush() {
  if (file_) return;
  write_through(buffer_);
  buffer_.clear();
}

bool OutputFile::can_overwrite_front() const {
  if (file_ || !target_.empty()) return true;
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) &&
         (::fcntl(descriptor_, F_GETFL) & O_APPEND) == 0 && ::lseek(descriptor_, 0, SEEK_CUR) == 0;
}

void OutputFile::overwrite_front(std::string_view bytes) {
  if (file_) return file_->overwrite_front(bytes);
  flush();
  if (::lseek(descriptor_, 0, SEEK_SET) != 0) fail(errno);
  write_through(bytes);
  if (::lseek(descriptor_, 0, SEEK_END) < 0) fail(errno);
}

void OutputFile::commit() {
  if (file_) return file_->commit();
  flush();
  if (target_.empty()) return;
  if (::fsync(descriptor_) != 0 || std::rename(name_.c_str(), target_.c_str()) != 0) fail(errno);
}

void tidy_up_on_signals() {
  struct sigaction action {};
  action.sa_handler = tidy_up_and_die;
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    if (::sigaction(signal_number, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) {
      ::sigaction(signal_number, &action, nullptr);
    }
  }
  // What they would say comes back from write() too.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void set_progress_line(bool on) noexcept { in_progress_line = on ? 1 : 0; }

}  // namespace program
