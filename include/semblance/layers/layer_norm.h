#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>

#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/eigen_map.h"

namespace semblance {

// Layer normalization over the last axis (Ba et al. 2016, arXiv 1607.06450), population variance,
// in the order of operations of simd::LayerNormCall. NaN and infinity stay in their row.
template <LayerScalar Scalar>
class LayerNorm {
 public:
  LayerNorm() = default;
  explicit LayerNorm(const LayerNormParameters& parameters)
      : gamma_(copy_elements<Scalar>(parameters.weight)),
        beta_(copy_elements<Scalar>(parameters.bias)),
        eps_(static_cast<Scalar>(parameters.eps)) {}

  std::size_t size() const noexcept { return gamma_.size(); }

  // hidden_states [rows, size], in place.
  void forward(MatrixView<Scalar> hidden_states, Executor& executor) const {
    parallel_slices(executor, hidden_states.rows, 1,
                    [&](std::size_t, std::size_t first, std::size_t last) {
                      normalize(hidden_states.rows_from(first, last - first));
                    });
  }

 private:
  void normalize(MatrixView<Scalar> rows) const {
    if constexpr (std::same_as<Scalar, float>) {
      simd::kernels().layer_norm({.input = rows.data,
                                  .input_stride = rows.stride,
                                  .rows = rows.rows,
                                  .size = rows.cols,
                                  .gamma = gamma_.data(),
                                  .beta = beta_.data(),
                                  .eps = eps_,
                                  .output = rows.data,
                                  .output_stride = rows.stride});
    } else {
      const auto gamma = as_eigen(MatrixView<const Scalar>(gamma_.data(), 1, size())).row(0);
      const auto beta = as_eigen(MatrixView<const Scalar>(beta_.data(), 1, size())).row(0);
      auto values = as_eigen(rows);
      for (Eigen::Index r = 0; r < values.rows(); ++r) {
        const Scalar mean = values.row(r).mean();
        const auto centered = (values.row(r).array() - mean).matrix();
        const Scalar variance = centered.squaredNorm() / static_cast<Scalar>(size());
        values.row(r) =
            (centered.array() / std::sqrt(variance + eps_) * gamma.array() + beta.array()).eval();
      }
    }
  }

  AlignedBuffer<Scalar> gamma_;
  AlignedBuffer<Scalar> beta_;
  Scalar eps_ = 0;
};

}  // namespace semblance
