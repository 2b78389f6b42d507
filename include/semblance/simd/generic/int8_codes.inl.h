// 8-bit codes of rows: of activations, each with a scale and a zero point, and of weights.
//
// The class Dot says how a target stores codes of the input: Dot::Code is their type, kShift what
// is taken from each of them (kDifference: the zero point of its row).

// What the weights of the inputs 2 i and 2 i + 1 sum to at most where they have one sign: times
// 255, the largest code of an input, it is within 16 bits.
inline constexpr float kMostPair = 128.0f;
inline constexpr float kPairLimit = kMostPair - 0.01f;  // for what rounding adds

// Whole vectors of 16 codes, in an odd number of cache lines.
template <class Dot>
inline std::size_t int8_row_bytes(std::size_t in_features) noexcept {
  const std::size_t codes = (in_features + kLanes - 1) / kLanes * kLanes;
  return ((codes * sizeof(typename Dot::Code) + 63) / 64 | 1) * 64;
}

struct RowScale {
  float scale;
  float inverse;  // 0: all codes are 0
};

// Calls take(accumulator, 16 values) over a row, the last ones with zeros; accumulators in turn, so
// that no step waits for the one before.
template <std::size_t kCount, class Take>
SEMBLANCE_INLINE void take_in_turn(const float* values, std::size_t count, const Take& take) {
  constexpr std::size_t kStep = kCount * kLanes;
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    SEMBLANCE_UNROLL
    for (std::size_t turn = 0; turn < kCount; ++turn) take(turn, load(values + i + turn * kLanes));
  }
  for (; i + kLanes <= count; i += kLanes) take(0, load(values + i));
  if (i < count) take(0, load_partial(values + i, count - i));
}

// The bits of the largest magnitude of a row, which order numbers, infinity and NaN alike.
inline std::int32_t largest_magnitude(const float* values, std::size_t count) noexcept {
  IntVec largest = splat_int(0);
  take_in_turn<1>(values, count,
                  [&](std::size_t, FloatVec x) { largest = max_magnitude(largest, x); });
  return reduce_max(largest);
}

inline constexpr std::int32_t kLeastBits = (127 - 100) << 23;  // 2^-100
inline constexpr std::int32_t kHugeBits = (127 + 126) << 23;   // 2^126
inline constexpr std::int32_t kInfinityBits = 0x7F800000;
inline constexpr std::int32_t kNanBits = 0x7FC00000;

inline RowScale row_scale(const float* values, std::size_t count) noexcept {
  const std::int32_t bits = largest_magnitude(values, count);
  if (bits >= kInfinityBits) return {__builtin_bit_cast(float, kNanBits), 0.0f};
  if (bits < kLeastBits) return {0.0f, 0.0f};
  const float magnitude = __builtin_bit_cast(float, bits);
  return {divide(magnitude, 127.0f), divide(127.0f, magnitude)};
}

// The larger of `most` and the sums of neighbours of one sign, in both lanes of each pair.
SEMBLANCE_INLINE FloatVec larger_pair(FloatVec most, FloatVec x) {
  const FloatVec zero = splat(0.0f);
  const FloatVec above = max(zero, x);
  const FloatVec below = min(zero, x);
  most = max(most, add(above, swap_neighbours(above)));
  return max(most, sub(zero, add(below, swap_neighbours(below))));
}

struct RowRange {
  float scale;
  float inverse;  // 0: the row is 0
  std::int32_t zero;
};

inline RowRange row_range(const float* values, std::size_t count) noexcept {
  IntVec largest = splat_int(0);
  FloatVec low[2] = {splat(0.0f), splat(0.0f)};
  FloatVec high[2] = {splat(0.0f), splat(0.0f)};
  take_in_turn<2>(values, count, [&](std::size_t turn, FloatVec x) {
    largest = max_magnitude(largest, x);
    low[turn] = min(low[turn], x);
    high[turn] = max(high[turn], x);
  });
  const std::int32_t bits = reduce_max(largest);
  if (bits >= kHugeBits) return {__builtin_bit_cast(float, kNanBits), 0.0f, 0};
  if (bits < kLeastBits) return {0.0f, 0.0f, 0};
  const float depth = reduce_max(sub(splat(0.0f), min(low[0], low[1])));
  const float range = reduce_max(max(high[0], high[1])) + depth;
  const float inverse = divide(254.0f, range);
  alignas(64) std::int32_t zeros[kLanes];
  store_int(zeros, to_nearest(mul(splat(depth), splat(inverse))));
  return {divide(range, 254.0f), inverse, zeros[0]};
}

template <class Dot>
inline void quantize_rows(const float* input, std::size_t input_stride, std::size_t rows,
                          std::size_t in_features, void* codes, float* scales,
                          std::int32_t* zeros) noexcept {
  const std::size_t row_bytes = int8_row_bytes<Dot>(in_features);
  for (std::size_t r = 0; r < rows; ++r) {
    const float* from = input + r * input_stride;
    auto* to =
        reinterpret_cast<typename Dot::Code*>(static_cast<std::byte*>(codes) + r * row_bytes);
    const RowRange range = row_range(from, in_features);
    scales[r] = range.scale;
    zeros[r] = Dot::kShift == kDifference ? 0 : range.zero - Dot::kShift;
    const IntVec zero = splat_int(zeros[r]);
    if (range.inverse == 0.0f) {
      for (std::size_t i = 0; i < in_features; i += kLanes) Dot::store(to + i, zero);
      continue;
    }
    const FloatVec inverse = splat(range.inverse);
    std::size_t i = 0;
    for (; i + kLanes <= in_features; i += kLanes) {
      Dot::store(to + i, add_int(to_nearest(mul(load(from + i), inverse)), zero));
    }
    if (i < in_features) {
      const FloatVec last = load_partial(from + i, in_features - i);
      Dot::store(to + i, add_int(to_nearest(mul(last, inverse)), zero));
    }
  }
}

inline void narrow_row(const float* values, std::size_t count, float inverse,
                       std::int8_t* codes) noexcept {
  const FloatVec inverses = splat(inverse);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store_int8(codes + i, to_nearest(mul(load(values + i), inverses)));
  }
  if (i < count) {
    std::int8_t last[kLanes];
    store_int8(last, to_nearest(mul(load_partial(values + i, count - i), inverses)));
    for (std::size_t j = 0; i + j < count; ++j) codes[i + j] = last[j];
  }
}

inline float quantize_row(const float* values, std::size_t count, std::int8_t* codes) noexcept {
  const RowScale scale = row_scale(values, count);
  if (scale.inverse != 0.0f) {
    narrow_row(values, count, scale.inverse, codes);
  } else {
    for (std::size_t i = 0; i < count; ++i) codes[i] = 0;
  }
  return scale.scale;
}

inline float quantize_weights(const float* values, std::size_t count, std::int8_t* codes) noexcept {
  RowScale scale = row_scale(values, count);
  if (scale.inverse == 0.0f) return quantize_row(values, count, codes);
  const FloatVec inverses = splat(scale.inverse);
  FloatVec pairs = splat(0.0f);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    pairs = larger_pair(pairs, mul(load(values + i), inverses));
  }
  if (i < count) {
    pairs = larger_pair(pairs, mul(load_partial(values + i, count - i), inverses));
  }
  const float most = reduce_max(pairs);
  if (most > kPairLimit) {
    scale.scale *= divide(most, kPairLimit);
    scale.inverse *= divide(kPairLimit, most);
  }
  narrow_row(values, count, scale.inverse, codes);
  return scale.scale;
}

inline void int8_to_float32(const std::int8_t* codes, float scale, std::size_t count,
                            float* to) noexcept {
  const FloatVec scales = splat(scale);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(to + i, mul(to_float(load_int8(codes + i)), scales));
  }
  if (i < count) {
    std::int8_t last[kLanes] = {};
    for (std::size_t j = 0; i + j < count; ++j) last[j] = codes[i + j];
    store_partial(to + i, count - i, mul(to_float(load_int8(last)), scales));
  }
}
