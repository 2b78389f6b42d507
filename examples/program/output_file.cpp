#include "output_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "semblance/core/error.h"
#include "signals.h"

namespace program {

namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

bool are_same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// As stat(); "-" is what a standard stream is open on.
bool status_of(const std::string& path, int standard_stream, struct stat& status) {
  return path == "-" ? ::fstat(standard_stream, &status) == 0 : ::stat(path.c_str(), &status) == 0;
}

}  // namespace

bool is_standard_output(const std::string& path) {
  struct stat status {};
  struct stat output {};
  return path == "-" || (::stat(path.c_str(), &status) == 0 &&
                         ::fstat(STDOUT_FILENO, &output) == 0 && are_same_file(status, output));
}

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (real) return real.get();
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    throw semblance::FileError(path, "", "a file to write", "a link to nothing");
  }
  return path;
}

std::string part_of(const std::string& path) { return resolved(path) + ".part"; }

void refuse_input_as_output(const std::string& input, const std::string& output) {
  struct stat read {};
  struct stat written {};
  if (status_of(input, STDIN_FILENO, read) && status_of(output, STDOUT_FILENO, written) &&
      S_ISREG(read.st_mode) && are_same_file(read, written)) {
    throw semblance::FileError(output, "", "another file than the input", "the same");
  }
}

OutputFile::OutputFile(const std::string& path, bool resumable)
    : name_(path == "-" ? "standard output" : path) {
  struct stat status {};
  if (is_standard_output(path)) {
    if (resumable) throw semblance::FileError(name_ + ": only a file can be resumed");
    descriptor_ = STDOUT_FILENO;
  } else if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (resumable) throw semblance::FileError(name_ + ": only a file can be resumed");
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail(errno);
  } else if (resumable) {
    open_part(path);
  } else {
    file_.emplace(resolved(path));
    set_unfinished_file(file_->aside_path());
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
  set_unfinished_file("");
}

void OutputFile::open_part(const std::string& path) {
  name_ = part_of(path);
  target_ = resolved(path);
  descriptor_ = ::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0) fail(errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail(errno);
    throw semblance::FileError(name_ + ": another program is writing it");
  }
  // The one that wrote it may have renamed it between the two.
  struct stat status {};
  struct stat named {};
  if (::fstat(descriptor_, &status) != 0 || ::stat(name_.c_str(), &named) != 0 ||
      !S_ISREG(status.st_mode) || !are_same_file(status, named)) {
    throw semblance::FileError(name_, "", "a file of this program's own", "another");
  }
  // What only some may read stays so.
  if (::stat(path.c_str(), &named) == 0 && ::fchmod(descriptor_, named.st_mode & 0777) != 0) {
    fail(errno);
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
    if (count < 0) throw semblance::FileError(name_ + ": cannot read: " + std::strerror(errno));
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

}  // namespace program
