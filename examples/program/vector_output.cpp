#include "vector_output.h"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <string>

#include "json_text.h"
#include "semblance/core/error.h"

namespace program {

namespace {

constexpr std::size_t kHeaderBytes = 128;

// NumPy's format specification, version 1.0: magic, header length, a Python dictionary padded with
// spaces to a multiple of 64 bytes. Always 128 bytes here, so that a later one fits over an
// earlier.
std::string npy_header(std::size_t num_rows, std::size_t dim) {
  std::string header("\x93NUMPY\x01\x00", 8);
  header += {static_cast<char>(kHeaderBytes - 10), '\0'};
  header += "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(num_rows) +
            ", " + std::to_string(dim) + "), }";
  header.resize(kHeaderBytes - 1, ' ');
  return header + '\n';
}

}  // namespace

VectorWriter::VectorWriter(OutputFile& file, VectorFormat format, std::size_t dim)
    : file_(file), format_(format), dim_(dim) {
  if (format == VectorFormat::npy && !file.can_overwrite_front()) {
    throw semblance::FileError(file.name() +
                               ": cannot hold .npy, which needs a file; use jsonl or tsv");
  }
}

// Before the first vector.
void VectorWriter::begin() {
  if (begun_) return;
  begun_ = true;
  if (kept_bytes_) file_.cut(*kept_bytes_);
  if (format_ == VectorFormat::npy && kept_bytes_.value_or(0) == 0) {
    file_.write(npy_header(0, dim_));
  }
}

std::string_view VectorWriter::bytes_of(std::span<const float> vector) {
  assert(vector.size() == dim_);
  if (format_ == VectorFormat::npy) {
    return {reinterpret_cast<const char*>(vector.data()), vector.size_bytes()};
  }
  line_.clear();
  if (format_ == VectorFormat::jsonl) {
    for (const float value : vector) {
      if (!std::isfinite(value)) {
        throw semblance::FormatError(file_.name() + ": vector " + std::to_string(num_rows_ + 1) +
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
  return line_ += '\n';
}

void VectorWriter::write(std::span<const float> vector) {
  begin();
  file_.write(bytes_of(vector));
  ++num_rows_;
}

void VectorWriter::finish() {
  begin();
  if (format_ == VectorFormat::npy) file_.overwrite_front(npy_header(num_rows_, dim_));
}

std::size_t VectorWriter::resume() {
  return format_ == VectorFormat::npy ? resume_rows() : resume_lines();
}

// Whatever was written first is a prefix of the file: the front once says 0 rows, and at last how
// many there are.
std::size_t VectorWriter::resume_rows() {
  const std::size_t row_bytes = dim_ * sizeof(float);
  kept_bytes_ = 0;
  if (file_.size() < kHeaderBytes) return 0;
  num_rows_ = static_cast<std::size_t>((file_.size() - kHeaderBytes) / row_bytes);
  const std::string front = file_.read(0, kHeaderBytes);
  if (front != npy_header(0, dim_) && front != npy_header(num_rows_, dim_)) {
    throw semblance::FormatError(file_.name(), "",
                                 ".npy with vectors of " + std::to_string(dim_) + " numbers",
                                 "another beginning; remove the file to begin again");
  }
  kept_bytes_ = kHeaderBytes + num_rows_ * row_bytes;
  if (num_rows_ != 0) {
    first_ = file_.read(kHeaderBytes, row_bytes);
    last_ = file_.read(kHeaderBytes + (num_rows_ - 1) * row_bytes, row_bytes);
  }
  return num_rows_;
}

std::size_t VectorWriter::resume_lines() {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  const std::uint64_t size = file_.size();
  std::uint64_t end = 0;    // behind the last newline
  std::uint64_t begin = 0;  // of the line before it
  std::uint64_t first = 0;  // behind the first newline
  for (std::uint64_t offset = 0; offset < size;) {
    const std::string block = file_.read(offset, kBlock);
    if (block.empty()) break;
    for (std::size_t i = block.find('\n'); i != block.npos; i = block.find('\n', i + 1)) {
      begin = end;
      end = offset + i + 1;
      if (num_rows_++ == 0) first = end;
    }
    offset += block.size();
  }
  kept_bytes_ = end;
  first_ = file_.read(0, static_cast<std::size_t>(first));
  last_ = file_.read(begin, static_cast<std::size_t>(end - begin));
  return num_rows_;
}

void VectorWriter::check(std::size_t index, std::span<const float> vector) {
  if (bytes_of(vector) == (index == 0 ? first_ : last_)) return;
  throw semblance::FormatError(file_.name(), "vector " + std::to_string(index + 1),
                               "the vector of that text with this model and these options",
                               "another; remove the file to begin again");
}

}  // namespace program
