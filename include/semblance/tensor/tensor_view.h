#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

#include "semblance/tensor/dtype.h"
#include "semblance/tensor/shape.h"

namespace semblance {

// A typed, row-major, contiguous view of somebody else's bytes, aligned for its dtype. Whoever
// makes one has checked that the bytes are there: shape.element_count() is never empty.
struct TensorView {
  const std::byte* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;

  std::size_t element_count() const noexcept { return shape.element_count().value_or(0); }
  std::size_t byte_count() const noexcept { return element_count() * byte_size(dtype); }
  std::span<const std::byte> bytes() const noexcept { return {data, byte_count()}; }

  // The elements as T, which must be the C++ type of `dtype` (16-bit floats as std::uint16_t).
  template <class T>
  std::span<const T> as() const noexcept {
    assert(sizeof(T) == byte_size(dtype));
    return {reinterpret_cast<const T*>(data), element_count()};
  }

  // "F32 [768, 768]", as error messages say it.
  std::string to_string() const { return std::string(name_of(dtype)) + " " + shape.to_string(); }
};

// A row-major matrix of somebody else's values: [rows, cols], `stride` elements from row to row.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, std::size_t rows_, std::size_t cols_) noexcept
      : MatrixView(data_, rows_, cols_, cols_) {}
  MatrixView(T* data_, std::size_t rows_, std::size_t cols_, std::size_t stride_) noexcept
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}

  T* row(std::size_t i) const noexcept {
    assert(i < rows);
    return data + i * stride;
  }
  std::span<T> row_span(std::size_t i) const noexcept { return {row(i), cols}; }
  MatrixView rows_from(std::size_t first, std::size_t count) const noexcept {
    assert(first + count <= rows);
    return {data + first * stride, count, cols, stride};
  }
  operator MatrixView<const T>() const noexcept  // NOLINT(google-explicit-constructor)
      requires(!std::is_const_v<T>) {
    return {data, rows, cols, stride};
  }
};

}  // namespace semblance
