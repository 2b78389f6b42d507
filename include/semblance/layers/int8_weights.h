#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

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

static_assert(kMostPieces == simd::kMostHadamardPieces);

// A row of weights as 8-bit codes, for an input that is transformed across `pieces`: w x = (H w /
// pieces) (H x), where H w is what is quantized, by the rule of simd::Kernels::quantize_weights.
// Returns the scale, divided by pieces.
//   row      [columns]
//   scratch  [columns], for H w; null where pieces is 1
//   codes    [columns], out
inline float quantize_weight_row(const float* row, std::size_t columns, std::size_t pieces,
                                 float* scratch, std::int8_t* codes) {
  const simd::Kernels& kernels = simd::kernels();
  if (pieces == 1) return kernels.quantize_weights(row, columns, codes);
  kernels.hadamard(row, columns, pieces, scratch);
  return kernels.quantize_weights(scratch, columns, codes) / static_cast<float>(pieces);
}

// Weights as 8-bit codes with a scale a row: those of the file where it has them in the form wanted
// here, else quantized here. The form is that of the first codes that the file has; without any,
// inputs that are normalized are transformed across pieces. Inputs are quantized a row at a time.
class Int8Weights {
 public:
  Int8Weights(std::span<const LinearParameters> parts, std::size_t out_features, Executor& executor)
      : kernels_(&simd::kernels()),
        in_features_(parts.front().weight.columns()),
        out_features_(out_features) {
    assert(in_features_ <= simd::kMaxInt8Features);
    pieces_ = pieces_of(parts);
    const std::size_t width = kernels_->panel_width;
    assert(width <= kMaxPanelWidth);
    const std::size_t num_panels = (out_features_ + width - 1) / width;
    const std::size_t panel_bytes = kernels_->int8_panel_bytes(in_features_);
    const auto pack_some = [&](std::size_t first, std::size_t last, std::byte* packed) {
      Panel panel;
      for (std::size_t p = first; p < last; ++p) {
        const std::size_t begin = p * width;
        const std::size_t num_rows = std::min(width, out_features_ - begin);
        for_each_piece(parts, begin, num_rows,
                       [&](const WeightMatrix& weight, std::size_t row, std::size_t count,
                           std::size_t place) { gather(weight, row, count, place, panel); });
        kernels_->pack_int8(panel.columns.data(), panel.scales.data(), num_rows, in_features_,
                            packed + p * panel_bytes);
      }
    };
    const std::string form = "int8 " + std::string(name_of(kernels_->isa)) + ' ' +
                             std::to_string(kernels_->int8_group) + ' ' + std::to_string(pieces_);
    packed_ = find_or_pack(parts, form, num_panels, panel_bytes, executor, pack_some);
  }

  std::size_t byte_count() const noexcept { return packed_.bytes.size(); }

  // Without scratch, the codes of the input are allocated here.
  void multiply(const LinearProduct& product, QuantizedRows* scratch, Executor& executor) const {
    QuantizedRows own;
    QuantizedRows& input = scratch == nullptr ? own : *scratch;
    const std::size_t rows = product.input.rows;
    const std::size_t row_bytes = kernels_->int8_row_bytes(in_features_);
    input.reserve(rows, in_features_, executor.concurrency());
    const auto quantize = [&](const float* values, std::size_t first, std::size_t count) {
      kernels_->quantize_rows(values, product.input.stride, count, in_features_,
                              input.codes.data() + first * row_bytes, input.scales.data() + first,
                              input.zeros.data() + first);
    };
    parallel_slices(executor, rows, 1, [&](std::size_t slice, std::size_t first, std::size_t last) {
      if (pieces_ == 1) return quantize(product.input.row(first), first, last - first);
      float* transformed = input.transformed.data() + slice * in_features_;
      for (std::size_t row = first; row < last; ++row) {
        kernels_->hadamard(product.input.row(row), in_features_, pieces_, transformed);
        quantize(transformed, row, 1);
      }
    });
    const auto columns = [&](std::size_t, std::size_t first, std::size_t last) {
      kernels_->linear_int8({.input = input.codes.data(),
                             .input_scales = input.scales.data(),
                             .input_zeros = input.zeros.data(),
                             .rows = rows,
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
  static constexpr std::size_t kMaxPanelWidth = 64;

  // The columns of a panel before they are packed.
  struct Panel {
    std::array<const std::int8_t*, kMaxPanelWidth> columns;
    std::array<float, kMaxPanelWidth> scales;
    std::vector<std::int8_t> codes;
    AlignedBuffer<float> row;
    AlignedBuffer<float> transformed;
  };

  static std::size_t pieces_of(std::span<const LinearParameters> parts) noexcept {
    for (const auto& part : parts) {
      if (part.weight.elements.dtype == DType::i8) return part.weight.pieces;
    }
    const LinearParameters& first = parts.front();
    return first.input_is_normalized ? simd::hadamard_pieces(first.weight.columns()) : 1;
  }

  void gather(const WeightMatrix& weight, std::size_t first_row, std::size_t count,
              std::size_t place, Panel& panel) const {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = first_row + i;
      const std::size_t column = place + i;
      if (weight.elements.dtype == DType::i8 && weight.pieces == pieces_) {
        panel.columns[column] = weight.elements.as<std::int8_t>().data() + row * in_features_;
        panel.scales[column] = weight.scales->as<float>()[row];
        continue;
      }
      const float* values = nullptr;
      if (weight.elements.dtype == DType::f32) {
        values = weight.elements.as<float>().data() + row * in_features_;
      } else {
        panel.row.reserve_discarding(in_features_);
        copy_elements(weight, row * in_features_, in_features_, panel.row.data());
        values = panel.row.data();
      }
      panel.codes.resize(kMaxPanelWidth * in_features_);
      std::int8_t* codes = panel.codes.data() + column * in_features_;
      panel.transformed.reserve_discarding(in_features_);
      panel.scales[column] =
          quantize_weight_row(values, in_features_, pieces_, panel.transformed.data(), codes);
      panel.columns[column] = codes;
    }
  }

  const simd::Kernels* kernels_;
  std::size_t in_features_;
  std::size_t out_features_;
  std::size_t pieces_ = 1;
  PackedWeights packed_;  // as simd::Kernels::pack_int8 lays it out
};

}  // namespace semblance
