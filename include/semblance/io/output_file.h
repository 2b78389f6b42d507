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
#include "semblance/io/file_system.h"

namespace semblance {

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
  const auto replaced = detail::status_of(path_);
  if (replaced && replaced->kind != detail::FileKind::file) {
    throw FileError(path_, "", "the name of a file", "something else of that name");
  }
  constexpr int kAttempts = 100;  // what a killed process of the same number left behind
  for (int attempt = 0; attempt < kAttempts && file_ == nullptr; ++attempt) {
    aside_ =
        path_ + ".part-" + std::to_string(detail::process_id()) + "-" + std::to_string(attempt);
    file_ = detail::create_file(aside_);
    if (file_ == nullptr && errno != EEXIST) break;
  }
  if (file_ == nullptr) throw failure("a file to write");
  // A file that only its owner may read stays so.
  if (replaced) detail::set_permissions(file_, replaced->permissions);
}

inline OutputFile::~OutputFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  detail::remove_file(aside_);
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
  if (std::fflush(file_) != 0 || !detail::sync_file(file_)) throw failure("room to write");
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!closed || !detail::rename_file(aside_, path_, existing)) {
    const int reason = errno;
    detail::remove_file(aside_);
    errno = reason;
    throw failure("a file to write");
  }
}

}  // namespace semblance
