// Kernels over rows of values: layer normalization, rotary positions, sums and widening.

// kRows rows side by side, so that one row's dependent sums do not wait for themselves.
template <std::size_t kRows>
inline void normalize_rows(const LayerNormCall& call, std::size_t row) noexcept {
  const std::size_t full = call.size / kLanes * kLanes;
  const std::size_t left = call.size - full;
  const float size = static_cast<float>(call.size);
  const float* input = call.input + row * call.input_stride;
  float* output = call.output + row * call.output_stride;
  const std::size_t stride = call.input_stride;
  FloatVec sums[kRows];
  FloatVec squares[kRows];
  FloatVec mean[kRows];
  FloatVec inverse[kRows];
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) sums[r] = splat(0.0f);
  for (std::size_t i = 0; i < full; i += kLanes) {
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) sums[r] = add(sums[r], load(input + r * stride + i));
  }
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    if (left != 0) sums[r] = add(sums[r], load_partial(input + r * stride + full, left));
    mean[r] = splat(divide(reduce_sum(sums[r]), size));
    sums[r] = splat(0.0f);
    squares[r] = splat(0.0f);
  }
  for (std::size_t i = 0; i < full; i += kLanes) {
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const FloatVec centered = sub(load(input + r * stride + i), mean[r]);
      sums[r] = add(sums[r], centered);
      squares[r] = fma(centered, centered, squares[r]);
    }
  }
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    if (left != 0) {
      const FloatVec centered = sub(load_partial(input + r * stride + full, left), mean[r]);
      const FloatVec kept = keep_first(centered, left, splat(0.0f));
      sums[r] = add(sums[r], kept);
      squares[r] = fma(kept, kept, squares[r]);
    }
    const float variance = divide(reduce_sum(squares[r]), size);
    inverse[r] = splat(divide(1.0f, square_root(variance + call.eps)));
    // What rounding left in the mean: a row of equal values becomes beta, whatever the value.
    mean[r] = add(mean[r], splat(divide(reduce_sum(sums[r]), size)));
  }
  for (std::size_t i = 0; i < full; i += kLanes) {
    const FloatVec gamma = load(call.gamma + i);
    const FloatVec beta = load(call.beta + i);
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const FloatVec normal = mul(sub(load(input + r * stride + i), mean[r]), inverse[r]);
      store(output + r * call.output_stride + i, fma(normal, gamma, beta));
    }
  }
  if (left == 0) return;
  const FloatVec gamma = load_partial(call.gamma + full, left);
  const FloatVec beta = load_partial(call.beta + full, left);
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVec centered = sub(load_partial(input + r * stride + full, left), mean[r]);
    store_partial(output + r * call.output_stride + full, left,
                  fma(mul(centered, inverse[r]), gamma, beta));
  }
}

inline void layer_norm(const LayerNormCall& call) noexcept {
  if (call.size == 0) return;
  std::size_t row = 0;
  for (; row + 4 <= call.rows; row += 4) normalize_rows<4>(call, row);
  for (; row < call.rows; ++row) normalize_rows<1>(call, row);
}

// x cos - y sin and y cos + x sin: one product rounded, the other inside the fma.
inline void rotary(const RotaryCall& call) noexcept {
  const std::size_t half = call.head_dim / 2;
  for (std::size_t r = 0; r < call.rows; ++r) {
    const float* sine = call.sine + r * half;
    const float* cosine = call.cosine + r * half;
    for (std::size_t head = 0; head < call.num_heads; ++head) {
      float* values = call.values + r * call.stride + head * call.head_dim;
      rotate_pairs(values, sine, cosine, half);
    }
  }
}

inline void column_sums(const float* values, std::size_t stride, std::size_t num_rows,
                        std::size_t size, const float* weights, float* sums) noexcept {
  for (std::size_t column = 0; column < size; column += kLanes) {
    const std::size_t count = size - column < kLanes ? size - column : kLanes;
    FloatVec lanes[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = splat(0.0f);
    for (std::size_t r = 0; r < num_rows; ++r) {
      const FloatVec value = load_partial(values + r * stride + column, count);
      FloatVec& lane = lanes[r % kLanes];
      lane = weights == nullptr ? add(lane, value) : fma(value, splat(weights[r]), lane);
    }
    for (std::size_t half = kLanes / 2; half != 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lanes[i] = add(lanes[i], lanes[i + half]);
    }
    store_partial(sums + column, count, lanes[0]);
  }
}

inline void bfloat16_to_float32(const std::uint16_t* from, std::size_t count, float* to) noexcept {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, widen_bfloat16(from + i));
  for (; i < count; ++i) to[i] = scalar::widen_bfloat16(from[i]);
}

inline void float16_to_float32(const std::uint16_t* from, std::size_t count, float* to) noexcept {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, widen_float16(from + i));
  for (; i < count; ++i) to[i] = scalar::widen_float16(from[i]);
}
