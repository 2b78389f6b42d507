#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "output_file.h"

namespace program {

// npy    NumPy's array file, version 1.0: float32 [num_texts, dim], little-endian, row-major
// jsonl  an array of numbers a line
// tsv    numbers between tabs, a line a text
enum class VectorFormat { npy, jsonl, tsv };

// Writes vectors one by one; the number of them need not be known before.
class VectorWriter {
 public:
  // Throws semblance::FileError when npy is asked of something that is no file: its front says how
  // many rows follow.
  VectorWriter(OutputFile& file, VectorFormat format, std::size_t dim);

  // Takes up a resumable file where it ends. Returns the number of vectors that are there whole;
  // the next one takes the place of what follows them. Throws semblance::FormatError when the
  // file's front is another.
  std::size_t resume();
  // Throws semblance::FormatError unless `vector` is what the file holds as vector `index`, which
  // is the first or the last that resume() found.
  void check(std::size_t index, std::span<const float> vector);

  //   vector  [dim]
  void write(std::span<const float> vector);
  // After the last vector.
  void finish();

 private:
  void begin();
  std::string_view bytes_of(std::span<const float> vector);
  std::size_t resume_rows();
  std::size_t resume_lines();

  OutputFile& file_;
  VectorFormat format_;
  std::size_t dim_;
  std::size_t num_rows_ = 0;
  bool begun_ = false;
  std::optional<std::uint64_t> kept_bytes_;  // of the file that is resumed
  std::string line_;
  std::string first_;  // of the vectors that resume() found, as they lie in the file
  std::string last_;
};

}  // namespace program
