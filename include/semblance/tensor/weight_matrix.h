#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "semblance/tensor/shape.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// A matrix of weights as a file holds it: floating-point elements, or codes with scales, which
// io/quantized_weights.h defines.
struct WeightMatrix {
  // [rows, columns] of a floating-point type or I8; U8 [rows, columns / 2] for 4-bit codes.
  TensorView elements;
  // F32 [rows] beside I8; F16 [rows, blocks] beside U8; none beside floating point.
  std::optional<TensorView> scales;
  Shape shape;  // [rows, columns]
  // Beside I8: the equal pieces of a row across which it was transformed before it was quantized
  // (2, 4, 8 or 16), or 1.
  std::size_t pieces = 1;

  WeightMatrix() = default;
  // Implicit: a floating-point tensor is a matrix of itself.
  WeightMatrix(TensorView values)  // NOLINT(google-explicit-constructor)
      : elements(std::move(values)), shape(elements.shape) {}
  WeightMatrix(TensorView codes, TensorView code_scales, Shape logical_shape,
               std::size_t num_pieces = 1)
      : elements(std::move(codes)),
        scales(std::move(code_scales)),
        shape(std::move(logical_shape)),
        pieces(num_pieces) {}

  std::size_t rows() const noexcept { return shape[0]; }
  std::size_t columns() const noexcept { return shape[1]; }
  bool is_quantized() const noexcept { return scales.has_value(); }
};

// 8-bit codes: pieces of a row.
inline constexpr std::size_t kMostPieces = 16;

// 4-bit codes: columns that share a scale, and the code that means 0.
inline constexpr std::size_t kFourBitBlock = 32;
inline constexpr int kFourBitZero = 8;

}  // namespace semblance
