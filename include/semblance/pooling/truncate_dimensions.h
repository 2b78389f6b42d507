#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "semblance/pooling/normalize.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// The leading dimensions of rows [num_rows, size] as a view, nothing copied (Matryoshka
// representations, Kusupati et al. 2022). Cosine, whole or cut, does not need the rows normalized.
// Throws std::invalid_argument when `dimensions` is 0 or more than there are.
MatrixView<const float> leading_dimensions(MatrixView<const float> rows, std::size_t dimensions);

// The same as a copy [num_rows, dimensions] of length 1 (see normalize), for dot products.
Tensor<float> truncate_dimensions(MatrixView<const float> rows, std::size_t dimensions);

inline MatrixView<const float> leading_dimensions(MatrixView<const float> rows,
                                                  std::size_t dimensions) {
  if (dimensions == 0 || dimensions > rows.cols) {
    throw std::invalid_argument("cannot keep " + std::to_string(dimensions) + " of " +
                                std::to_string(rows.cols) + " dimensions");
  }
  return {rows.data, rows.rows, dimensions, rows.stride};
}

inline Tensor<float> truncate_dimensions(MatrixView<const float> rows, std::size_t dimensions) {
  const auto leading = leading_dimensions(rows, dimensions);
  Tensor<float> truncated(Shape{rows.rows, dimensions});
  for (std::size_t r = 0; r < rows.rows; ++r) {
    std::copy_n(leading.row(r), dimensions, truncated.matrix().row(r));
    normalize(truncated.matrix().row_span(r));
  }
  return truncated;
}

}  // namespace semblance
