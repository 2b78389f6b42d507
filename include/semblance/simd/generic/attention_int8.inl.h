// Attention of one head in int8: keys and values are the weights of two products on 8-bit codes,
// whose inputs are the queries and the weights of softmax. Keys and values go in less their means
// over the text, which take most of the range of the codes: softmax does not see that of the keys
// (Zhang et al. 2024, SageAttention, section 4.2), that of the values is added back. Dot says how
// codes are stored, ProductDot how they are multiplied.

// Tokens that the codes of a row of scores are padded to with zeros.
inline constexpr std::size_t int8_scores(std::size_t length) { return round_up(length, 64); }

// What stands where in the scratch, in bytes; all in whole cache lines.
template <class Dot, class ProductDot>
struct Int8AttentionScratch {
  using Tiles = Int8Tiles<ProductDot>;

  std::size_t head_inputs;  // head_dim, padded to what the product takes
  std::size_t padded;       // keys, padded
  std::size_t row_bytes;    // of the codes of one row of queries or scores

  std::size_t keys;      // panels over head_inputs, a column a key
  std::size_t values;    // panels over the keys, a column a feature
  std::size_t scores;    // float [Tiles::kMostRows, score_stride]
  std::size_t inputs;    // codes of one row block: of queries, then of scores, high and low
  std::size_t unpacked;  // float [head_dim or length, kPanelWidth], what becomes one panel
  std::size_t means;     // float [head_dim], of the keys, then of the values

  Int8AttentionScratch(std::size_t length, std::size_t head_dim) noexcept
      : head_inputs(round_up(head_dim, Tiles::kInputs)), padded(int8_scores(length)) {
    const std::size_t longest = padded < head_inputs ? head_inputs : padded;
    const auto panels = [](std::size_t columns) {
      return round_up(columns, kPanelWidth) / kPanelWidth;
    };
    row_bytes = int8_row_bytes<Dot>(longest);
    keys = panels(length) * int8_panel_bytes(head_inputs);
    values = panels(head_dim) * int8_panel_bytes(padded);
    scores = Tiles::kMostRows * score_stride(padded) * sizeof(float);
    inputs = 2 * Tiles::kMostRows * row_bytes;
    unpacked = longest * kPanelWidth * sizeof(float);
    means = round_up(head_dim, kLanes) * sizeof(float);
  }
};

template <class Dot, class ProductDot>
inline std::size_t attention_int8_scratch(std::size_t length, std::size_t head_dim) noexcept {
  const Int8AttentionScratch<Dot, ProductDot> sizes(length, head_dim);
  return (sizes.keys + sizes.values + sizes.scores + sizes.inputs + sizes.unpacked + sizes.means) /
         sizeof(float);
}

// The mean row, summed in order.
inline void mean_row(const float* rows, std::size_t stride, std::size_t num_rows, std::size_t size,
                     float* mean) noexcept {
  const FloatVec share = splat(divide(1.0f, static_cast<float>(num_rows)));
  constexpr std::size_t kAtOnce = 4;  // additions that wait for one another take turns
  for (std::size_t i = 0; i < size; i += kAtOnce * kLanes) {
    const std::size_t width = size - i < kAtOnce * kLanes ? size - i : kAtOnce * kLanes;
    FloatVec sums[kAtOnce];
    SEMBLANCE_UNROLL
    for (FloatVec& sum : sums) sum = splat(0.0f);
    for (std::size_t r = 0; r < num_rows; ++r) {
      const float* row = rows + r * stride + i;
      if (r + kPackAhead < num_rows) prefetch_row(row + kPackAhead * stride, width);
      SEMBLANCE_UNROLL
      for (std::size_t v = 0; v < kAtOnce; ++v) {
        const std::size_t first = v * kLanes;
        if (first + kLanes <= width) {
          sums[v] = add(sums[v], load(row + first));
        } else if (first < width) {
          sums[v] = add(sums[v], load_partial(row + first, width - first));
        }
      }
    }
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kAtOnce; ++v) {
      if (v * kLanes < width) store(mean + i + v * kLanes, mul(sums[v], share));
    }
  }
}

// Keys less their mean, a column a key. What stands in columns beyond the last key is not used.
template <class Dot>
inline void pack_int8_keys(const AttentionCall& call, std::size_t padded, float* columns,
                           float* means, std::byte* packed) noexcept {
  mean_row(call.key, call.stride, call.length, call.head_dim, means);
  for (std::size_t key = 0; key < call.length; key += kPanelWidth) {
    for (std::size_t v = 0; v < kPanelWidth && key + v < call.length; v += kLanes) {
      const std::size_t left = call.length - key - v;
      transpose_rows<false>(call.key + (key + v) * call.stride, call.stride,
                            left < kLanes ? left : kLanes, call.head_dim, columns + v, kPanelWidth);
    }
    for (std::size_t feature = 0; feature < call.head_dim; ++feature) {
      float* row = columns + feature * kPanelWidth;
      const FloatVec mean = splat(means[feature]);
      SEMBLANCE_UNROLL
      for (std::size_t v = 0; v < kPanelWidth; v += kLanes) {
        store(row + v, sub(load(row + v), mean));
      }
    }
    pack_int8_columns<Dot>(columns, call.head_dim, padded, packed);
    packed += int8_panel_bytes(padded);
  }
}

// Values less their mean, a column a feature.
template <class Dot>
inline void pack_int8_values(const AttentionCall& call, std::size_t padded, float* columns,
                             float* means, std::byte* packed) noexcept {
  mean_row(call.value, call.stride, call.length, call.head_dim, means);
  for (std::size_t feature = 0; feature < call.head_dim; feature += kPanelWidth) {
    for (std::size_t v = 0; v < kPanelWidth && feature + v < call.head_dim; v += kLanes) {
      const std::size_t left = call.head_dim - feature - v;
      const FloatVec mean = load(means + feature + v);
      const float* from = call.value + feature + v;
      float* to = columns + v;
      for (std::size_t key = 0; key < call.length; ++key) {
        store(to, sub(left < kLanes ? load_partial(from, left) : load(from), mean));
        from += call.stride;
        to += kPanelWidth;
      }
    }
    pack_int8_columns<Dot>(columns, call.length, padded, packed);
    packed += int8_panel_bytes(padded);
  }
}

// The softmax of rows of scores as codes of 16 bits, a high and a low one of 8: over a long text
// most weights are far below the highest, whose code is kHighest.
template <class Dot>
class SoftmaxCodes {
 public:
  static constexpr float kHighest = 254.0f * 256.0f;
  static constexpr float kHighScale = 256.0f / kHighest;
  static constexpr float kLowScale = 1.0f / kHighest;
  static constexpr std::int32_t kZero = Dot::kShift == kDifference ? 0 : -Dot::kShift;

  explicit SoftmaxCodes(float softmax_scale) noexcept : exponent_(softmax_scale) {}

  // Codes of scores [padded], of which those from `length` on become minus infinity, with code 0.
  // Returns 1 / (the sum of the codes, times their scale): what is lost by rounding to codes is
  // lost from the sum too. NaN where the highest score is not finite.
  float take_row(float* scores, std::size_t length, std::size_t padded, typename Dot::Code* high,
                 typename Dot::Code* low) const noexcept {
    for (std::size_t i = length; i < padded; ++i) scores[i] = -__builtin_inff();
    const float highest = highest_of(scores, padded);
    if (!(__builtin_fabsf(highest) < __builtin_inff())) {
      __builtin_memset(high, 0, padded * sizeof *high);
      __builtin_memset(low, 0, padded * sizeof *low);
      return __builtin_bit_cast(float, kNanBits);
    }
    const FloatVec top = splat(highest);
    IntVec sum = splat_int(0);
    for (std::size_t i = 0; i < padded; i += kAtOnce * kLanes) {
      const float* from = scores + i;
      // No loop: g++ 12 for aarch64 mistakes what the scalar target makes of one.
      const IntVec codes[kAtOnce] = {code(from, top), code(from + kLanes, top),
                                     code(from + 2 * kLanes, top), code(from + 3 * kLanes, top)};
      sum = add_int(sum, add_int(add_int(codes[0], codes[1]), add_int(codes[2], codes[3])));
      Dot::store_bytes(high + i, low + i, codes);
    }
    return divide(kHighest, reduce_sum(to_float(sum)));
  }

 private:
  static constexpr std::size_t kAtOnce = 4;  // vectors; `padded` is a multiple of them

  static float highest_of(const float* scores, std::size_t padded) noexcept {
    FloatVec maxima[kAtOnce];
    SEMBLANCE_UNROLL
    for (FloatVec& maximum : maxima) maximum = splat(-__builtin_inff());
    for (std::size_t i = 0; i < padded; i += kAtOnce * kLanes) {
      SEMBLANCE_UNROLL
      for (std::size_t v = 0; v < kAtOnce; ++v) {
        maxima[v] = max(load(scores + i + v * kLanes), maxima[v]);
      }
    }
    return reduce_max(max(max(maxima[0], maxima[1]), max(maxima[2], maxima[3])));
  }

  // The integers nearest to kHighest e^((score - highest) scale), by a minimax polynomial for
  // kHighest 2^f (relative error 8e-8).
  SEMBLANCE_INLINE IntVec code(const float* scores, FloatVec highest) const {
    const auto [shifted, f] = exponent_.of(load(scores), highest);
    FloatVec p = fma(splat(86.3289337f), f, splat(629.142395f));
    p = fma(p, f, splat(3609.2959f));
    p = fma(p, f, splat(15620.1435f));
    p = fma(p, f, splat(45071.1875f));
    p = fma(p, f, splat(65024.0039f));
    return to_nearest(times_power_of_two(p, shifted));
  }

  SoftmaxExponent exponent_;
};

// The two products of a head, row block after row block.
template <class Dot, class ProductDot>
class Int8Attention {
  using Code = typename Dot::Code;
  static constexpr std::size_t kMostRows = Int8Tiles<ProductDot>::kMostRows;

 public:
  explicit Int8Attention(const AttentionCall& call) noexcept
      : softmax_(call.scale), call_(call), sizes_(call.length, call.head_dim) {}

  void run() noexcept {
    pack_int8_keys<Dot>(call_, sizes_.head_inputs, columns_, means_, keys_);
    pack_int8_values<Dot>(call_, sizes_.padded, columns_, means_, values_);
    for_each_row_block<kMostRows>(call_, [&](std::size_t row, std::size_t end) {
      const std::size_t rows = end - row;
      score(row, rows);
      take_softmax(rows);
      weigh(row, rows);
    });
  }

 private:
  // The queries' products with the keys.
  void score(std::size_t row, std::size_t rows) noexcept {
    quantize_rows<Dot>(call_.query + row * call_.stride, call_.stride, rows, call_.head_dim, high_,
                       scales_, zeros_);
    // Rows of head_dim and of head_inputs codes take as many lines. Whatever stands between the two
    // meets weights of zero.
    linear_int8<ProductDot>({.input = high_,
                             .input_scales = scales_,
                             .input_zeros = zeros_,
                             .rows = rows,
                             .packed_weight = keys_,
                             .in_features = sizes_.head_inputs,
                             .out_features = call_.length,
                             .last_column = call_.length,
                             .output = scores_,
                             .output_stride = score_stride_});
  }

  void take_softmax(std::size_t rows) noexcept {
    for (std::size_t r = 0; r < rows; ++r) {
      factors_[r] = softmax_.take_row(scores_ + r * score_stride_, call_.length, sizes_.padded,
                                      reinterpret_cast<Code*>(high_ + r * row_bytes_),
                                      reinterpret_cast<Code*>(low_ + r * row_bytes_));
      scales_[r] = softmax_.kHighScale;
      low_scales_[r] = softmax_.kLowScale;
      zeros_[r] = softmax_.kZero;
    }
  }

  // The values' sum: by the high codes, then by the low ones, then the factor and the mean.
  void weigh(std::size_t row, std::size_t rows) noexcept {
    float* context = call_.context + row * call_.context_stride;
    Int8LinearCall product = {.input = high_,
                              .input_scales = scales_,
                              .input_zeros = zeros_,
                              .rows = rows,
                              .packed_weight = values_,
                              .in_features = sizes_.padded,
                              .out_features = call_.head_dim,
                              .last_column = call_.head_dim,
                              .output = context,
                              .output_stride = call_.context_stride};
    linear_int8<ProductDot>(product);
    product.input = low_;
    product.input_scales = low_scales_;
    product.residual = context;
    product.residual_stride = call_.context_stride;
    linear_int8<ProductDot>(product);
    for (std::size_t r = 0; r < rows; ++r) {
      float* to = context + r * call_.context_stride;
      const FloatVec factor = splat(factors_[r]);
      std::size_t i = 0;
      for (; i + kLanes <= call_.head_dim; i += kLanes) {
        store(to + i, fma(load(to + i), factor, load(means_ + i)));
      }
      if (i < call_.head_dim) {
        const std::size_t left = call_.head_dim - i;
        store_partial(to + i, left, fma(load_partial(to + i, left), factor, load(means_ + i)));
      }
    }
  }

  const SoftmaxCodes<Dot> softmax_;
  const AttentionCall& call_;
  const Int8AttentionScratch<Dot, ProductDot> sizes_;
  const std::size_t score_stride_ = score_stride(sizes_.padded);
  const std::size_t row_bytes_ = int8_row_bytes<Dot>(sizes_.padded);

  std::byte* const keys_ = reinterpret_cast<std::byte*>(call_.scratch);
  std::byte* const values_ = keys_ + sizes_.keys;
  float* const scores_ = reinterpret_cast<float*>(values_ + sizes_.values);
  std::byte* const high_ = values_ + sizes_.values + sizes_.scores;  // also of the queries
  std::byte* const low_ = high_ + kMostRows * row_bytes_;
  float* const columns_ = reinterpret_cast<float*>(high_ + sizes_.inputs);
  float* const means_ = reinterpret_cast<float*>(high_ + sizes_.inputs + sizes_.unpacked);

  // Of the rows of a block.
  float scales_[kMostRows];
  float low_scales_[kMostRows];
  std::int32_t zeros_[kMostRows];
  float factors_[kMostRows];
};

template <class Dot, class ProductDot>
inline void attention_int8(const AttentionCall& call) noexcept {
  if (call.first_row < call.last_row && call.length != 0) {
    Int8Attention<Dot, ProductDot>(call).run();
  }
}
