#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace program {

// The lines of a file, a pipe or standard input ("-"), one at a time, without LF or CRLF. What
// follows the last line end is a line when it is not empty. Holds one read and one line at a time.
class LineReader {
 public:
  // Throws semblance::FileError.
  explicit LineReader(const std::string& path);
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader();

  // The next line, valid until the next call. Throws semblance::FileError.
  std::optional<std::string_view> next();
  // False when there is nothing to read yet from whoever writes the other end of a pipe.
  bool ready() const;

  // For messages: "texts.txt: line 7", the line that next() gave last.
  std::string position() const;
  // How much of a file lies behind, in [0, 1]; nothing where the size is not known.
  std::optional<double> fraction() const noexcept;

 private:
  bool fill();

  std::string name_;
  int descriptor_;
  std::uint64_t file_bytes_ = 0;  // 0 = unknown
  std::uint64_t bytes_read_ = 0;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the next line in buffer_
  std::size_t num_lines_ = 0;
  bool at_end_ = false;
};

enum class TextFormat { text, jsonl };

inline TextFormat format_of(std::string_view path) {
  return path.ends_with(".jsonl") ? TextFormat::jsonl : TextFormat::text;
}

// Texts from lines: as they are, or each a JSON string or an object with "text".
class TextReader {
 public:
  TextReader(const std::string& path, TextFormat format) : lines_(path), format_(format) {}

  // The next texts: at most kMaxTexts, at most about kMaxBytes, and no more than are there without
  // waiting; empty at the end. Throws semblance::FileError, semblance::FormatError,
  // semblance::ConfigError.
  std::vector<std::string> next();

  static constexpr std::size_t kMaxTexts = 1024;
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

  const LineReader& lines() const noexcept { return lines_; }

 private:
  LineReader lines_;
  TextFormat format_;
};

}  // namespace program
