#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "semblance/io/output_file.h"

namespace program {

// Whether a file named so is what standard output goes to: "-", "/dev/stdout", or by redirection.
bool is_standard_output(const std::string& path);

// Where results go: a file that is there whole or as it was before, or, written directly, standard
// output ("-", or by its name) and whatever else is no regular file, such as a pipe or a device.
class OutputFile {
 public:
  // A resumable file grows as part_of(path), which remains however the program ends, and goes on
  // from what is there; one program at a time. Throws semblance::FileError, as do all others.
  explicit OutputFile(const std::string& path, bool resumable = false);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // A file that was not committed does not remain; what was written directly does.
  ~OutputFile();

  const std::string& name() const noexcept { return name_; }

  void write(std::string_view bytes);
  // Hands what was written to the system.
  void flush();
  // Whether overwrite_front() can be had, before the first write: not in a pipe, nor behind what
  // others wrote.
  bool can_overwrite_front() const;
  void overwrite_front(std::string_view bytes);
  void commit();

  // Of a resumable file, before the first write: how many bytes are there, some of them, and
  // keeping only the first.
  std::uint64_t size() const;
  std::string read(std::uint64_t offset, std::size_t byte_count);
  void cut(std::uint64_t size);

 private:
  void open_part(const std::string& path);
  void write_through(std::string_view bytes);
  [[noreturn]] void fail(int error_number);

  std::string name_;
  std::optional<semblance::OutputFile> file_;
  int descriptor_ = -1;  // when written directly, or of the part
  std::string target_;   // of the part's rename
  std::string buffer_;
};

// The file that has to be replaced for `path` to be written: the end of a chain of links. Throws
// semblance::FileError for a link that leads nowhere.
std::string resolved(const std::string& path);

// What a resumable file for `path` is called until it is whole. Throws as resolved() does.
std::string part_of(const std::string& path);

// Throws semblance::FileError where an output would replace, or go into, the file that is read; "-"
// is standard input and standard output.
void refuse_input_as_output(const std::string& input, const std::string& output);

}  // namespace program
