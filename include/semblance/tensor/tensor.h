#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>

#include "semblance/core/aligned_buffer.h"
#include "semblance/tensor/shape.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// An owning row-major tensor on a 64-byte boundary; new elements are uninitialized.
template <class T>
class Tensor {
 public:
  Tensor() = default;
  // Throws std::invalid_argument when the shape overflows, std::bad_alloc.
  explicit Tensor(Shape shape) : shape_(std::move(shape)), buffer_(checked_count(shape_)) {}

  const Shape& shape() const noexcept { return shape_; }
  std::size_t size() const noexcept { return buffer_.size(); }
  T* data() noexcept { return buffer_.data(); }
  const T* data() const noexcept { return buffer_.data(); }
  std::span<T> values() noexcept { return {buffer_.data(), buffer_.size()}; }
  std::span<const T> values() const noexcept { return {buffer_.data(), buffer_.size()}; }

  // Rank 2 only.
  MatrixView<T> matrix() noexcept { return {data(), shape_[0], shape_[1]}; }
  MatrixView<const T> matrix() const noexcept { return {data(), shape_[0], shape_[1]}; }

 private:
  static std::size_t checked_count(const Shape& shape) {
    const auto count = shape.element_count();
    if (!count)
      throw std::invalid_argument("tensor of shape " + shape.to_string() + " is too large");
    return *count;
  }

  Shape shape_;
  AlignedBuffer<T> buffer_;
};

}  // namespace semblance
