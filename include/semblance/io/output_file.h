#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"

#include <sys/stat.h>

#if defined(_WIN32)
#include <process.h>
#else
#include <unistd.h>
#endif

namespace semblance {

// What becomes of a file that has the name already when another is done.
enum class Existing { replace, keep };

// A file that appears under its name whole or not at all: bytes go to a file beside it, which
// commit() renames. Without a commit the file beside is removed and what was there before stays.
class OutputFile {
 public:
  // Throws FileError, also when something other than a file has that name.
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  const std::string& path() const noexcept { return path_; }
  // Where the bytes are until commit(), for a signal handler that has to remove them.
  const std::string& aside_path() const noexcept { return aside_; }

  // Throws FileError, for a full disk too.
  void write(const void* bytes, std::size_t byte_count);
  void write(std::span<const std::byte> bytes) { write(bytes.data(), bytes.size()); }
  void write(std::string_view text) { write(text.data(), text.size()); }
  // Replaces the first bytes, as many as there are; at least so many have been written. What is
  // written later goes to the end again.
  void overwrite_front(std::string_view text);

  // Nothing can be written afterwards. Throws FileError; the name is then as it was.
  void commit(Existing existing = Existing::replace);

 private:
  FileError failure(const char* expected) const {
    return FileError(path_, "", expected, std::strerror(errno));
  }

  std::string path_;
  std::string aside_;
  std::FILE* file_ = nullptr;
};

inline OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  const bool replaces = ::stat(path_.c_str(), &status) == 0;
  if (replaces && (status.st_mode & S_IFMT) != S_IFREG) {
    throw FileError(path_, "", "the name of a file", "something else of that name");
  }
#if defined(_WIN32)
  const auto process = ::_getpid();
#else
  const auto process = ::getpid();
#endif
  constexpr int kAttempts = 100;  // what a killed process of the same number left behind
  for (int attempt = 0; attempt < kAttempts && file_ == nullptr; ++attempt) {
    aside_ = path_ + ".part-" + std::to_string(process) + "-" + std::to_string(attempt);
    file_ = std::fopen(aside_.c_str(), "wbx");
    if (file_ == nullptr && errno != EEXIST) break;
  }
  if (file_ == nullptr) throw failure("a file to write");
#if !defined(_WIN32)
  // A file that only its owner may read stays so. Where modes cannot be set, as on some mounts, it
  // is the default.
  if (replaces) static_cast<void>(::fchmod(::fileno(file_), status.st_mode & 0777));
#endif
}

inline OutputFile::~OutputFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(aside_.c_str());
}

inline void OutputFile::write(const void* bytes, std::size_t byte_count) {
  if (byte_count != 0 && std::fwrite(bytes, 1, byte_count, file_) != byte_count) {
    throw failure("room to write");
  }
}

inline void OutputFile::overwrite_front(std::string_view text) {
  if (std::fseek(file_, 0, SEEK_SET) != 0) throw failure("a file to write");
  write(text);
  if (std::fseek(file_, 0, SEEK_END) != 0) throw failure("room to write");
}

inline void OutputFile::commit(Existing existing) {
  bool written = std::fflush(file_) == 0;
#if !defined(_WIN32)
  written = written && ::fsync(::fileno(file_)) == 0;
#endif
  if (!written) throw failure("room to write");
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
#if !defined(_WIN32)
  // Unlike a rename, a link leaves what is there. Where a file system has no links, the rename
  // does.
  if (closed && existing == Existing::keep &&
      (::link(aside_.c_str(), path_.c_str()) == 0 || errno == EEXIST)) {
    std::remove(aside_.c_str());
    return;
  }
#endif
  if (!closed || std::rename(aside_.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    std::remove(aside_.c_str());
    errno = reason;
    throw failure("a file to write");
  }
}

}  // namespace semblance
