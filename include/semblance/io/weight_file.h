#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/error.h"
#include "semblance/io/mapped_file.h"
#include "semblance/tensor/dtype.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

static_assert(std::endian::native == std::endian::little,
              "weight files are little-endian and used in place");

// Where a tensor lies in a file. Whoever makes one has checked that every element it can reach is
// inside the file, and that element count times element size does not overflow.
struct StoredTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::size_t offset = 0;            // of the first element, in bytes from the start of the file
  std::vector<std::size_t> strides;  // in elements, one an axis; empty: row-major without gaps

  std::size_t byte_count() const noexcept {
    return shape.element_count().value_or(0) * byte_size(dtype);
  }
};

// One file of weights and the tensors in it, whatever its format.
class WeightFile {
 public:
  // All tensors together may have so many times the bytes of the file: a checkpoint can name one
  // storage again in a few bytes, and whoever reads every tensor would read it as often. Tied
  // weights stay far below.
  static constexpr std::size_t kMostReadings = 64;

  // Throws FormatError when two tensors have one name, or all together are larger than that.
  WeightFile(MappedFile file, std::vector<StoredTensor> tensors,
             std::map<std::string, std::string> metadata = {});

  const std::string& path() const noexcept { return file_.path(); }
  // Sorted by name.
  std::span<const StoredTensor> tensors() const noexcept { return tensors_; }
  // Null when there is none of that name.
  const StoredTensor* find(std::string_view name) const noexcept;
  // What the file says of itself; only safetensors files do.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  // The elements of one of tensors(): in place when they are contiguous and aligned, otherwise
  // copied once and kept. Valid until released as often as asked for, or until this object is gone;
  // moving it keeps them. Thread-safe.
  // Throws FormatError when the copies together would exceed the size of the file, which happens
  // only when many tensors overlap.
  TensorView view(const StoredTensor& tensor) const;

  // Ends the use of a view that view() gave: its pages go back to the system; its copy, if there is
  // one, is freed when no other use of it is left.
  void release(const TensorView& view) const noexcept;

 private:
  // By place and layout, not by name: tied weights share a copy.
  using Layout = std::tuple<std::size_t, DType, std::vector<std::size_t>, std::vector<std::size_t>>;
  struct Copy {
    AlignedBuffer<std::byte> bytes;
    std::size_t num_uses = 0;
  };
  struct Copies {
    std::mutex mutex;
    std::map<Layout, Copy> by_layout;
    std::size_t byte_count = 0;
  };

  MappedFile file_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::unique_ptr<Copies> copies_ = std::make_unique<Copies>();
};

namespace detail {

inline bool is_row_major(const StoredTensor& tensor) noexcept {
  if (tensor.strides.empty()) return true;
  std::size_t expected = 1;
  for (std::size_t axis = tensor.shape.rank(); axis-- > 0;) {
    const std::size_t size = tensor.shape[axis];
    if (size == 0) return true;
    if (size != 1 && tensor.strides[axis] != expected) return false;
    expected *= size;
  }
  return true;
}

inline std::vector<std::size_t> sizes_of(const Shape& shape) {
  std::vector<std::size_t> sizes(shape.rank());
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) sizes[axis] = shape[axis];
  return sizes;
}

// Copies the elements of `tensor` in row-major order; `first` points to its first element.
inline void gather(const StoredTensor& tensor, const std::byte* first, std::byte* target) {
  const std::size_t element = byte_size(tensor.dtype);
  const std::size_t count = tensor.shape.element_count().value_or(0);
  if (is_row_major(tensor)) {
    if (count != 0) std::memcpy(target, first, count * element);
    return;
  }
  std::vector<std::size_t> index(tensor.shape.rank(), 0);
  std::size_t position = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(target + i * element, first + position * element, element);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      position += tensor.strides[axis];
      if (++index[axis] != tensor.shape[axis]) break;
      position -= tensor.strides[axis] * tensor.shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace detail

inline WeightFile::WeightFile(MappedFile file, std::vector<StoredTensor> tensors,
                              std::map<std::string, std::string> metadata)
    : file_(std::move(file)), tensors_(std::move(tensors)), metadata_(std::move(metadata)) {
  std::sort(tensors_.begin(), tensors_.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(tensors_.begin(), tensors_.end(),
                         [](const auto& a, const auto& b) { return a.name == b.name; });
  if (twice != tensors_.end()) {
    throw FormatError(path(), twice->name, "each name once", "two tensors of that name");
  }
  const std::uint64_t file_bytes = file_.bytes().size();
  std::uint64_t left = kMostReadings * file_bytes;
  for (const StoredTensor& tensor : tensors_) {
    if (tensor.byte_count() > left) {
      throw FormatError(path(), tensor.name,
                        "tensors that together are at most " + std::to_string(kMostReadings) +
                            " times as large as the file, of " + std::to_string(file_bytes) +
                            " bytes",
                        "many that overlap");
    }
    left -= tensor.byte_count();
  }
}

inline const StoredTensor* WeightFile::find(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const StoredTensor& a, std::string_view b) { return a.name < b; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

inline TensorView WeightFile::view(const StoredTensor& tensor) const {
  const std::byte* first = file_.bytes().data() + tensor.offset;
  const bool aligned = reinterpret_cast<std::uintptr_t>(first) % byte_size(tensor.dtype) == 0;
  if (aligned && detail::is_row_major(tensor)) return {first, tensor.dtype, tensor.shape};

  Layout layout(tensor.offset, tensor.dtype, detail::sizes_of(tensor.shape), tensor.strides);
  const std::lock_guard lock(copies_->mutex);
  auto found = copies_->by_layout.find(layout);
  if (found == copies_->by_layout.end()) {
    const std::size_t byte_count = tensor.byte_count();
    if (byte_count > file_.bytes().size() - copies_->byte_count) {
      throw FormatError(path(), tensor.name, "tensors that together are no larger than the file",
                        "many that overlap");
    }
    Copy copy{.bytes = AlignedBuffer<std::byte>(byte_count), .num_uses = 0};
    detail::gather(tensor, first, copy.bytes.data());
    found = copies_->by_layout.emplace(std::move(layout), std::move(copy)).first;
    copies_->byte_count += byte_count;
  }
  ++found->second.num_uses;
  return {found->second.bytes.data(), tensor.dtype, tensor.shape};
}

inline void WeightFile::release(const TensorView& view) const noexcept {
  const auto bytes = file_.bytes();
  if (view.data >= bytes.data() && view.data < bytes.data() + bytes.size()) {
    file_.release(view.bytes());
    return;
  }
  const std::lock_guard lock(copies_->mutex);
  auto& copies = copies_->by_layout;
  for (auto copy = copies.begin(); copy != copies.end(); ++copy) {
    if (copy->second.bytes.data() != view.data) continue;
    if (--copy->second.num_uses == 0) {
      copies_->byte_count -= copy->second.bytes.size();
      copies.erase(copy);
    }
    return;
  }
}

}  // namespace semblance
