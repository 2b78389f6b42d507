#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "semblance/io/output_file.h"

namespace program {

// Where results go: a file that is there whole or as it was before, or, written directly, standard
// output ("-") and whatever else is no regular file, such as a pipe or a device.
class OutputFile {
 public:
  // Throws semblance::FileError, as do all others.
  explicit OutputFile(const std::string& path);
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

 private:
  void write_through(std::string_view bytes);
  [[noreturn]] void fail(int error_number);

  std::string name_;
  std::optional<semblance::OutputFile> file_;
  int descriptor_ = -1;  // when written directly
  std::string buffer_;
};

// Makes SIGINT, SIGTERM and SIGHUP remove the unfinished file and end a progress line before they
// end the program, and a closed pipe an ordinary error of write().
void tidy_up_on_signals();

// Tells the signal handler whether the cursor stands in a progress line.
void set_progress_line(bool on) noexcept;

}  // namespace program
