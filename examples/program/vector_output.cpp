#include "vector_output.h"

#include <cassert>
#include <cmath>

#include "json_text.h"
#include "semblance/core/error.h"

namespace program {

namespace {

// NumPy's format specification, version 1.0: magic, header length, a Python dictionary padded with
// spaces to a multiple of 64 bytes. Always 128 bytes here, so that a later one fits over an
// earlier.
std::string npy_header(std::size_t num_rows, std::size_t dim) {
  constexpr std::size_t kSize = 128;
  std::string header("\x93NUMPY\x01\x00", 8);
  header += {static_cast<char>(kSize - 10), '\0'};
  header += "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(num_rows) +
            ", " + std::to_string(dim) + "), }";
  header.resize(kSize - 1, ' ');
  return header + '\n';
}

}  // namespace

VectorWriter::VectorWriter(OutputFile& file, VectorFormat format, std::size_t dim)
    : file_(file), format_(format), dim_(dim) {
  if (format != VectorFormat::npy) return;
  if (!file.can_overwrite_front()) {
    throw semblance::FileError(file.name() +
                               ": cannot hold .npy, which needs a file; use jsonl or tsv");
  }
  file.write(npy_header(0, dim));
}

void VectorWriter::write(std::span<const float> vector) {
  assert(vector.size() == dim_);
  ++num_rows_;
  if (format_ == VectorFormat::npy) {
    file_.write({reinterpret_cast<const char*>(vector.data()), vector.size_bytes()});
    return;
  }
  line_.clear();
  if (format_ == VectorFormat::jsonl) {
    for (const float value : vector) {
      if (!std::isfinite(value)) {
        throw semblance::FormatError(file_.name() + ": vector " + std::to_string(num_rows_) +
                                     " is not finite, and JSON has no word for that");
      }
    }
    append_json_numbers(line_, vector);
  } else {
    for (const float value : vector) {
      if (!line_.empty()) line_ += '\t';
      append_number(line_, value);
    }
  }
  line_ += '\n';
  file_.write(line_);
}

void VectorWriter::finish() {
  if (format_ == VectorFormat::npy) file_.overwrite_front(npy_header(num_rows_, dim_));
}

}  // namespace program
