#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/layers/activation.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/eigen_map.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Affine map y = activation(x W^T + b) + residual. Several maps of the same input may stand side by
// side in one Linear (query, key and value), their outputs one after the other.
//   input     [rows, in_features]
//   residual  [rows, out_features], may be the output, or have no data
//   output    [rows, out_features]
template <LayerScalar Scalar>
class Linear;

// Weights packed once for the kernels; order of operations as simd::LinearCall says.
template <>
class Linear<float> {
 public:
  Linear() = default;
  Linear(std::span<const LinearParameters> parts, Executor& executor)
      : kernels_(&simd::kernels()), in_features_(parts.front().weight.shape[1]) {
    for (const auto& part : parts) out_features_ += part.weight.shape[0];
    pack(parts, executor);
    if (std::any_of(parts.begin(), parts.end(),
                    [](const auto& part) { return part.bias.has_value(); })) {
      bias_ = AlignedBuffer<float>(out_features_);
      std::fill(bias_.begin(), bias_.end(), 0.0f);
      float* to = bias_.data();
      for (const auto& part : parts) {
        if (part.bias) copy_elements(*part.bias, 0, part.weight.shape[0], to);
        to += part.weight.shape[0];
      }
    }
  }
  Linear(const LinearParameters& parameters, Executor& executor)
      : Linear(std::span(&parameters, 1), executor) {}

  std::size_t in_features() const noexcept { return in_features_; }
  std::size_t out_features() const noexcept { return out_features_; }
  std::size_t byte_count() const noexcept {
    return (packed_.size() + bias_.size()) * sizeof(float);
  }

  template <ActivationFunction Activation = IdentityActivation>
  void forward(MatrixView<const float> input, MatrixView<float> output, Executor& executor,
               MatrixView<const float> residual = {}) const {
    forward(Activation::kernel, input, output, executor, residual);
  }

  void forward(simd::Activation activation, MatrixView<const float> input, MatrixView<float> output,
               Executor& executor, MatrixView<const float> residual = {}) const {
    assert(input.cols == in_features_ && output.cols == out_features_ && input.rows == output.rows);
    const auto columns = [&](std::size_t, std::size_t first, std::size_t last) {
      kernels_->linear({.input = input.data,
                        .input_stride = input.stride,
                        .rows = input.rows,
                        .packed_weight = packed_.data(),
                        .in_features = in_features_,
                        .out_features = out_features_,
                        .first_column = first,
                        .last_column = last,
                        .bias = bias_.data(),
                        .activation = activation,
                        .residual = residual.data,
                        .residual_stride = residual.stride,
                        .output = output.data,
                        .output_stride = output.stride});
    };
    parallel_slices(executor, out_features_, kernels_->panel_width, columns);
  }

 private:
  // A panel whose rows lie together in one float32 part is packed from where it is; any other is
  // gathered first.
  void pack(std::span<const LinearParameters> parts, Executor& executor) {
    const std::size_t width = kernels_->panel_width;
    const std::size_t num_panels = (out_features_ + width - 1) / width;
    packed_ = AlignedBuffer<float>(num_panels * width * in_features_);
    const auto panels = [&](std::size_t, std::size_t first, std::size_t last) {
      AlignedBuffer<float> gathered;
      for (std::size_t panel = first; panel < last; ++panel) {
        const std::size_t begin = panel * width;
        const std::size_t num_rows = std::min(width, out_features_ - begin);
        const float* rows = contiguous_rows(parts, begin, num_rows);
        if (rows == nullptr) {
          gathered.reserve_discarding(width * in_features_);
          gather_rows(parts, begin, num_rows, gathered.data());
          rows = gathered.data();
        }
        kernels_->pack_weight(rows, num_rows, in_features_, 0, 1,
                              packed_.data() + begin * in_features_);
      }
    };
    parallel_slices(executor, num_panels, 1, panels);
  }

  const float* contiguous_rows(std::span<const LinearParameters> parts, std::size_t begin,
                               std::size_t num_rows) const noexcept {
    for (const auto& part : parts) {
      const std::size_t part_rows = part.weight.shape[0];
      if (begin < part_rows) {
        const bool together = begin + num_rows <= part_rows && part.weight.dtype == DType::f32;
        return together ? part.weight.as<float>().data() + begin * in_features_ : nullptr;
      }
      begin -= part_rows;
    }
    return nullptr;
  }

  void gather_rows(std::span<const LinearParameters> parts, std::size_t begin, std::size_t num_rows,
                   float* to) const {
    std::size_t part_begin = 0;
    for (const auto& part : parts) {
      const std::size_t part_end = part_begin + part.weight.shape[0];
      const std::size_t first = std::max(begin, part_begin);
      const std::size_t last = std::min(begin + num_rows, part_end);
      if (first < last) {
        copy_elements(part.weight, (first - part_begin) * in_features_,
                      (last - first) * in_features_, to + (first - begin) * in_features_);
      }
      part_begin = part_end;
    }
  }

  const simd::Kernels* kernels_ = nullptr;
  std::size_t in_features_ = 0;
  std::size_t out_features_ = 0;
  AlignedBuffer<float> packed_;  // as simd::Kernels::pack_weight lays it out
  AlignedBuffer<float> bias_;
};

// The plain form over Eigen.
template <>
class Linear<double> {
 public:
  Linear() = default;
  Linear(std::span<const LinearParameters> parts, Executor&)
      : in_features_(parts.front().weight.shape[1]) {
    for (const auto& part : parts) out_features_ += part.weight.shape[0];
    weight_ = AlignedBuffer<double>(out_features_ * in_features_);
    bias_ = AlignedBuffer<double>(out_features_);
    std::fill(bias_.begin(), bias_.end(), 0.0);
    std::size_t row = 0;
    for (const auto& part : parts) {
      const std::size_t rows = part.weight.shape[0];
      copy_elements(part.weight, 0, rows * in_features_, weight_.data() + row * in_features_);
      if (part.bias) copy_elements(*part.bias, 0, rows, bias_.data() + row);
      row += rows;
    }
  }
  Linear(const LinearParameters& parameters, Executor& executor)
      : Linear(std::span(&parameters, 1), executor) {}

  std::size_t in_features() const noexcept { return in_features_; }
  std::size_t out_features() const noexcept { return out_features_; }
  std::size_t byte_count() const noexcept {
    return (weight_.size() + bias_.size()) * sizeof(double);
  }

  template <ActivationFunction Activation = IdentityActivation>
  void forward(MatrixView<const double> input, MatrixView<double> output, Executor&,
               MatrixView<const double> residual = {}) const {
    const MatrixView<const double> weight(weight_.data(), out_features_, in_features_);
    const MatrixView<const double> bias(bias_.data(), 1, out_features_);
    RowMajorMatrix<double> sum = as_eigen(input) * as_eigen(weight).transpose();
    sum.rowwise() += as_eigen(bias).row(0);
    sum = sum.unaryExpr(&Activation::apply);
    if (residual.data != nullptr) sum += as_eigen(residual);
    as_eigen(output) = sum;
  }

 private:
  std::size_t in_features_ = 0;
  std::size_t out_features_ = 0;
  AlignedBuffer<double> weight_;  // [out_features, in_features]
  AlignedBuffer<double> bias_;
};

}  // namespace semblance
