#pragma once

#include <cmath>
#include <concepts>
#include <numbers>

#include "semblance/simd/kernels.h"

namespace semblance {

// The nonlinearity of the feed-forward block: its name in the kernel table and its plain form.
template <class T>
concept ActivationFunction = requires(double x) {
  { T::kKernel } -> std::convertible_to<simd::Activation>;
  { T::apply(x) } -> std::same_as<double>;
};

struct IdentityActivation {
  static constexpr auto kKernel = simd::Activation::identity;
  static double apply(double x) { return x; }
};

// x Phi(x) (Hendrycks and Gimpel 2016, arXiv 1606.08415), as hidden_act "gelu" computes it.
struct Gelu {
  static constexpr auto kKernel = simd::Activation::gelu;
  static double apply(double x) { return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2)); }
};

// The approximation by tanh of the same paper: hidden_act "gelu_new" and "gelu_pytorch_tanh".
struct GeluTanh {
  static constexpr auto kKernel = simd::Activation::gelu_tanh;
  static double apply(double x) {
    const double scale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;  // sqrt(2 / pi)
    return 0.5 * x * (1.0 + std::tanh(scale * (x + 0.044715 * x * x * x)));
  }
};

struct Relu {
  static constexpr auto kKernel = simd::Activation::relu;
  static double apply(double x) { return x < 0 ? 0 : x; }
};

// x sigmoid(x), also called swish.
struct Silu {
  static constexpr auto kKernel = simd::Activation::silu;
  static double apply(double x) { return x / (1.0 + std::exp(-x)); }
};

struct Tanh {
  static constexpr auto kKernel = simd::Activation::tanh;
  static double apply(double x) { return std::tanh(x); }
};

}  // namespace semblance
