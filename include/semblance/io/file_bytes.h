#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "semblance/core/error.h"
#include "semblance/io/file_handle.h"
#include "semblance/io/file_source.h"

namespace semblance {

inline constexpr std::uint64_t kDefaultMaxFileBytes = std::uint64_t{256} << 20;

// The whole of a regular file, or of one in memory. Throws FileError when it is missing, not a
// regular file, cannot be read, or is larger than max_bytes.
inline std::string read_file_bytes(const FileSource& source,
                                   std::uint64_t max_bytes = kDefaultMaxFileBytes) {
  const auto check_size = [&](std::uint64_t size) {
    if (size <= max_bytes) return;
    throw FileError(source.path(), "", "at most " + std::to_string(max_bytes) + " bytes",
                    std::to_string(size));
  };
  if (const MemoryFile* memory = source.memory()) {
    const auto bytes = memory->bytes();
    check_size(bytes.size());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  FileHandle file(source.path());
  check_size(file.size());
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  bytes.resize(file.read(bytes.data(), bytes.size()));
  return bytes;
}

// Names the two usual ways in which a download leaves something else under a weight file's name.
// Throws FormatError for a git-LFS pointer and for a web page; `head` is the front of the file,
// some hundred bytes of it or all.
inline void refuse_failed_download(std::string_view file, std::string_view head) {
  if (head.starts_with("version https://git-lfs.")) {
    throw FormatError(std::string(file) +
                      ": this is a git-LFS pointer, the weights were not downloaded");
  }
  const std::size_t start = head.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return;
  std::string lower;
  for (const char c : head.substr(start, 16)) {
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<?xml")) {
    throw FormatError(std::string(file) + ": this is a web page, not the file that was asked for");
  }
}

inline void refuse_failed_download(std::string_view file, std::span<const std::byte> bytes) {
  constexpr std::size_t kHead = 512;
  refuse_failed_download(file, std::string_view(reinterpret_cast<const char*>(bytes.data()),
                                                std::min(kHead, bytes.size())));
}

}  // namespace semblance
