#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/layers/linear_product.h"
#include "semblance/layers/parameter.h"
#include "semblance/layers/row_slices.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Elements from row to row of a buffer of activations: whole cache lines, an odd number of them, so
// that the rows of a tile fall into different sets of the L1 cache.
template <LayerScalar Scalar>
constexpr std::size_t padded_stride(std::size_t cols) noexcept {
  constexpr std::size_t kLine = AlignedBuffer<Scalar>::kAlignment / sizeof(Scalar);
  const std::size_t num_lines = (cols + kLine - 1) / kLine;
  return (num_lines | 1) * kLine;
}

// What the layers write between the hidden states going in and coming out. Grows on demand and is
// reused, so that a forward pass of a size met before allocates nothing. One pass at a time.
template <LayerScalar Scalar>
class Workspace {
 public:
  struct Sizes {
    std::size_t embedding_size = 0;
    std::size_t hidden_size = 0;
    std::size_t intermediate_size = 0;
    std::size_t head_dim = 0;
    bool int8 = false;  // products in int8
  };

  void prepare(const Sizes& sizes, const SequenceBatch& batch, std::size_t concurrency) {
    sizes_ = sizes;
    const std::size_t tokens = batch.num_tokens();
    embedding_.reserve_discarding(tokens * padded_stride<Scalar>(sizes.embedding_size));
    hidden_.reserve_discarding(tokens * padded_stride<Scalar>(sizes.hidden_size));
    query_key_value_.reserve_discarding(tokens * padded_stride<Scalar>(3 * sizes.hidden_size));
    context_.reserve_discarding(tokens * padded_stride<Scalar>(sizes.hidden_size));
    intermediate_.reserve_discarding(tokens * padded_stride<Scalar>(sizes.intermediate_size));
    num_tokens_ = tokens;
    if (quantized_rows_.size() < concurrency) quantized_rows_.resize(concurrency);
    if (sizes.int8) {
      const std::size_t features = std::max(sizes.hidden_size, sizes.intermediate_size);
      quantized_rows_.front().reserve(tokens, features, concurrency);
      if (has_row_slices(tokens, concurrency)) {
        const std::size_t rows = (tokens + concurrency - 1) / concurrency;
        for (std::size_t slice = 1; slice < concurrency; ++slice) {
          quantized_rows_[slice].reserve(rows, features, 1);
        }
      }
    }
    if constexpr (std::same_as<Scalar, float>) {
      constexpr std::size_t kLine = AlignedBuffer<Scalar>::kAlignment / sizeof(Scalar);
      const simd::Kernels& kernels = simd::kernels();
      std::size_t wanted = kernels.attention_scratch(batch.longest(), sizes.head_dim);
      if (sizes.int8) {
        wanted = std::max(wanted, kernels.attention_int8_scratch(batch.longest(), sizes.head_dim));
      }
      scratch_stride_ = (wanted + kLine - 1) / kLine * kLine;
      scratch_.reserve_discarding(scratch_stride_ * concurrency);
    }
  }

  MatrixView<Scalar> embedding() noexcept { return view(embedding_, sizes_.embedding_size); }
  MatrixView<Scalar> hidden() noexcept { return view(hidden_, sizes_.hidden_size); }
  MatrixView<Scalar> query_key_value() noexcept {
    return view(query_key_value_, 3 * sizes_.hidden_size);
  }
  MatrixView<Scalar> context() noexcept { return view(context_, sizes_.hidden_size); }
  MatrixView<Scalar> intermediate() noexcept {
    return view(intermediate_, sizes_.intermediate_size);
  }
  // What the inputs of the products become in int8, for one slice of rows.
  QuantizedRows& quantized_rows(std::size_t slice) noexcept { return quantized_rows_[slice]; }
  // Scratch of the attention kernel for one slice of parallel work.
  Scalar* attention_scratch(std::size_t slice) noexcept {
    return scratch_.data() + slice * scratch_stride_;
  }

 private:
  MatrixView<Scalar> view(AlignedBuffer<Scalar>& buffer, std::size_t cols) const noexcept {
    return {buffer.data(), num_tokens_, cols, padded_stride<Scalar>(cols)};
  }

  Sizes sizes_;
  std::size_t num_tokens_ = 0;
  std::size_t scratch_stride_ = 0;
  AlignedBuffer<Scalar> embedding_;
  AlignedBuffer<Scalar> hidden_;
  AlignedBuffer<Scalar> query_key_value_;
  AlignedBuffer<Scalar> context_;
  AlignedBuffer<Scalar> intermediate_;
  AlignedBuffer<Scalar> scratch_;
  std::vector<QuantizedRows> quantized_rows_{1};
};

}  // namespace semblance
