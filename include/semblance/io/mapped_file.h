#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/error.h"
#include "semblance/io/file_handle.h"
#include "semblance/io/file_source.h"
#include "semblance/io/file_system.h"

namespace semblance {

// map: the file's pages are used in place and shared with other processes. Should another process
// shorten the file meanwhile, touching a lost page ends the program (SIGBUS); should it overwrite
// the file, the weights change. Replacing the file under its name (rename) is harmless.
// Windows lets nobody shorten or replace a file that is mapped.
// copy: the file is read into memory once; what happens to it afterwards does not matter.
enum class FileAccess { map, copy };

// The bytes of a whole regular file, read-only, from an address that is a multiple of 64. A
// file in memory is used in place where its address is such a multiple, and copied where it is not.
class MappedFile {
 public:
  // Throws FileError, std::bad_alloc.
  explicit MappedFile(const FileSource& source, FileAccess access = FileAccess::map);
  MappedFile(MappedFile&& other) noexcept
      : path_(std::move(other.path_)),
        mapping_(std::exchange(other.mapping_, {})),
        in_memory_(std::exchange(other.in_memory_, {})),
        copy_(std::move(other.copy_)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(mapping_, other.mapping_);
    std::swap(in_memory_, other.in_memory_);
    std::swap(copy_, other.copy_);
    return *this;
  }
  ~MappedFile();

  const std::string& path() const noexcept { return path_; }
  std::span<const std::byte> bytes() const noexcept {
    if (mapping_.data() != nullptr) return mapping_;
    return in_memory_.data() != nullptr ? in_memory_ : std::span(copy_.data(), copy_.size());
  }

  // Gives back the memory of the whole pages inside `range`, a part of bytes(). They stay readable:
  // touching them reads the file again. Does nothing to a copy or a file in memory.
  void release(std::span<const std::byte> range) const noexcept;

 private:
  std::string path_;
  // At most one of these has bytes.
  std::span<const std::byte> mapping_;
  std::span<const std::byte> in_memory_;
  AlignedBuffer<std::byte> copy_;
};

inline MappedFile::MappedFile(const FileSource& source, FileAccess access) : path_(source.path()) {
  constexpr std::uintptr_t kAlignment = 64;
  const std::string& path = path_;
  if (const MemoryFile* memory = source.memory()) {
    const auto bytes = memory->bytes();
    if (bytes.empty()) return;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment == 0) {
      in_memory_ = bytes;
    } else {
      copy_ = AlignedBuffer<std::byte>(bytes.size());
      std::memcpy(copy_.data(), bytes.data(), bytes.size());
    }
    return;
  }
  FileHandle file(path);
  if (file.size() > std::numeric_limits<std::size_t>::max() / 2) {
    throw FileError(path, "", "a file that fits the address space",
                    std::to_string(file.size()) + " bytes");
  }
  const auto size = static_cast<std::size_t>(file.size());
  if (size == 0) return;
  if (access == FileAccess::map) {
    mapping_ = detail::map_file(file.descriptor(), size);
    if (mapping_.empty()) throw FileError(path, "", "a file to map", std::strerror(errno));
    return;
  }
  copy_ = AlignedBuffer<std::byte>(size);
  if (const std::size_t read = file.read(copy_.data(), size); read != size) {
    throw FileError(path, "", std::to_string(size) + " bytes",
                    std::to_string(read) + ": the file shrank while it was read");
  }
}

inline MappedFile::~MappedFile() {
  if (!mapping_.empty()) detail::unmap_file(mapping_);
}

inline void MappedFile::release(std::span<const std::byte> range) const noexcept {
  if (!mapping_.empty()) detail::forget_pages(range);
}

}  // namespace semblance
