#pragma once

#include <cstddef>
#include <cstdint>

#include "semblance/simd/isa.h"

namespace semblance::simd {

enum class Activation : std::uint8_t { identity, gelu, gelu_tanh, relu, silu, tanh };

// output = activation(input weight^T + bias) + residual, for the columns [first_column,
// last_column).
//   input     [rows, in_features]    row-major, input_stride floats from row to row
//   weight    [out_features, in_features], packed by the function beside the product
//   bias      [out_features] or null
//   residual  [rows, out_features] or null, residual_stride; may be the output itself
//   output    [rows, out_features], output_stride; may not alias the input
// first_column is a multiple of panel_width, last_column too or out_features. Every output is one
// accumulator from 0, fma along in_features in order over the weights widened to float32, then +
// bias, activation, + residual.
struct LinearCall {
  const float* input = nullptr;
  std::size_t input_stride = 0;
  std::size_t rows = 0;
  const void* packed_weight = nullptr;
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
};

// The same product on 8-bit codes: output = activation(sum * (input_scale * weight_scale) + bias) +
// residual. The sum over in_features of (input code - zero point) * weight code is an exact 32-bit
// integer, which needs in_features <= kMaxInt8Features; it is rounded to float32 once, the two
// scales are multiplied first, then one fma adds the bias, or 0.
//   input         [rows, int8_row_bytes(in_features) bytes], by quantize_rows()
//   input_scales  [rows]
//   input_zeros   [rows]
//   weight        panels by pack_int8(), int8_panel_bytes(in_features) apart
// Everything else as in LinearCall, but that gelu has an absolute error of up to 7.7e-5, far below
// what is lost when its results become codes.
struct Int8LinearCall {
  const void* input = nullptr;
  const float* input_scales = nullptr;
  const std::int32_t* input_zeros = nullptr;
  std::size_t rows = 0;
  const std::byte* packed_weight = nullptr;
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
};

inline constexpr std::size_t kMostHadamardPieces = 16;

// The pieces that rows of `count` values are transformed across: as many as can be.
constexpr std::size_t hadamard_pieces(std::size_t count) noexcept {
  std::size_t pieces = 1;
  while (pieces < kMostHadamardPieces && count != 0 && count % (2 * pieces) == 0) pieces *= 2;
  return pieces;
}

// In the place of a zero point, where a target stores codes less the zero point of their row: no
// zero point is so large.
inline constexpr std::int32_t kDifference = 1000;

// 255 * 128 * in_features must stay below 2^31: codes of the input less their zero point lie in
// [-255, 255], those of the weights in [-128, 127].
inline constexpr std::size_t kMaxInt8Features = 0x7FFFFFFF / (255 * 128);

// What attention_int8() takes at most, of keys and of features.
inline constexpr std::size_t kMostInt8Keys = kMaxInt8Features / 64 * 64;

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

// A sum over the values of two vectors, for each pair of a row of one matrix and one of another.
//   queries [num_queries, size], rows [num_rows, size], results [num_queries, num_rows]; strides in
//   floats
struct RowTableCall {
  const float* queries = nullptr;
  std::size_t query_stride = 0;
  std::size_t num_queries = 0;
  const float* rows = nullptr;
  std::size_t row_stride = 0;
  std::size_t num_rows = 0;
  std::size_t size = 0;
  float* results = nullptr;
  std::size_t result_stride = 0;
};

// Layer normalization over the last axis (Ba et al. 2016): population variance, eps inside the
// root. The variance is about the mean as summed; then the mean of what is left goes to the mean.
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
  // Inputs that a lane of linear_int8 takes at a time. With isa, how pack_int8 lays its panels out.
  std::size_t int8_group = 0;

  // Columns of a packed panel; packed weights are [ceil(out / panel_width), in_features,
  // panel_width], the missing columns of the last panel zero.
  std::size_t panel_width = 0;
  // Packs the panels [first_panel, last_panel) of weight [out_features, in_features] (row-major,
  // contiguous) to their place in `packed`, which starts at panel 0 and is 64-byte aligned.
  void (*pack_weight)(const float* weight, std::size_t out_features, std::size_t in_features,
                      std::size_t first_panel, std::size_t last_panel,
                      float* packed) noexcept = nullptr;
  void (*linear)(const LinearCall& call) noexcept = nullptr;

  // The same with weights rounded to nearest even IEEE binary16 or bfloat16; beyond the range of
  // binary16 to its largest value.
  void (*pack_float16)(const float* weight, std::size_t out_features, std::size_t in_features,
                       std::size_t first_panel, std::size_t last_panel,
                       std::uint16_t* packed) noexcept = nullptr;
  void (*linear_float16)(const LinearCall& call) noexcept = nullptr;
  void (*pack_bfloat16)(const float* weight, std::size_t out_features, std::size_t in_features,
                        std::size_t first_panel, std::size_t last_panel,
                        std::uint16_t* packed) noexcept = nullptr;
  void (*linear_bfloat16)(const LinearCall& call) noexcept = nullptr;

  // 8-bit codes of rows of activations, each row with a scale and a zero point of its own. With
  // low = min(0, row) and high = max(0, row): scale = (high - low) / 254, inverse = 254 / (high -
  // low), zero point = -low * inverse and code - zero point = value * inverse, both rounded to
  // nearest even, so that codes lie in [0, 255] and 0 is exact. A row whose magnitudes are all
  // below 2^-100 has scale 0 and is 0; one with NaN, infinity or a magnitude from 2^126 on scale
  // NaN.
  //   input   [rows, in_features], input_stride floats from row to row
  //   codes   [rows, int8_row_bytes(in_features) bytes], 64-byte aligned; laid out for linear_int8
  //   scales  [rows]
  //   zeros   [rows], what the codes as they are stored are above (code - zero point)
  std::size_t (*int8_row_bytes)(std::size_t in_features) noexcept = nullptr;
  void (*quantize_rows)(const float* input, std::size_t input_stride, std::size_t rows,
                        std::size_t in_features, void* codes, float* scales,
                        std::int32_t* zeros) noexcept = nullptr;
  // Codes of one row [count], which are symmetric: scale = largest magnitude / 127, code
  // = value * (127 / largest magnitude), rounded to nearest even; scale 0 and NaN as above, but NaN
  // for what is not finite only. Returns the scale.
  float (*quantize_row)(const float* values, std::size_t count,
                        std::int8_t* codes) noexcept = nullptr;
  // The same for a row of weights that products take, with a larger scale where it is needed so
  // that the codes 2 i and 2 i + 1, if they have one sign, sum to at most 128 in magnitude: the
  // products of any two codes of an input with them then fit in 16 bits, which CPUs without VNNI
  // are faster at. With most = the largest such sum of value * (127 / largest magnitude) and limit
  // = 127.99: where most > limit, scale * (most / limit) and value * (127 / largest magnitude *
  // (limit / most)). linear_int8 takes any other codes too, and gives the same results for them.
  float (*quantize_weights)(const float* values, std::size_t count,
                            std::int8_t* codes) noexcept = nullptr;
  // to[i] = codes[i] * scale, one product.
  void (*int8_to_float32)(const std::int8_t* codes, float scale, std::size_t count,
                          float* to) noexcept = nullptr;
  // Packs the weights of at most panel_width columns to one panel of int8_panel_bytes(in_features)
  // bytes, 64-byte aligned.
  //   columns  [num_columns], each pointing to in_features codes
  //   scales   [num_columns]
  std::size_t (*int8_panel_bytes)(std::size_t in_features) noexcept = nullptr;
  void (*pack_int8)(const std::int8_t* const* columns, const float* scales, std::size_t num_columns,
                    std::size_t in_features, std::byte* panel) noexcept = nullptr;
  void (*linear_int8)(const Int8LinearCall& call) noexcept = nullptr;

  // Walsh-Hadamard transform across the `pieces` equal pieces of a row, without its factor: every
  // output is a sum of one value of each piece, with signs. What is large in one feature only is
  // spread over as many as there are pieces, and rows of 8-bit codes become that much finer
  // (Ashkboos et al. 2024, QuaRot). Applied twice it multiplies by `pieces`.
  //   input   [count], pieces a power of two up to kMostHadamardPieces that divides count
  //   output  [count], may not alias the input
  // With p pieces of n values x(k)[j]: for h = 1, 2, 4, ... below p, every pair of pieces k and k +
  // h whose k lacks the bit h becomes x(k) + x(k + h) and x(k) - x(k + h), in float32.
  void (*hadamard)(const float* input, std::size_t count, std::size_t pieces,
                   float* output) noexcept = nullptr;

  std::size_t (*attention_scratch)(std::size_t length, std::size_t head_dim) noexcept = nullptr;
  void (*attention)(const AttentionCall& call) noexcept = nullptr;
  // The same with both products on 8-bit codes, as linear_int8() does them without a bias. Keys and
  // values go in less their means over the text: the sums in float32 in the order of the keys,
  // times 1 / length. Scores come from the queries as the input and the keys as the weights. Then
  // each weight of softmax, of which the highest is 1, becomes the nearest code c of 1/65024, with
  // zeros up to a multiple of 64 keys, and
  //   context = (C_high + C_low) * (65024 / (sum of the codes)) + mean of the values
  // where C_high and C_low have floor(c / 256) and c mod 256 as the input, of the scales 256/65024
  // and 1/65024, and the values as the weights, a scale a feature; C_low is added as linear_int8()
  // adds its product to a residual, the rest is one fma. NaN where the highest score is not finite.
  // head_dim and length <= kMostInt8Keys; attention_int8_scratch(length, head_dim) floats of
  // scratch.
  std::size_t (*attention_int8_scratch)(std::size_t length,
                                        std::size_t head_dim) noexcept = nullptr;
  void (*attention_int8)(const AttentionCall& call) noexcept = nullptr;
  void (*layer_norm)(const LayerNormCall& call) noexcept = nullptr;
  void (*rotary)(const RotaryCall& call) noexcept = nullptr;
  // In place over `count` values.
  void (*activate)(Activation activation, float* values, std::size_t count) noexcept = nullptr;

  // Sum of a[i] * b[i]: fma per lane, then the tree.
  float (*dot)(const float* a, const float* b, std::size_t count) noexcept = nullptr;
  // Sum of (a[i] - b[i])^2: fma per lane, then the tree.
  float (*squared_distance)(const float* a, const float* b, std::size_t count) noexcept = nullptr;
  // Sum of |a[i] - b[i]|: an addition per lane, then the tree.
  float (*absolute_distance)(const float* a, const float* b, std::size_t count) noexcept = nullptr;
  // Each of these of every query with every row.
  void (*dot_table)(const RowTableCall& call) noexcept = nullptr;
  void (*squared_distance_table)(const RowTableCall& call) noexcept = nullptr;
  void (*absolute_distance_table)(const RowTableCall& call) noexcept = nullptr;

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
