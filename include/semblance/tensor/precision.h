#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace semblance {

// What the matrices of the layers are kept and multiplied in. Everything between the products is
// float32, but in int8 also the attention of texts from 256 tokens on (SelfAttention).
//   f32   float32
//   f16   weights rounded to IEEE binary16, arithmetic in float32
//   bf16  weights rounded to bfloat16, arithmetic in float32
//   int8  weights and activations in 8 bits, sums in exact 32-bit integers
enum class Precision : std::uint8_t { f32, f16, bf16, int8 };

inline constexpr Precision kAllPrecisions[] = {Precision::f32, Precision::f16, Precision::bf16,
                                               Precision::int8};

constexpr std::string_view name_of(Precision precision) noexcept {
  switch (precision) {
    case Precision::f32: return "f32";
    case Precision::f16: return "f16";
    case Precision::bf16: return "bf16";
    case Precision::int8: return "int8";
  }
  return "";
}

constexpr std::optional<Precision> precision_of(std::string_view name) noexcept {
  for (const Precision precision : kAllPrecisions) {
    if (name == name_of(precision)) return precision;
  }
  return std::nullopt;
}

}  // namespace semblance
