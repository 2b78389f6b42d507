// Elementary functions over 16 lanes. Every multiply-add is an explicit fma and mul() is never
// fused, so all targets give the same bits. The errors are those measured by
// tests/simd/math_test.cpp against float64.

// Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the sum.
inline constexpr float kRoundToInteger = 12582912.0f;

// e^x for x in [-87.33, 88.37], within 0.84 ulp; garbage outside, NaN for NaN. Cody and Waite
// (1980) reduction x = n ln 2 + r, |r| <= ln 2 / 2, and a minimax polynomial (relative error 3e-9).
SEMBLANCE_INLINE FloatVec exp_in_range(FloatVec x) {
  const FloatVec shifted = fma(x, splat(0x1.715476p+0f), splat(kRoundToInteger));
  const FloatVec n = sub(shifted, splat(kRoundToInteger));
  FloatVec r = fma(n, splat(-0x1.62e430p-1f), x);
  r = fma(n, splat(1.904654299957768e-09f), r);
  FloatVec p = fma(splat(0.00138145956018f), r, splat(0.00836871685266f));
  p = fma(p, r, splat(0.0416683880955f));
  p = fma(p, r, splat(0.166665206321f));
  p = fma(p, r, splat(0.499999934476f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  return mul(p, times_power_of_two(splat(1.0f), shifted));
}

// scale * 2^f for |f| <= 1/2 by a minimax polynomial (relative error 2e-9); scale a power of two.
SEMBLANCE_INLINE FloatVec power_of_fraction(FloatVec f, float scale) {
  FloatVec p = fma(splat(scale * 0.000153533666185f), f, splat(scale * 0.00133988743595f));
  p = fma(p, f, splat(scale * 0.00961843734093f));
  p = fma(p, f, splat(scale * 0.0555033247131f));
  p = fma(p, f, splat(scale * 0.240226479138f));
  p = fma(p, f, splat(scale * 0.693147202855f));
  return fma(p, f, splat(scale));
}

// An exponent as an integer n, which is still added to kRoundToInteger, and a fraction |f| <= 1/2.
struct SplitExponent {
  FloatVec shifted;
  FloatVec fraction;
};

// a * b in [-125, 127], rounded once, beside its nearest integer.
SEMBLANCE_INLINE SplitExponent split_product(FloatVec a, FloatVec b) {
  const FloatVec shifted = fma(a, b, splat(kRoundToInteger));
  return {shifted, fma(a, b, sub(splat(kRoundToInteger), shifted))};
}
SEMBLANCE_INLINE FloatVec power_of_two(const SplitExponent& exponent) {
  return mul(power_of_fraction(exponent.fraction, 1.0f),
             times_power_of_two(splat(1.0f), exponent.shifted));
}

// "gelu" (Hendrycks and Gimpel 2016): x Phi(x) = relu(x) - |x| erfc(|x| / sqrt 2) / 2, where
// erfc = 1 - erf and log2 erfc(s / sqrt 2) is a minimax polynomial in s; 2^y / 2 follows without
// another reduction. Within 1.3 ulp for x > 0 and 2.1 ulp on [-1, 0]; absolute error at most 3.2e-8
// for all x < 0. Below -10.75 the result is within 1e-35 of zero, also for -infinity.
SEMBLANCE_INLINE FloatVec gelu(FloatVec x) {
  const FloatVec s = min(splat(10.75f), abs(x));
  FloatVec q = fma(splat(-3.61527625888e-8f), s, splat(1.00224569135e-6f));
  q = fma(q, s, splat(-1.20744400106e-5f));
  q = fma(q, s, splat(8.06568559961e-5f));
  q = fma(q, s, splat(-0.000287299314636f));
  q = fma(q, s, splat(3.70631037886e-6f));
  q = fma(q, s, splat(0.00695458467824f));
  q = fma(q, s, splat(-0.052452917691f));
  q = fma(q, s, splat(-0.45921553239f));
  q = fma(q, s, splat(-1.15110488198f));
  const FloatVec y = mul(q, s);
  const FloatVec shifted = add(y, splat(kRoundToInteger));
  const FloatVec f = sub(y, sub(shifted, splat(kRoundToInteger)));
  const FloatVec minus_half_erfc = times_power_of_two(power_of_fraction(f, -0.5f), shifted);
  return fma(s, minus_half_erfc, max(splat(0.0f), x));
}

// "gelu" where 8-bit codes are made of it: relu(x) - |x| erfc(|x| / sqrt 2) / 2, of which the
// second term is a minimax polynomial up to 4.25 and nothing above. Absolute error at most 7.7e-5.
SEMBLANCE_INLINE FloatVec gelu_for_codes(FloatVec x) {
  const FloatVec s = min(splat(4.25f), abs(x));
  FloatVec q = fma(splat(-2.94448291243e-5f), s, splat(0.000470705825137f));
  q = fma(q, s, splat(-0.00236583128572f));
  q = fma(q, s, splat(-0.000271513068583f));
  q = fma(q, s, splat(0.0420577898622f));
  q = fma(q, s, splat(-0.131026670337f));
  q = fma(q, s, splat(0.048375852406f));
  q = fma(q, s, splat(0.382265806198f));
  q = fma(q, s, splat(-0.49807754159f));
  return fma(s, q, max(splat(0.0f), x));
}

// x / (1 + e^-y), y clamped to where the exponential stays finite.
SEMBLANCE_INLINE FloatVec times_sigmoid(FloatVec x, FloatVec y) {
  const FloatVec e = exp_in_range(max(splat(-87.0f), min(splat(88.0f), sub(splat(0.0f), y))));
  return div(x, add(splat(1.0f), e));
}

// "silu" (Elfwing et al. 2017): x / (1 + e^-x), within 2.2 ulp for x > -87, below
// within 1e-35 of zero.
SEMBLANCE_INLINE FloatVec silu(FloatVec x) {
  const FloatVec bounded = max(splat(-88.0f), x);
  return times_sigmoid(bounded, bounded);
}

// "gelu_new": x / 2 (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
// Within 1.7 ulp for x > 0 and 2.3 ulp on [-1, 0]; absolute error at most 4e-8 for all x < 0.
SEMBLANCE_INLINE FloatVec gelu_tanh(FloatVec x) {
  const FloatVec bounded = max(splat(-10.0f), x);
  const FloatVec slope = fma(mul(bounded, bounded), splat(0.0713548162726f), splat(1.59576912161f));
  return times_sigmoid(bounded, mul(bounded, slope));
}

// Within 1.3 ulp: an odd polynomial below 0.625, 1 - 2 / (e^2|x| + 1) above.
SEMBLANCE_INLINE FloatVec tanh(FloatVec x) {
  const FloatVec a = abs(x);
  const FloatVec e = exp_in_range(min(splat(40.0f), add(a, a)));
  const FloatVec far_from_zero = sub(splat(1.0f), div(splat(2.0f), add(e, splat(1.0f))));
  const FloatVec square = mul(x, x);
  FloatVec p = fma(splat(-0.00571704506382f), square, splat(0.0206505871216f));
  p = fma(p, square, splat(-0.0537434979353f));
  p = fma(p, square, splat(0.133314912834f));
  p = fma(p, square, splat(-0.33333283925f));
  const FloatVec near_zero = fma(mul(p, square), a, a);
  return copy_sign(select_less(a, splat(0.625f), near_zero, far_from_zero), x);
}

template <Activation kActivation, bool kForCodes = false>
SEMBLANCE_INLINE FloatVec activated(FloatVec x) {
  if constexpr (kActivation == Activation::gelu) return kForCodes ? gelu_for_codes(x) : gelu(x);
  if constexpr (kActivation == Activation::gelu_tanh) return gelu_tanh(x);
  if constexpr (kActivation == Activation::relu) return max(splat(0.0f), x);
  if constexpr (kActivation == Activation::silu) return silu(x);
  if constexpr (kActivation == Activation::tanh) return tanh(x);
  return x;
}

template <Activation kActivation>
inline void activate_all(float* values, std::size_t count) noexcept {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(values + i, activated<kActivation>(load(values + i)));
  }
  if (i < count) {
    store_partial(values + i, count - i,
                  activated<kActivation>(load_partial(values + i, count - i)));
  }
}

inline void activate(Activation activation, float* values, std::size_t count) noexcept {
  switch (activation) {
    case Activation::identity: return;
    case Activation::gelu: return activate_all<Activation::gelu>(values, count);
    case Activation::gelu_tanh: return activate_all<Activation::gelu_tanh>(values, count);
    case Activation::relu: return activate_all<Activation::relu>(values, count);
    case Activation::silu: return activate_all<Activation::silu>(values, count);
    case Activation::tanh: return activate_all<Activation::tanh>(values, count);
  }
}
