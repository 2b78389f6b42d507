#pragma once

#include <cstddef>
#include <cstdint>

#include "semblance/core/aligned_buffer.h"
#include "semblance/simd/kernels.h"
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

}  // namespace semblance
