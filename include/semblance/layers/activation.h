#pragma once

#include <cmath>
#include <concepts>
#include <numbers>
#include <optional>
#include <string_view>

#include "semblance/simd/kernels.h"

namespace semblance {

// The nonlinearity of the feed-forward block: its name in the kernel table and its plain form.
template <class T>
concept ActivationFunction = requires(const T& activation, double x) {
  { activation.kernel() } -> std::same_as<simd::Activation>;
  { activation.apply(x) } -> std::same_as<double>;
};

struct IdentityActivation {
  static constexpr simd::Activation kernel() { return simd::Activation::identity; }
  static double apply(double x) { return x; }
};

// x Phi(x) (Hendrycks and Gimpel 2016, arXiv 1606.08415), as hidden_act "gelu" computes it.
struct Gelu {
  static constexpr simd::Activation kernel() { return simd::Activation::gelu; }
  static double apply(double x) { return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2)); }
};

// The approximation by tanh of the same paper: hidden_act "gelu_new" and "gelu_pytorch_tanh".
struct GeluTanh {
  static constexpr simd::Activation kernel() { return simd::Activation::gelu_tanh; }
  static double apply(double x) {
    const double scale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;  // sqrt(2 / pi)
    return 0.5 * x * (1.0 + std::tanh(scale * (x + 0.044715 * x * x * x)));
  }
};

struct Relu {
  static constexpr simd::Activation kernel() { return simd::Activation::relu; }
  static double apply(double x) { return x < 0 ? 0 : x; }
};

// x sigmoid(x), also called swish.
struct Silu {
  static constexpr simd::Activation kernel() { return simd::Activation::silu; }
  static double apply(double x) { return x / (1.0 + std::exp(-x)); }
};

struct Tanh {
  static constexpr simd::Activation kernel() { return simd::Activation::tanh; }
  static double apply(double x) { return std::tanh(x); }
};

// One of those above, chosen at run time: all models share the code of one encoder.
class HiddenActivation {
 public:
  template <ActivationFunction Activation>
  explicit constexpr HiddenActivation(Activation) noexcept
      : kernel_(Activation::kernel()), apply_(&Activation::apply) {}

  // By the name that hidden_act has in config.json; none where it is not known.
  static std::optional<HiddenActivation> named(std::string_view hidden_act) {
    if (hidden_act == "gelu") return HiddenActivation(Gelu{});
    if (hidden_act == "gelu_new" || hidden_act == "gelu_pytorch_tanh") {
      return HiddenActivation(GeluTanh{});
    }
    if (hidden_act == "relu") return HiddenActivation(Relu{});
    if (hidden_act == "silu") return HiddenActivation(Silu{});
    if (hidden_act == "tanh") return HiddenActivation(Tanh{});
    return std::nullopt;
  }

  simd::Activation kernel() const noexcept { return kernel_; }
  double apply(double x) const { return apply_(x); }

 private:
  simd::Activation kernel_;
  double (*apply_)(double);
};

}  // namespace semblance
