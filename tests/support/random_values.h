#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance::testing {

// Uniform values in (-scale, scale) from a seed, the same with every standard library. Each has at
// most seven bits behind the leading one and none is below 2^-10 scale but zero, so that every
// floating-point DType holds it exactly; scale is a power of two from 2^-4 to 1.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed, float scale = 1.0f) : engine_(seed), scale_(scale) {}

  float next() {
    const float uniform = static_cast<float>(engine_() >> 40) * 0x1p-23f - 1.0f;
    const float value =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(uniform) & std::uint32_t{0xFFFF0000});
    return value > -0x1p-10f && value < 0x1p-10f ? 0.0f : value * scale_;
  }
  std::vector<float> take(std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = next();
    return values;
  }
  // Below `limit`.
  std::size_t index(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }

 private:
  std::mt19937_64 engine_;
  float scale_;
};

// The bits of a value that the type holds exactly, no subnormal.
inline std::uint16_t float16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value == 0.0f) return static_cast<std::uint16_t>(bits >> 16);
  const std::uint32_t exponent = (bits >> 23 & 0xFF) - 127 + 15;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 0x3FF));
}
inline std::uint16_t bfloat16_bits(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}

// The values as a tensor of one dimension, seen in place.
template <class T>
TensorView view_of(const std::vector<T>& values, DType dtype) {
  return {std::as_bytes(std::span(values)).data(), dtype, {values.size()}};
}

// A tensor as a weight file would hold it, with the values that went in.
class StoredTensor {
 public:
  StoredTensor(Shape shape, std::vector<float> values, DType dtype = DType::f32)
      : values_(std::move(values)), bytes_(values_.size() * byte_size(dtype)) {
    view_ = {.data = bytes_.data(), .dtype = dtype, .shape = std::move(shape)};
    for (std::size_t i = 0; i < values_.size(); ++i) {
      std::byte* to = bytes_.data() + i * byte_size(dtype);
      switch (dtype) {
        case DType::f64: put(static_cast<double>(values_[i]), to); break;
        case DType::f16: put(float16_bits(values_[i]), to); break;
        case DType::bf16: put(bfloat16_bits(values_[i]), to); break;
        default: put(values_[i], to); break;
      }
    }
  }
  StoredTensor(Shape shape, RandomValues& random, DType dtype = DType::f32)
      : StoredTensor(shape, random.take(*shape.element_count()), dtype) {}

  const TensorView& view() const noexcept { return view_; }
  std::span<const float> values() const noexcept { return values_; }

 private:
  template <class T>
  static void put(T value, std::byte* to) {
    std::memcpy(to, &value, sizeof value);
  }

  std::vector<float> values_;
  AlignedBuffer<std::byte> bytes_;
  TensorView view_;
};

}  // namespace semblance::testing
