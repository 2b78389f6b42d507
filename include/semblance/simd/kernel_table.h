#pragma once

#include <cstddef>
#include <cstdint>

#include "semblance/simd/isa.h"

namespace semblance::simd {

enum class Activation : std::uint8_t { identity, gelu, gelu_tanh, relu, silu, tanh };

// output = activation(input weight^T + bias) + residual, for the columns [first_column,
// last_column).
//   input     [rows, in_features]    row-major, input_stride floats from row to row
//   weight    [out_features, in_features], packed by pack_weight()
//   bias      [out_features] or null
//   residual  [rows, out_features] or null, residual_stride; may be the output itself
//   output    [rows, out_features], output_stride; may not alias the input
// first_column is a multiple of panel_width, last_column too or out_features. Every output is one
// accumulator from 0, fma along in_features in order, then + bias, activation, + residual.
struct LinearCall {
  const float* input = nullptr;
  std::size_t input_stride = 0;
  std::size_t rows = 0;
  const float* packed_weight = nullptr;
  std::size_t in_features = 0;
  std::size_t out_features = 0;
  std::size_t first_column = 0;
  std::size_t last_column = 0;
  const float* bias = nullptr;
  Activation activation = Activation::identity;
  const float* residual = nullptr;
  std::size_t residual_stride = 0;
  float* output = nullptr;
  std::size_t output_stride = 0;
  // Packed weights that this thread reads after the call, or null: their first 16 KiB are
  // prefetched towards the end. Never read.
  const float* next_weight = nullptr;
};

// Scaled dot-product attention of one head of one sequence, without a mask: a sequence holds tokens
// only (Vaswani et al. 2017, eq. 1).
//   query, key, value  [length, head_dim], `stride` floats from row to row
//   context            [length, head_dim], `context_stride`; may not alias the inputs
//   scratch            attention_scratch(length, head_dim) floats, 64-byte aligned
//   scale                above 0
// Rows [first_row, last_row) of the context are written. score = fma chain along head_dim; weight =
// e^((score - highest score of the row) * scale); context = fma chain along the keys in order of
// weight * value, times 1 / (sum of the weights on the 16-lane tree). length 0 writes nothing.
struct AttentionCall {
  const float* query = nullptr;
  const float* key = nullptr;
  const float* value = nullptr;
  std::size_t stride = 0;
  std::size_t length = 0;
  std::size_t head_dim = 0;
  std::size_t first_row = 0;
  std::size_t last_row = 0;
  float scale = 1.0f;
  float* context = nullptr;
  std::size_t context_stride = 0;
  float* scratch = nullptr;
};

// Layer normalization over the last axis (Ba et al. 2016): population variance, eps inside the
// root.
//   input, output [rows, size], strides in floats; output may be the input
//   gamma, beta   [size]
struct LayerNormCall {
  const float* input = nullptr;
  std::size_t input_stride = 0;
  std::size_t rows = 0;
  std::size_t size = 0;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float eps = 0.0f;
  float* output = nullptr;
  std::size_t output_stride = 0;
};

// Rotary position embedding (Su et al. 2021, arXiv 2104.09864, eq. 34) in place, pairs (2i, 2i +
// 1):
//   x'[2i]     = x[2i] cos_i - x[2i + 1] sin_i
//   x'[2i + 1] = x[2i + 1] cos_i + x[2i] sin_i
//   values       [rows, num_heads * head_dim], `stride` floats from row to row; row r is position r
//   sine, cosine [rows, head_dim / 2]
struct RotaryCall {
  float* values = nullptr;
  std::size_t stride = 0;
  std::size_t rows = 0;
  std::size_t num_heads = 0;
  std::size_t head_dim = 0;
  const float* sine = nullptr;
  const float* cosine = nullptr;
};

// One entry per kernel; every target fills the whole table and gives the same bits. Kernels are
// noexcept, allocate nothing, take empty inputs, and let NaN and infinity propagate. "The 16-lane
// tree": lane i of 16 takes elements i, i + 16, ... in order, absent elements count as +0; then
// lanes i and i + 8, i and i + 4, i and i + 2, i and i + 1 are added.
struct Kernels {
  Isa isa = Isa::scalar;

  // Columns of a packed panel; packed weights are [ceil(out / panel_width), in_features,
  // panel_width], the missing columns of the last panel zero.
  std::size_t panel_width = 0;
  // Packs the panels [first_panel, last_panel) of weight [out_features, in_features] (row-major,
  // contiguous) to their place in `packed`, which starts at panel 0 and is 64-byte aligned.
  void (*pack_weight)(const float* weight, std::size_t out_features, std::size_t in_features,
                      std::size_t first_panel, std::size_t last_panel,
                      float* packed) noexcept = nullptr;
  void (*linear)(const LinearCall& call) noexcept = nullptr;

  std::size_t (*attention_scratch)(std::size_t length, std::size_t head_dim) noexcept = nullptr;
  void (*attention)(const AttentionCall& call) noexcept = nullptr;
  void (*layer_norm)(const LayerNormCall& call) noexcept = nullptr;
  void (*rotary)(const RotaryCall& call) noexcept = nullptr;
  // In place over `count` values.
  void (*activate)(Activation activation, float* values, std::size_t count) noexcept = nullptr;

  // Sum of a[i] * b[i]: fma per lane, then the tree.
  float (*dot)(const float* a, const float* b, std::size_t count) noexcept = nullptr;
  // Sum of (a[i] - b[i])^2: fma per lane, then the tree.
  float (*squared_distance)(const float* a, const float* b, std::size_t count) noexcept = nullptr;
  // products[r] = dot(query, row r) for rows [num_rows, size], `stride` floats from row to row.
  void (*dot_rows)(const float* query, const float* rows, std::size_t stride, std::size_t num_rows,
                   std::size_t size, float* products) noexcept = nullptr;

  // sums[c] = sum over rows r of values[r, c] * weights[r] (weights null: 1). Row r goes to lane
  // r % 16 (fma with a weight, a plain addition without), then the tree over the lanes.
  void (*column_sums)(const float* values, std::size_t stride, std::size_t num_rows,
                      std::size_t size, const float* weights, float* sums) noexcept = nullptr;

  // Exact widening of IEEE binary16 and bfloat16.
  void (*float16_to_float32)(const std::uint16_t* from, std::size_t count,
                             float* to) noexcept = nullptr;
  void (*bfloat16_to_float32)(const std::uint16_t* from, std::size_t count,
                              float* to) noexcept = nullptr;
};

}  // namespace semblance::simd
