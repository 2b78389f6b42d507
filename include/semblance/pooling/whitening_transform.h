#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// A fitted whitening (Su et al. 2021, arXiv 2103.15316): x becomes (x - mean) kernel, whose
// components are uncorrelated with variance 1 on the vectors it was fitted on, the directions of
// largest variance first. Whitened vectors are then compared by cosine.
//
// Numeric contract: x - mean is taken in float64 and rounded to float32; the product is the
// kernels' float32 fma chain over a kernel rounded to float32. A row has the same bits alone and in
// any batch, for any executor and instruction set. NaN and infinity propagate.
class Whitening {
 public:
  //   mean    [input_size]
  //   kernel  [input_size, dimensions], row-major
  // Throws std::invalid_argument when they are empty, do not fit each other or are not finite.
  Whitening(std::vector<double> mean, std::vector<double> kernel);

  std::size_t input_size() const noexcept { return mean_.size(); }
  std::size_t dimensions() const noexcept {
    return mean_.empty() ? 0 : kernel_.size() / mean_.size();  // none once moved from
  }
  std::span<const double> mean() const noexcept { return mean_; }
  std::span<const double> kernel() const noexcept { return kernel_; }

  // The first `dimensions` only. Throws std::invalid_argument for none or more than there are.
  Whitening truncated(std::size_t dimensions) const;

  //   rows      [num_rows, input_size]
  //   whitened  [num_rows, dimensions]; may not alias the rows
  // Throws std::invalid_argument when a size differs.
  void apply(MatrixView<const float> rows, MatrixView<float> whitened,
             Executor* executor = nullptr) const;
  // The same, but the rows end as room for x - mean and no memory is asked for.
  void apply_overwriting(MatrixView<float> rows, MatrixView<float> whitened) const;
  Tensor<float> apply(MatrixView<const float> rows, Executor* executor = nullptr) const;
  std::vector<float> apply(std::span<const float> vector) const;

 private:
  void check_sizes(MatrixView<const float> rows, MatrixView<float> whitened) const;
  //   centred [rows, input_size], may be the rows
  void apply_to_rows(MatrixView<const float> rows, MatrixView<float> centred,
                     MatrixView<float> whitened) const noexcept;

  std::vector<double> mean_;
  std::vector<double> kernel_;
  AlignedBuffer<float> packed_kernel_;  // transposed, as Kernels::pack_weight lays it out
};

inline Whitening::Whitening(std::vector<double> mean, std::vector<double> kernel)
    : mean_(std::move(mean)), kernel_(std::move(kernel)) {
  if (mean_.empty() || kernel_.empty() || kernel_.size() % mean_.size() != 0) {
    throw std::invalid_argument("whitening: a mean of " + std::to_string(mean_.size()) +
                                " and a kernel of " + std::to_string(kernel_.size()) +
                                " values do not fit");
  }
  // Also what float32 cannot hold.
  const auto is_finite = [](double v) { return std::isfinite(static_cast<float>(v)); };
  if (!std::all_of(mean_.begin(), mean_.end(), is_finite) ||
      !std::all_of(kernel_.begin(), kernel_.end(), is_finite)) {
    throw std::invalid_argument("whitening: a value is not finite");
  }
  const simd::Kernels& kernels = simd::kernels();
  const std::size_t num_panels = (dimensions() + kernels.panel_width - 1) / kernels.panel_width;
  std::vector<float> weight(kernel_.size());  // [dimensions, input_size]
  for (std::size_t i = 0; i < input_size(); ++i) {
    for (std::size_t d = 0; d < dimensions(); ++d) {
      weight[d * input_size() + i] = static_cast<float>(kernel_[i * dimensions() + d]);
    }
  }
  packed_kernel_ = AlignedBuffer<float>(num_panels * kernels.panel_width * input_size());
  kernels.pack_weight(weight.data(), dimensions(), input_size(), 0, num_panels,
                      packed_kernel_.data());
}

inline Whitening Whitening::truncated(std::size_t dimensions) const {
  if (dimensions == 0 || dimensions > this->dimensions()) {
    throw std::invalid_argument("whitening: cannot keep " + std::to_string(dimensions) + " of " +
                                std::to_string(this->dimensions()) + " dimensions");
  }
  std::vector<double> kernel;
  kernel.reserve(input_size() * dimensions);
  for (std::size_t i = 0; i < input_size(); ++i) {
    const auto row = kernel_.begin() + static_cast<std::ptrdiff_t>(i * this->dimensions());
    kernel.insert(kernel.end(), row, row + static_cast<std::ptrdiff_t>(dimensions));
  }
  return Whitening(mean_, std::move(kernel));
}

inline void Whitening::check_sizes(MatrixView<const float> rows, MatrixView<float> whitened) const {
  if (rows.cols != input_size() || whitened.cols != dimensions() || whitened.rows != rows.rows) {
    throw std::invalid_argument("whitening from " + std::to_string(input_size()) + " to " +
                                std::to_string(dimensions()) + " dimensions: given " +
                                Shape{rows.rows, rows.cols}.to_string() + ", room for " +
                                Shape{whitened.rows, whitened.cols}.to_string());
  }
}

inline void Whitening::apply_to_rows(MatrixView<const float> rows, MatrixView<float> centred,
                                     MatrixView<float> whitened) const noexcept {
  for (std::size_t r = 0; r < rows.rows; ++r) {
    std::transform(rows.row(r), rows.row(r) + rows.cols, mean_.begin(), centred.row(r),
                   [](float value, double mean) {
                     return static_cast<float>(static_cast<double>(value) - mean);
                   });
  }
  simd::kernels().linear({.input = centred.data,
                          .input_stride = centred.stride,
                          .rows = rows.rows,
                          .packed_weight = packed_kernel_.data(),
                          .in_features = input_size(),
                          .out_features = dimensions(),
                          .last_column = dimensions(),
                          .output = whitened.data,
                          .output_stride = whitened.stride});
}

inline void Whitening::apply_overwriting(MatrixView<float> rows, MatrixView<float> whitened) const {
  check_sizes(rows, whitened);
  apply_to_rows(rows, rows, whitened);
}

inline void Whitening::apply(MatrixView<const float> rows, MatrixView<float> whitened,
                             Executor* executor) const {
  check_sizes(rows, whitened);
  constexpr std::size_t kRowsAtATime = 32;
  InlineExecutor here;
  parallel_slices(executor != nullptr ? *executor : here, rows.rows, kRowsAtATime,
                  [&](std::size_t, std::size_t begin, std::size_t end) {
                    AlignedBuffer<float> buffer(std::min(kRowsAtATime, end - begin) * rows.cols);
                    for (std::size_t first = begin; first < end; first += kRowsAtATime) {
                      const std::size_t count = std::min(kRowsAtATime, end - first);
                      apply_to_rows(rows.rows_from(first, count),
                                    MatrixView<float>(buffer.data(), count, rows.cols),
                                    whitened.rows_from(first, count));
                    }
                  });
}

inline Tensor<float> Whitening::apply(MatrixView<const float> rows, Executor* executor) const {
  Tensor<float> whitened(Shape{rows.rows, dimensions()});
  apply(rows, whitened.matrix(), executor);
  return whitened;
}

inline std::vector<float> Whitening::apply(std::span<const float> vector) const {
  std::vector<float> whitened(dimensions());
  apply(MatrixView<const float>(vector.data(), 1, vector.size()),
        MatrixView<float>(whitened.data(), 1, whitened.size()));
  return whitened;
}

}  // namespace semblance
