#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/block_arena.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/packed_store.h"
#include "semblance/tensor/precision.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Where the input of a product in int8 waits as codes. Grows on demand and is reused.
struct QuantizedRows {
  AlignedBuffer<std::byte> codes;     // [rows, int8_row_bytes(features)]
  AlignedBuffer<float> scales;        // [rows]
  AlignedBuffer<std::int32_t> zeros;  // [rows]
  AlignedBuffer<float> transformed;   // [slices, features]: one row of each slice of parallel work

  void reserve(std::size_t rows, std::size_t features, std::size_t concurrency) {
    codes.reserve_discarding(rows * simd::kernels().int8_row_bytes(features));
    scales.reserve_discarding(rows);
    zeros.reserve_discarding(rows);
    transformed.reserve_discarding(concurrency * features);
  }
};

// One product of a Linear: output = activation(input W^T + bias) + residual.
struct LinearProduct {
  MatrixView<const float> input;
  MatrixView<float> output;
  MatrixView<const float> residual;  // no data: none
  const float* bias = nullptr;
  simd::Activation activation = simd::Activation::identity;
};

// The rows [begin, begin + num_rows) of weights that stand one above the other, in pieces that lie
// in one part each: piece(part, first_row, count, place) with place counted from begin.
template <class Piece>
void for_each_piece(std::span<const LinearParameters> parts, std::size_t begin,
                    std::size_t num_rows, Piece&& piece) {
  std::size_t part_begin = 0;
  for (const auto& part : parts) {
    const std::size_t part_end = part_begin + part.weight.rows();
    const std::size_t first = std::max(begin, part_begin);
    const std::size_t last = std::min(begin + num_rows, part_end);
    if (first < last) piece(part.weight, first - part_begin, last - first, first - begin);
    part_begin = part_end;
  }
}

// Weights as the kernels want them.
struct PackedWeights {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> memory = nullptr;  // null when they lie in a store
};

// What the parts become together in `form`, panel after panel: found in the store that the first
// part names, or made and put there. pack(first, last, packed) makes the panels [first, last) at
// their place in `packed`, many calls at once.
template <class Pack>
PackedWeights find_or_pack(std::span<const LinearParameters> parts, const std::string& form,
                           std::size_t num_panels, std::size_t panel_bytes, Executor& executor,
                           const Pack& pack) {
  const LinearParameters& first = parts.front();
  const std::size_t byte_count = num_panels * panel_bytes;
  const std::string name = first.packed.name + ' ' + form;
  if (first.packed.store != nullptr) {
    const auto found = first.packed.store->find(name, byte_count);
    if (!found.empty()) return {found};
  }
  ArenaBlock block;
  if (first.arena) {
    block = first.arena->allocate(byte_count);
  } else {
    auto memory = std::make_shared<AlignedBuffer<std::byte>>(byte_count);
    block = {std::span(memory->data(), byte_count), memory};
  }
  parallel_slices(executor, num_panels, 1, [&](std::size_t, std::size_t begin, std::size_t end) {
    pack(begin, end, block.bytes.data());
  });
  if (first.packed.store != nullptr) first.packed.store->add(name, block.bytes);
  return {block.bytes, std::move(block.memory)};
}

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

// A row of weights as 8-bit codes, for an input that is transformed across `pieces`: w x = (H w /
// pieces) (H x), where H w is what is quantized, by the rule of simd::Kernels::quantize_weights.
// Returns the scale, divided by pieces.
//   row      [columns]
//   scratch  [columns], for H w
static_assert(kMostPieces == simd::kMostHadamardPieces);
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
