// Panels of 8-bit codes made of a matrix in float32 whose columns lie side by side, a lane a
// column: the same as quantize_weights() of each column and pack_int8() of all, without turning
// anything.

// `inverse` is 0 where all codes are 0. Where the scale is NaN, codes do not matter.
struct ColumnScales {
  FloatVec scale;
  FloatVec inverse;
};

// Of 16 columns of `values` [size, kPanelWidth].
inline ColumnScales column_scales(const float* values, std::size_t size) noexcept {
  const FloatVec zero = splat(0.0f);
  IntVec largest = splat_int(0);
  for (std::size_t i = 0; i < size; ++i) {
    largest = max_magnitude(largest, load(values + i * kPanelWidth));
  }
  const FloatVec magnitude = as_float(largest);
  const FloatVec least = splat(__builtin_bit_cast(float, kLeastBits));
  const FloatVec infinity = splat(__builtin_inff());
  FloatVec scale = select_less(magnitude, least, zero, div(magnitude, splat(127.0f)));
  scale = select_less(magnitude, infinity, scale, splat(__builtin_bit_cast(float, kNanBits)));
  FloatVec inverse = select_less(magnitude, least, zero, div(splat(127.0f), magnitude));
  inverse = select_less(magnitude, infinity, inverse, zero);

  FloatVec above = zero;
  FloatVec below = zero;
  for (std::size_t i = 0; i < size; i += 2) {
    const float* pair = values + i * kPanelWidth;
    const FloatVec a = mul(load(pair), inverse);
    const FloatVec b = i + 1 < size ? mul(load(pair + kPanelWidth), inverse) : zero;
    above = max(above, add(max(zero, a), max(zero, b)));
    below = min(below, add(min(zero, a), min(zero, b)));
  }
  const FloatVec most = max(above, sub(zero, below));
  const FloatVec limit = splat(kPairLimit);
  return {select_less(limit, most, mul(scale, div(most, limit)), scale),
          select_less(limit, most, mul(inverse, div(limit, most)), inverse)};
}

// Packs the columns of `values` [size, kPanelWidth] over `padded` inputs, of which those from
// `size` on are zeros.
template <class Dot>
inline void pack_int8_columns(const float* values, std::size_t size, std::size_t padded,
                              std::byte* panel) noexcept {
  constexpr std::size_t kGroup = Dot::kGroup;
  constexpr bool kNeedsSums = Dot::kShift != kDifference;
  auto* panel_sums = reinterpret_cast<std::int32_t*>(panel);
  auto* scales = reinterpret_cast<float*>(panel_sums + kPanelWidth);
  auto* pairs_fit = reinterpret_cast<std::int32_t*>(scales + kPanelWidth);
  auto* codes = reinterpret_cast<std::int8_t*>(panel + kInt8Header);
  for (std::size_t i = 0; i < 16; ++i) pairs_fit[i] = i == 0 ? 1 : 0;
  for (std::size_t v = 0; v < kPanelWidth; v += kLanes) {
    const ColumnScales columns = column_scales(values + v, size);
    store(scales + v, columns.scale);
    const float* from = values + v;
    std::int8_t* to = codes + v * kGroup;
    IntVec sums = splat_int(0);
    const auto take = [&](std::size_t count) {
      IntVec rows[kGroup];
      SEMBLANCE_UNROLL
      for (std::size_t j = 0; j < kGroup; ++j) {
        rows[j] = j < count ? to_nearest(mul(load(from + j * kPanelWidth), columns.inverse))
                            : splat_int(0);
        if constexpr (kNeedsSums) sums = add_int(sums, rows[j]);
      }
      store_interleaved(to, rows);
      from += kGroup * kPanelWidth;
      to += kPanelWidth * kGroup;
    };
    std::size_t i = 0;
    for (; i + kGroup <= size; i += kGroup) take(kGroup);
    if (i < size) take(size - i);
    store_int(panel_sums + v, sums);
  }
  const std::size_t filled = round_up(size, kGroup);
  const std::size_t last = int8_padded(padded);
  __builtin_memset(codes + filled * kPanelWidth, 0, (last - filled) * kPanelWidth);
}
