#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/layers/linear_product.h"
#include "semblance/layers/packed_weights.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/precision.h"
#include "semblance/tensor/weight_matrix.h"

namespace semblance {

// Weights multiplied in float32, packed once for the kernels: kept in float32, or in one of the
// 16-bit types.
class FloatWeights {
 public:
  FloatWeights(std::span<const LinearParameters> parts, std::size_t out_features,
               Precision precision, Executor& executor)
      : kernels_(&simd::kernels()),
        in_features_(parts.front().weight.columns()),
        out_features_(out_features) {
    if (precision == Precision::f16) {
      linear_ = kernels_->linear_float16;
      pack(parts, precision, executor, kernels_->pack_float16);
    } else if (precision == Precision::bf16) {
      linear_ = kernels_->linear_bfloat16;
      pack(parts, precision, executor, kernels_->pack_bfloat16);
    } else {
      linear_ = kernels_->linear;
      pack(parts, precision, executor, kernels_->pack_weight);
    }
  }

  std::size_t byte_count() const noexcept { return packed_.bytes.size(); }

  void multiply(const LinearProduct& product, QuantizedRows*, Executor& executor) const {
    const auto columns = [&](std::size_t, std::size_t first, std::size_t last) {
      linear_({.input = product.input.data,
               .input_stride = product.input.stride,
               .rows = product.input.rows,
               .packed_weight = packed_.bytes.data(),
               .in_features = in_features_,
               .out_features = out_features_,
               .first_column = first,
               .last_column = last,
               .bias = product.bias,
               .activation = product.activation,
               .residual = product.residual.data,
               .residual_stride = product.residual.stride,
               .output = product.output.data,
               .output_stride = product.output.stride});
    };
    parallel_slices(executor, out_features_, kernels_->panel_width, columns);
  }

 private:
  template <class Element>
  using PackPanels = void (*)(const float*, std::size_t, std::size_t, std::size_t, std::size_t,
                              Element*) noexcept;

  // A panel whose rows lie together in one float32 part is packed from where it is; any other is
  // gathered first.
  template <class Element>
  void pack(std::span<const LinearParameters> parts, Precision precision, Executor& executor,
            PackPanels<Element> pack_panels) {
    const std::size_t width = kernels_->panel_width;
    const std::size_t num_panels = (out_features_ + width - 1) / width;
    const std::size_t panel_bytes = width * in_features_ * sizeof(Element);
    const auto pack_some = [&](std::size_t first, std::size_t last, std::byte* packed) {
      AlignedBuffer<float> gathered;
      for (std::size_t panel = first; panel < last; ++panel) {
        const std::size_t begin = panel * width;
        const std::size_t num_rows = std::min(width, out_features_ - begin);
        const float* rows = nullptr;
        for_each_piece(
            parts, begin, num_rows,
            [&](const WeightMatrix& weight, std::size_t row, std::size_t count, std::size_t place) {
              if (count == num_rows && weight.elements.dtype == DType::f32) {
                rows = weight.elements.as<float>().data() + row * in_features_;
                return;
              }
              gathered.reserve_discarding(width * in_features_);
              copy_elements(weight, row * in_features_, count * in_features_,
                            gathered.data() + place * in_features_);
            });
        pack_panels(rows == nullptr ? gathered.data() : rows, num_rows, in_features_, 0, 1,
                    reinterpret_cast<Element*>(packed + panel * panel_bytes));
      }
    };
    packed_ = find_or_pack(parts, std::string(name_of(precision)), num_panels, panel_bytes,
                           executor, pack_some);
  }

  const simd::Kernels* kernels_;
  void (*linear_)(const simd::LinearCall& call) noexcept = nullptr;
  std::size_t in_features_;
  std::size_t out_features_;
  PackedWeights packed_;  // as simd::Kernels::pack_weight and its like lay it out
};

}  // namespace semblance
