#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <variant>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/layers/activation.h"
#include "semblance/layers/float_weights.h"
#include "semblance/layers/int8_weights.h"
#include "semblance/layers/linear_product.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/eigen_map.h"
#include "semblance/tensor/precision.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Affine map y = activation(x W^T + b) + residual. Several maps of the same input may stand side by
// side in one Linear (query, key and value), their outputs one after the other.
//   input     [rows, in_features]
//   residual  [rows, out_features], may be the output, or have no data
//   output    [rows, out_features]
template <LayerScalar Scalar>
class Linear;

// Weights packed once for the kernels, in the precision that the parameters ask for; in float32
// where parts that stand side by side ask for several. Order of operations as simd::LinearCall and
// simd::Int8LinearCall say.
template <>
class Linear<float> {
 public:
  Linear(std::span<const LinearParameters> parts, Executor& executor)
      : in_features_(parts.front().weight.columns()),
        out_features_(rows_of(parts)),
        weights_(make_weights(parts, out_features_, executor)) {
    if (std::any_of(parts.begin(), parts.end(),
                    [](const auto& part) { return part.bias.has_value(); })) {
      bias_ = AlignedBuffer<float>(out_features_);
      std::fill(bias_.begin(), bias_.end(), 0.0f);
      float* to = bias_.data();
      for (const auto& part : parts) {
        if (part.bias) copy_elements(*part.bias, 0, part.weight.rows(), to);
        to += part.weight.rows();
      }
    }
  }
  Linear(const LinearParameters& parameters, Executor& executor)
      : Linear(std::span(&parameters, 1), executor) {}

  std::size_t in_features() const noexcept { return in_features_; }
  std::size_t out_features() const noexcept { return out_features_; }
  bool is_int8() const noexcept { return std::holds_alternative<Int8Weights>(weights_); }
  std::size_t byte_count() const noexcept {
    return std::visit([](const auto& weights) { return weights.byte_count(); }, weights_) +
           bias_.size() * sizeof(float);
  }

  // scratch: for int8, what the input becomes; null allocates.
  template <ActivationFunction Activation = IdentityActivation>
  void forward(MatrixView<const float> input, MatrixView<float> output, Executor& executor,
               MatrixView<const float> residual = {}, QuantizedRows* scratch = nullptr,
               Activation activation = {}) const {
    forward(activation.kernel(), input, output, executor, residual, scratch);
  }

  void forward(simd::Activation activation, MatrixView<const float> input, MatrixView<float> output,
               Executor& executor, MatrixView<const float> residual = {},
               QuantizedRows* scratch = nullptr) const {
    assert(input.cols == in_features_ && output.cols == out_features_ && input.rows == output.rows);
    const LinearProduct product{.input = input,
                                .output = output,
                                .residual = residual,
                                .bias = bias_.data(),
                                .activation = activation};
    std::visit([&](const auto& weights) { weights.multiply(product, scratch, executor); },
               weights_);
  }

 private:
  using Weights = std::variant<FloatWeights, Int8Weights>;

  static std::size_t rows_of(std::span<const LinearParameters> parts) noexcept {
    std::size_t rows = 0;
    for (const auto& part : parts) rows += part.weight.rows();
    return rows;
  }
  static Weights make_weights(std::span<const LinearParameters> parts, std::size_t out_features,
                              Executor& executor) {
    Precision precision = parts.front().precision;
    for (const auto& part : parts) {
      if (part.precision != precision) precision = Precision::f32;
    }
    if (precision == Precision::int8) return Int8Weights(parts, out_features, executor);
    return FloatWeights(parts, out_features, precision, executor);
  }

  std::size_t in_features_;
  std::size_t out_features_;
  Weights weights_;
  AlignedBuffer<float> bias_;
};

// The plain form over Eigen.
template <>
class Linear<double> {
 public:
  Linear() = default;
  Linear(std::span<const LinearParameters> parts, Executor&)
      : in_features_(parts.front().weight.columns()) {
    for (const auto& part : parts) out_features_ += part.weight.rows();
    weight_ = AlignedBuffer<double>(out_features_ * in_features_);
    bias_ = AlignedBuffer<double>(out_features_);
    std::fill(bias_.begin(), bias_.end(), 0.0);
    std::size_t row = 0;
    for (const auto& part : parts) {
      const std::size_t rows = part.weight.rows();
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
               MatrixView<const double> residual = {}, QuantizedRows* = nullptr,
               Activation activation = {}) const {
    const MatrixView<const double> weight(weight_.data(), out_features_, in_features_);
    const MatrixView<const double> bias(bias_.data(), 1, out_features_);
    RowMajorMatrix<double> sum = as_eigen(input) * as_eigen(weight).transpose();
    sum.rowwise() += as_eigen(bias).row(0);
    sum = sum.unaryExpr([&](double x) { return activation.apply(x); });
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
