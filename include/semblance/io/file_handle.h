#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/io/file_system.h"

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
                      : error_number == EISDIR                          ? "a folder"
                                               : std::strerror(error_number);
  return FileError(path, "", "a file", found);
}

}  // namespace detail

inline FileHandle::FileHandle(std::string path) : path_(std::move(path)) {
  if (path_.find('\0') != std::string::npos) throw detail::cannot_open(path_, ENOENT);
  descriptor_ = detail::open_to_read(path_);
  if (descriptor_ < 0) throw detail::cannot_open(path_, errno);
  const auto status = detail::status_of(descriptor_);
  if (!status || status->kind != detail::FileKind::file) {
    detail::close_file(descriptor_);
    const char* found = !status                                    ? "nothing readable"
                        : status->kind == detail::FileKind::folder ? "a folder"
                                                                   : "a pipe or a device";
    throw FileError(path_, "", "a file", found);
  }
  size_ = status->size;
}

inline FileHandle::~FileHandle() {
  if (descriptor_ >= 0) detail::close_file(descriptor_);
}

inline std::size_t FileHandle::read(void* buffer, std::size_t byte_count) {
  constexpr std::size_t kLargestRead = std::size_t{1} << 30;
  std::size_t done = 0;
  while (done < byte_count) {
    const std::size_t wanted = byte_count - done < kLargestRead ? byte_count - done : kLargestRead;
    const auto count = detail::read_file(descriptor_, static_cast<char*>(buffer) + done, wanted);
    if (count == 0) break;
    if (count < 0) throw FileError(path_, "", "readable bytes", std::strerror(errno));
    done += static_cast<std::size_t>(count);
  }
  return done;
}

}  // namespace semblance
