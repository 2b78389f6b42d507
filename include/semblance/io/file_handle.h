#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "semblance/core/error.h"

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace semblance {

// A regular file open for reading. Folders, pipes, sockets and devices are refused, and opening one
// of them never blocks.
class FileHandle {
 public:
  // Throws FileError.
  explicit FileHandle(std::string path);
  FileHandle(FileHandle&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~FileHandle();

  const std::string& path() const noexcept { return path_; }
  // In bytes, when it was opened.
  std::uint64_t size() const noexcept { return size_; }
  int descriptor() const noexcept { return descriptor_; }

  // Reads the next bytes: `byte_count` of them, or fewer when the file ends earlier.
  // Throws FileError.
  std::size_t read(void* buffer, std::size_t byte_count);

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

namespace detail {

inline FileError cannot_open(const std::string& path, int error_number) {
  const char* found = error_number == ENOENT || error_number == ENOTDIR ? "nothing of that name"
                      : error_number == EACCES                          ? "no permission to read it"
                                               : std::strerror(error_number);
  return FileError(path, "", "a file", found);
}

}  // namespace detail

#if defined(_WIN32)

inline FileHandle::FileHandle(std::string path) : path_(std::move(path)) {
  if (path_.find('\0') != std::string::npos) throw detail::cannot_open(path_, ENOENT);
  if (::_sopen_s(&descriptor_, path_.c_str(), _O_RDONLY | _O_BINARY, 0x40, 0) != 0) {
    throw detail::cannot_open(path_, errno);
  }
  struct _stat64 status {};
  if (::_fstat64(descriptor_, &status) != 0 || (status.st_mode & _S_IFMT) != _S_IFREG) {
    ::_close(descriptor_);
    throw FileError(path_, "", "a file", "something else");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

inline FileHandle::~FileHandle() {
  if (descriptor_ >= 0) ::_close(descriptor_);
}

#else

inline FileHandle::FileHandle(std::string path) : path_(std::move(path)) {
  if (path_.find('\0') != std::string::npos) throw detail::cannot_open(path_, ENOENT);
  do {
    // O_NONBLOCK: a pipe without a writer would otherwise wait for one forever.
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) throw detail::cannot_open(path_, errno);
  struct stat status {};
  const char* found = ::fstat(descriptor_, &status) != 0 ? "nothing readable"
                      : S_ISDIR(status.st_mode)          ? "a folder"
                      : !S_ISREG(status.st_mode)         ? "a pipe or a device"
                                                         : nullptr;
  if (found != nullptr) {
    ::close(descriptor_);
    throw FileError(path_, "", "a file", found);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

inline FileHandle::~FileHandle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

#endif

inline std::size_t FileHandle::read(void* buffer, std::size_t byte_count) {
  constexpr std::size_t kLargestRead = std::size_t{1} << 30;
  std::size_t done = 0;
  while (done < byte_count) {
    const std::size_t wanted = byte_count - done < kLargestRead ? byte_count - done : kLargestRead;
    char* target = static_cast<char*>(buffer) + done;
#if defined(_WIN32)
    const auto count = ::_read(descriptor_, target, static_cast<unsigned>(wanted));
#else
    const auto count = ::read(descriptor_, target, wanted);
#endif
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      throw FileError(path_, "", "readable bytes", std::strerror(errno));
    }
    done += static_cast<std::size_t>(count);
  }
  return done;
}

}  // namespace semblance
