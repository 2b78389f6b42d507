#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/simd/kernels.h"

// Seeded data and comparisons that every test of a kernel uses.
namespace semblance::simd::test {

class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed * 2654435761u + 12345u) {}
  std::uint32_t bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  std::size_t below(std::size_t limit) { return bits() % limit; }
  // Exact in float32, so it is the same with every compiler.
  float uniform(float low, float high) {
    const double unit = static_cast<double>(bits() >> 8) * 0x1p-24;
    return static_cast<float>(static_cast<double>(low) +
                              unit * (static_cast<double>(high) - static_cast<double>(low)));
  }
  std::vector<float> values(std::size_t count, float low = -1.0f, float high = 1.0f) {
    std::vector<float> result(count);
    for (float& value : result) value = uniform(low, high);
    return result;
  }

 private:
  std::uint32_t state_;
};

inline std::vector<Isa> supported_isas() {
  std::vector<Isa> result;
  for (const Isa isa : kAllIsas) {
    if (isa_supported(isa)) result.push_back(isa);
  }
  return result;
}

// Those that are compared with the scalar definition.
inline std::vector<Isa> wide_isas() {
  std::vector<Isa> result = supported_isas();
  std::erase(result, Isa::scalar);
  return result;
}

inline std::vector<std::size_t> sizes(std::initializer_list<std::size_t> values) { return values; }

inline bool same_bits(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// Empty where equal, else the first difference.
inline std::string difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) {
      char text[120];
      std::snprintf(text, sizeof text, "element %zu: %.9g is not %.9g", i,
                    static_cast<double>(a[i]), static_cast<double>(b[i]));
      return text;
    }
  }
  return {};
}

// Distance in units in the last place of the exact value rounded to float32.
inline double ulps(float value, double exact) {
  const float rounded = static_cast<float>(exact);
  const int exponent = rounded == 0.0f ? -126 : std::max(std::ilogb(rounded), -126);
  return std::fabs(static_cast<double>(value) - exact) / std::ldexp(1.0, exponent - 23);
}

// What the gaps between rows are filled with: a kernel must neither use nor change it.
inline constexpr float kCanary = -12345.0f;

struct LinearCase {
  std::size_t rows = 0;
  std::size_t in_features = 0;
  std::size_t out_features = 0;
  Activation activation = Activation::identity;
  bool with_bias = false;
  bool with_residual = false;
  bool residual_is_output = false;
  std::uint32_t seed = 1;
};

struct LinearData {
  std::size_t input_stride, output_stride;
  std::vector<float> input, weight, bias, output;

  explicit LinearData(const LinearCase& c)
      : input_stride(c.in_features + 3), output_stride(c.out_features + 5) {
    Random random(c.seed);
    input = random.values(c.rows * input_stride);
    for (std::size_t r = 0; r < c.rows; ++r) {
      for (std::size_t i = c.in_features; i < input_stride; ++i) {
        input[r * input_stride + i] = std::nanf("");
      }
    }
    weight = random.values(c.out_features * c.in_features);
    bias = random.values(c.out_features);
    output = random.values(c.rows * output_stride);  // the residual too
    for (std::size_t r = 0; r < c.rows; ++r) {
      for (std::size_t i = c.out_features; i < output_stride; ++i) {
        output[r * output_stride + i] = kCanary;
      }
    }
  }
};

inline AlignedBuffer<float> packed_weight(const Kernels& kernels, const std::vector<float>& weight,
                                          std::size_t out_features, std::size_t in_features) {
  const std::size_t panels = (out_features + kernels.panel_width - 1) / kernels.panel_width;
  AlignedBuffer<float> packed(panels * kernels.panel_width * in_features);
  for (std::size_t panel = 0; panel < panels; ++panel) {  // one by one, as threads would
    kernels.pack_weight(weight.data(), out_features, in_features, panel, panel + 1, packed.data());
  }
  return packed;
}

// The output [rows, output_stride] with its gaps.
inline std::vector<float> run_packed_linear(const Kernels& kernels, const LinearCase& c,
                                            LinearData& data, const void* packed_weight,
                                            void (*linear)(const LinearCall&) noexcept) {
  const std::vector<float> residual = data.output;
  LinearCall call;
  call.input = data.input.data();
  call.input_stride = data.input_stride;
  call.rows = c.rows;
  call.packed_weight = packed_weight;
  call.in_features = c.in_features;
  call.out_features = c.out_features;
  call.bias = c.with_bias ? data.bias.data() : nullptr;
  call.activation = c.activation;
  call.output = data.output.data();
  call.output_stride = data.output_stride;
  if (c.with_residual) {
    call.residual = c.residual_is_output ? data.output.data() : residual.data();
    call.residual_stride = data.output_stride;
  }
  // Two column ranges, as two threads would take them.
  const std::size_t panels = (c.out_features + kernels.panel_width - 1) / kernels.panel_width;
  const std::size_t middle = std::min(panels / 2 * kernels.panel_width, c.out_features);
  call.first_column = 0;
  call.last_column = middle;
  linear(call);
  call.first_column = middle;
  call.last_column = c.out_features;
  linear(call);
  return data.output;
}

inline std::vector<float> run_linear(const Kernels& kernels, const LinearCase& c) {
  LinearData data(c);
  const AlignedBuffer<float> packed =
      packed_weight(kernels, data.weight, c.out_features, c.in_features);
  return run_packed_linear(kernels, c, data, packed.data(), kernels.linear);
}

// Half-size weights: the output of linear_float16 or linear_bfloat16.
inline std::vector<float> run_half_linear(const Kernels& kernels, const LinearCase& c,
                                          bool bfloat16) {
  LinearData data(c);
  const std::size_t panels = (c.out_features + kernels.panel_width - 1) / kernels.panel_width;
  AlignedBuffer<std::uint16_t> packed(panels * kernels.panel_width * c.in_features);
  const auto pack = bfloat16 ? kernels.pack_bfloat16 : kernels.pack_float16;
  pack(data.weight.data(), c.out_features, c.in_features, 0, panels, packed.data());
  return run_packed_linear(kernels, c, data, packed.data(),
                           bfloat16 ? kernels.linear_bfloat16 : kernels.linear_float16);
}

// Codes of weights and what they become.
struct Int8Weight {
  std::vector<std::int8_t> codes;  // [out_features, in_features]
  std::vector<float> scales;       // [out_features]
};

inline Int8Weight quantized(const Kernels& kernels, const std::vector<float>& weight,
                            std::size_t out_features, std::size_t in_features) {
  Int8Weight result{std::vector<std::int8_t>(weight.size()), std::vector<float>(out_features)};
  for (std::size_t o = 0; o < out_features; ++o) {
    result.scales[o] = kernels.quantize_weights(weight.data() + o * in_features, in_features,
                                                result.codes.data() + o * in_features);
  }
  return result;
}

inline AlignedBuffer<std::byte> packed_int8(const Kernels& kernels, const Int8Weight& weight,
                                            std::size_t in_features) {
  const std::size_t out_features = weight.scales.size();
  const std::size_t width = kernels.panel_width;
  const std::size_t panel_bytes = kernels.int8_panel_bytes(in_features);
  AlignedBuffer<std::byte> packed((out_features + width - 1) / width * panel_bytes);
  for (std::size_t first = 0; first < out_features; first += width) {
    std::vector<const std::int8_t*> columns;
    for (std::size_t o = first; o < std::min(first + width, out_features); ++o) {
      columns.push_back(weight.codes.data() + o * in_features);
    }
    kernels.pack_int8(columns.data(), weight.scales.data() + first, columns.size(), in_features,
                      packed.data() + first / width * panel_bytes);
  }
  return packed;
}

// The output of linear_int8 [rows, output_stride] with its gaps.
inline std::vector<float> run_int8_linear(const Kernels& kernels, const LinearCase& c,
                                          LinearData& data, const Int8Weight& weight) {
  const std::vector<float> residual = data.output;
  const AlignedBuffer<std::byte> packed = packed_int8(kernels, weight, c.in_features);
  AlignedBuffer<std::byte> codes(c.rows * kernels.int8_row_bytes(c.in_features));
  std::fill(codes.begin(), codes.end(), std::byte{0x55});
  std::vector<float> scales(c.rows);
  std::vector<std::int32_t> zeros(c.rows);
  kernels.quantize_rows(data.input.data(), data.input_stride, c.rows, c.in_features, codes.data(),
                        scales.data(), zeros.data());
  Int8LinearCall call;
  call.input = codes.data();
  call.input_scales = scales.data();
  call.input_zeros = zeros.data();
  call.rows = c.rows;
  call.packed_weight = packed.data();
  call.in_features = c.in_features;
  call.out_features = c.out_features;
  call.bias = c.with_bias ? data.bias.data() : nullptr;
  call.activation = c.activation;
  call.output = data.output.data();
  call.output_stride = data.output_stride;
  if (c.with_residual) {
    call.residual = c.residual_is_output ? data.output.data() : residual.data();
    call.residual_stride = data.output_stride;
  }
  const std::size_t panels = (c.out_features + kernels.panel_width - 1) / kernels.panel_width;
  const std::size_t middle = std::min(panels / 2 * kernels.panel_width, c.out_features);
  call.first_column = 0;
  call.last_column = middle;
  kernels.linear_int8(call);
  call.first_column = middle;
  call.last_column = c.out_features;
  kernels.linear_int8(call);
  return data.output;
}

inline std::vector<float> run_int8_linear(const Kernels& kernels, const LinearCase& c) {
  LinearData data(c);
  return run_int8_linear(kernels, c, data,
                         quantized(kernels, data.weight, c.out_features, c.in_features));
}

struct AttentionCase {
  std::size_t length = 0;
  std::size_t head_dim = 0;
  float scale = 0.125f;
  float spread = 2.0f;
  std::size_t split = 0;  // rows [0, split) and [split, length) in two calls
  std::uint32_t seed = 1;
  bool in_int8 = false;
  std::optional<float> first_key = {};    // the first feature of the first key
  std::optional<float> first_value = {};  // and of the first value
};

// The context [length, head_dim + 3] with its gaps; query, key and value lie in one buffer.
inline std::vector<float> run_attention(const Kernels& kernels, const AttentionCase& c,
                                        std::vector<float>* qkv_out = nullptr) {
  Random random(c.seed);
  const std::size_t stride = 3 * c.head_dim + 1;
  std::vector<float> qkv = random.values(c.length * stride + 1, -c.spread, c.spread);
  if (c.first_key) qkv[c.head_dim] = *c.first_key;
  if (c.first_value) qkv[2 * c.head_dim] = *c.first_value;
  const std::size_t context_stride = c.head_dim + 3;
  std::vector<float> context(c.length * context_stride, kCanary);
  const auto scratch_size = c.in_int8 ? kernels.attention_int8_scratch : kernels.attention_scratch;
  const auto attention = c.in_int8 ? kernels.attention_int8 : kernels.attention;
  AlignedBuffer<float> scratch(scratch_size(c.length, c.head_dim));
  for (float& value : scratch) value = std::nanf("");
  AttentionCall call;
  call.query = qkv.data();
  call.key = qkv.data() + c.head_dim;
  call.value = qkv.data() + 2 * c.head_dim;
  call.stride = stride;
  call.length = c.length;
  call.head_dim = c.head_dim;
  call.scale = c.scale;
  call.context = context.data();
  call.context_stride = context_stride;
  call.scratch = scratch.data();
  call.first_row = 0;
  call.last_row = c.split;
  attention(call);
  call.first_row = c.split;
  call.last_row = c.length;
  attention(call);
  if (qkv_out != nullptr) *qkv_out = qkv;
  return context;
}

}  // namespace semblance::simd::test
