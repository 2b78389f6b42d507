#pragma once

#include <Eigen/Core>
#include <type_traits>

#include "semblance/tensor/tensor_view.h"

namespace semblance {

template <class T>
using RowMajorMatrix =
    Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Row-major Eigen map over a view: MatrixMap<float> writes, MatrixMap<const float> reads.
template <class T>
using MatrixMap =
    Eigen::Map<std::conditional_t<std::is_const_v<T>, const RowMajorMatrix<T>, RowMajorMatrix<T>>,
               Eigen::Unaligned, Eigen::OuterStride<>>;

template <class T>
MatrixMap<T> as_eigen(MatrixView<T> view) noexcept {
  return {view.data, static_cast<Eigen::Index>(view.rows), static_cast<Eigen::Index>(view.cols),
          Eigen::OuterStride<>(static_cast<Eigen::Index>(view.stride))};
}

}  // namespace semblance
