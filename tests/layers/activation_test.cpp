#include "semblance/layers/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

namespace semblance {
namespace {

struct WithoutKernel {
  static double apply(double x) { return x; }
};
struct WithoutFunction {
  [[maybe_unused]] static constexpr simd::Activation kernel() { return simd::Activation::relu; }
};
static_assert(ActivationFunction<Gelu> && ActivationFunction<IdentityActivation>);
static_assert(ActivationFunction<HiddenActivation>);
static_assert(!ActivationFunction<WithoutKernel> && !ActivationFunction<WithoutFunction>);
static_assert(!ActivationFunction<int>);

// Values from the formulas in 40-digit arithmetic (mpmath 1.3.0), rounded to 17 digits.
TEST(Activation, PlainFormsHaveTheValuesOfTheirFormulas) {
  struct Row {
    double x, gelu, gelu_tanh, silu, tanh;
  };
  constexpr Row kRows[] = {
      {-6, -5.9195258702261888e-9, -8.4396467007622971e-11, -0.014835738939808646,
       -0.99998771165079557},
      {-2.5, -0.015524163314440338, -0.015084266089998582, -0.18964545005310888,
       -0.98661429815143029},
      {-1, -0.15865525393145705, -0.1588080093917233, -0.26894142136999512, -0.76159415595576489},
      {-0.125, -0.056282721896235888, -0.056282801375776612, -0.058598828328280468,
       -0.12435300177159621},
      {0, 0, 0, 0, 0},
      {0.5, 0.34573123063700655, 0.34571400982514392, 0.31122966560092728, 0.46211715726000976},
      {1, 0.84134474606854295, 0.8411919906082767, 0.73105857863000488, 0.76159415595576489},
      {3, 2.9959503059051097, 2.996362607918227, 2.8577223804672997, 0.99505475368673045},
  };
  for (const Row& row : kRows) {
    EXPECT_NEAR(Gelu::apply(row.x), row.gelu, 4e-16) << row.x;
    EXPECT_NEAR(GeluTanh::apply(row.x), row.gelu_tanh, 4e-16) << row.x;
    EXPECT_NEAR(Silu::apply(row.x), row.silu, 4e-16) << row.x;
    EXPECT_NEAR(Tanh::apply(row.x), row.tanh, 4e-16) << row.x;
    EXPECT_EQ(Relu::apply(row.x), row.x > 0 ? row.x : 0.0);
    EXPECT_EQ(IdentityActivation::apply(row.x), row.x);
  }
}

TEST(Activation, PlainFormsLetNanThrough) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(Gelu::apply(kNan)));
  EXPECT_TRUE(std::isnan(GeluTanh::apply(kNan)));
  EXPECT_TRUE(std::isnan(Relu::apply(kNan)));
  EXPECT_TRUE(std::isnan(Silu::apply(kNan)));
  EXPECT_TRUE(std::isnan(Tanh::apply(kNan)));
}

// The kernel and the plain form of one activation are the same function. The kernels' own errors
// are tested with them (at most 2.3 ulp, or 4e-8 where the result is small); 1e-6 tells functions
// apart: gelu and gelu_tanh differ by 1.5e-4 at 1.
TEST(Activation, KernelIsTheSameFunctionAsThePlainForm) {
  const auto check = [](auto activation) {
    for (const double x : {-3.0, -1.0, -0.25, 0.0, 0.5, 1.0, 2.0, 6.0}) {
      float value = static_cast<float>(x);
      simd::kernels().activate(activation.kernel(), &value, 1);
      EXPECT_NEAR(value, activation.apply(x), 1e-6) << x;
    }
  };
  check(IdentityActivation{});
  check(Gelu{});
  check(GeluTanh{});
  check(Relu{});
  check(Silu{});
  check(Tanh{});
}

TEST(Activation, IsChosenByTheNameThatHiddenActHas) {
  const auto check = [](std::string_view name, auto expected) {
    const std::optional<HiddenActivation> found = HiddenActivation::named(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->kernel(), expected.kernel()) << name;
    for (const double x : {-1.5, -0.25, 0.5, 2.0}) {
      EXPECT_EQ(found->apply(x), expected.apply(x)) << name << ' ' << x;
    }
  };
  check("gelu", Gelu{});
  check("gelu_new", GeluTanh{});
  check("gelu_pytorch_tanh", GeluTanh{});
  check("relu", Relu{});
  check("silu", Silu{});
  check("tanh", Tanh{});
  for (const std::string_view name : {"", "identity", "GELU", "gelu_fast", "swish"}) {
    EXPECT_FALSE(HiddenActivation::named(name)) << name;
  }
}

}  // namespace
}  // namespace semblance
