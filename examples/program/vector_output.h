#pragma once

#include <cstddef>
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

  //   vector  [dim]
  void write(std::span<const float> vector);
  // After the last vector.
  void finish();

 private:
  OutputFile& file_;
  VectorFormat format_;
  std::size_t dim_;
  std::size_t num_rows_ = 0;
  std::string line_;
};

}  // namespace program
