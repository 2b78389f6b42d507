#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace semblance {

// A file of a folder that lies in memory already, for a program that carries its model with it: a
// name such as "1_Pooling/config.json", and where its bytes begin and end. Plain pointers, so that
// a table of them needs no code to run before main(). Whatever reads it keeps views of the bytes.
struct MemoryFile {
  const char* name;
  const std::byte* begin;
  const std::byte* end;

  std::span<const std::byte> bytes() const noexcept { return {begin, end}; }
};

// A file to read: one on disk, by its path, or one in memory, whose path is only a name for
// messages.
class FileSource {
 public:
  FileSource(std::string path) : path_(std::move(path)) {}
  FileSource(const char* path) : path_(path) {}
  FileSource(std::string path, const MemoryFile& memory)
      : path_(std::move(path)), memory_(&memory) {}

  const std::string& path() const noexcept { return path_; }
  // Null for a file on disk.
  const MemoryFile* memory() const noexcept { return memory_; }

  friend bool operator==(const FileSource& source, std::string_view path) noexcept {
    return source.path_ == path;
  }

 private:
  std::string path_;
  const MemoryFile* memory_ = nullptr;
};

}  // namespace semblance
