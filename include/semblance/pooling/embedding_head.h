#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/layers/layer_norm.h"
#include "semblance/layers/linear.h"
#include "semblance/pooling/normalize.h"
#include "semblance/simd/fma.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// A fully connected step over pooled vectors: y = activation(x W^T + b), plus x, or plus x R^T
// where the widths differ and there is a residual.
class Dense {
 public:
  enum class Activation { identity, tanh, relu, gelu, silu, sigmoid };
  // By the lower-case name: identity, tanh, relu, gelu, silu or sigmoid; nothing when it is
  // none of them.
  static std::optional<Activation> activation_of(std::string_view name) {
    constexpr std::pair<std::string_view, Activation> kNames[] = {
        {"identity", Activation::identity}, {"tanh", Activation::tanh},
        {"relu", Activation::relu},         {"gelu", Activation::gelu},
        {"silu", Activation::silu},         {"sigmoid", Activation::sigmoid}};
    for (const auto& [known, activation] : kNames) {
      if (known == name) return activation;
    }
    return std::nullopt;
  }

  enum class Residual { none, identity, projection };

  // `projection` is the residual's weight, given when `residual` says so.
  Dense(const LinearParameters& linear, Activation activation, Residual residual,
        const std::optional<LinearParameters>& projection, Executor& executor)
      : linear_(linear, executor), activation_(activation), residual_(residual) {
    if (projection) projection_.emplace(*projection, executor);
  }

  std::size_t in_features() const noexcept { return linear_.in_features(); }
  std::size_t out_features() const noexcept { return linear_.out_features(); }

  //   input   [rows, in_features]
  //   output  [rows, out_features]; may not alias the input
  void forward(MatrixView<const float> input, MatrixView<float> output, Executor& executor) const {
    const MatrixView<const float> skip =
        residual_ == Residual::identity ? input : MatrixView<const float>{};
    if (activation_ != Activation::sigmoid) {
      linear_.forward(kernel_of(activation_), input, output, executor, skip);
    } else {
      // sigmoid(x) = 1/2 + tanh(x / 2) / 2
      linear_.forward(input, output, executor);
      for (std::size_t r = 0; r < output.rows; ++r) {
        const std::span<float> row = output.row_span(r);
        for (float& value : row) value *= 0.5f;
        simd::kernels().activate(simd::Activation::tanh, row.data(), row.size());
        for (float& value : row) value = simd::fma(value, 0.5f, 0.5f);
        if (skip.data == nullptr) continue;
        for (std::size_t i = 0; i < row.size(); ++i) row[i] += skip.row(r)[i];
      }
    }
    if (projection_) projection_->forward(input, output, executor, output);
  }

 private:
  static simd::Activation kernel_of(Activation activation) noexcept {
    switch (activation) {
      case Activation::tanh: return simd::Activation::tanh;
      case Activation::relu: return simd::Activation::relu;
      case Activation::gelu: return simd::Activation::gelu;
      case Activation::silu: return simd::Activation::silu;
      default: return simd::Activation::identity;
    }
  }

  Linear<float> linear_;
  std::optional<Linear<float>> projection_;
  Activation activation_;
  Residual residual_;
};

// L2 normalization as a step.
struct NormalizeStep {};

// What follows the pooling in a sentence-transformers folder, in order.
class EmbeddingHead {
 public:
  using Step = std::variant<Dense, NormalizeStep, LayerNorm<float>>;

  EmbeddingHead() = default;
  explicit EmbeddingHead(std::vector<Step> steps) : steps_(std::move(steps)) {}

  bool ends_normalized() const noexcept {
    return !steps_.empty() && std::holds_alternative<NormalizeStep>(steps_.back());
  }
  std::size_t output_size(std::size_t input_size) const noexcept {
    for (const auto& step : steps_) {
      if (const auto* dense = std::get_if<Dense>(&step)) input_size = dense->out_features();
    }
    return input_size;
  }
  // The widest row between the steps.
  std::size_t widest(std::size_t input_size) const noexcept {
    for (const auto& step : steps_) {
      if (const auto* dense = std::get_if<Dense>(&step)) {
        input_size = std::max(input_size, dense->out_features());
      }
    }
    return input_size;
  }

  // Runs all steps over rows [num_rows, input_size] and returns where the result lies: in `rows` or
  // in `spare`, which has room for num_rows rows of the widest size, as has `rows`. Without
  // `normalize` the Normalize steps are skipped.
  MatrixView<float> forward(MatrixView<float> rows, MatrixView<float> spare, bool normalize,
                            Executor& executor) const {
    for (const auto& step : steps_) {
      if (const auto* dense = std::get_if<Dense>(&step)) {
        spare.cols = dense->out_features();
        dense->forward(rows, spare, executor);
        std::swap(rows, spare);
      } else if (const auto* layer_norm = std::get_if<LayerNorm<float>>(&step)) {
        layer_norm->forward(rows, executor);
      } else if (normalize) {
        for (std::size_t r = 0; r < rows.rows; ++r) semblance::normalize(rows.row_span(r));
      }
    }
    return rows;
  }

 private:
  std::vector<Step> steps_;
};

}  // namespace semblance
