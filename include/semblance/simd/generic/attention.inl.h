// Attention of one head: scores of kTileRows query rows against all keys, softmax, context.
// Scratch: K^T in panels [ceil(length / w), head_dim, w], V in panels [ceil(head_dim / w), length,
// w], then the scores [kTileRows, score_stride] of one row block; w = kPanelWidth.

inline constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

// An odd number of cache lines from row to row keeps the rows in different cache sets.
inline constexpr std::size_t score_stride(std::size_t length) {
  return (round_up(length, kPanelWidth) / 16 | 1) * 16;
}

inline std::size_t attention_scratch(std::size_t length, std::size_t head_dim) noexcept {
  return round_up(length, kPanelWidth) * head_dim + round_up(head_dim, kPanelWidth) * length +
         kTileRows * score_stride(length);
}

// Rows asked for ahead: one head is a narrow strip of a wide buffer, which no hardware prefetcher
// follows.
inline constexpr std::size_t kPackAhead = 16;

inline void pack_values(const AttentionCall& call, float* packed) noexcept {
  for (std::size_t column = 0; column < call.head_dim; column += kPanelWidth) {
    for (std::size_t key = 0; key < call.length; ++key) {
      const float* from = call.value + key * call.stride + column;
      if (key + kPackAhead < call.length) {
        prefetch_row(from + kPackAhead * call.stride, kPanelWidth);
      }
      for (std::size_t v = 0; v < kPanelWidth; v += kLanes) {
        const std::size_t left = call.head_dim - column <= v ? 0 : call.head_dim - column - v;
        store(packed + v, left >= kLanes ? load(from + v) : load_partial(from + v, left));
      }
      packed += kPanelWidth;
    }
  }
}

// The base-2 exponent of e^((score - highest) * scale), as one rounded product with scale * log2 e:
// relative error of the power at most 0.8 + 0.8 |x| ulp at exponent x. What lies more than 86 below
// the maximum counts as e^-86, which no sum of float32 notices.
class SoftmaxExponent {
 public:
  explicit SoftmaxExponent(float scale) noexcept {
    const float exponent_scale = divide(scale, 0.693147182f);
    scale_ = splat(exponent_scale);
    lowest_ = splat(divide(-125.0f, exponent_scale));
  }
  SEMBLANCE_INLINE SplitExponent of(FloatVec scores, FloatVec highest) const {
    return split_product(max(lowest_, sub(scores, highest)), scale_);
  }

 private:
  FloatVec scale_;
  FloatVec lowest_;
};

// Scores become numerators of softmax. Returns their sum.
inline float softmax_numerators(float* scores, std::size_t length, float highest,
                                float scale) noexcept {
  const SoftmaxExponent exponent(scale);
  const FloatVec top = splat(highest);
  FloatVec sums = splat(0.0f);
  std::size_t i = 0;
  for (; i + kLanes <= length; i += kLanes) {
    const FloatVec values = power_of_two(exponent.of(load(scores + i), top));
    store(scores + i, values);
    sums = add(sums, values);
  }
  if (i < length) {
    const FloatVec values = power_of_two(exponent.of(load_partial(scores + i, length - i), top));
    store_partial(scores + i, length - i, values);
    sums = add(sums, keep_first(values, length - i, splat(0.0f)));
  }
  return reduce_sum(sums);
}

// Scores of kRows query rows from `row` on against all keys, and the maximum of each row. Lane i of
// a maximum takes the keys i, i + 16, ... in order.
template <std::size_t kRows>
SEMBLANCE_INLINE void score_rows(const AttentionCall& call, std::size_t row, const float* keys,
                                 float* scores, float (&highest)[kRows]) {
  const std::size_t stride = score_stride(call.length);
  const FloatVec lowest = splat(-__builtin_inff());
  FloatVec maxima[kRows];
  for (std::size_t r = 0; r < kRows; ++r) maxima[r] = lowest;
  for (std::size_t key = 0; key < call.length; key += kPanelWidth) {
    FloatVec sums[kRows][kPanelVecs];
    clear<kRows>(sums);
    accumulate<kRows>(call.query + row * call.stride, call.stride, keys + key * call.head_dim,
                      call.head_dim, sums);
    store_sums<kRows>(scores + key, stride, sums);
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      const std::size_t first = key + v * kLanes;
      if (first + kLanes <= call.length) {
        SEMBLANCE_UNROLL
        for (std::size_t r = 0; r < kRows; ++r) maxima[r] = max(sums[r][v], maxima[r]);
      } else if (first < call.length) {
        SEMBLANCE_UNROLL
        for (std::size_t r = 0; r < kRows; ++r) {
          maxima[r] = max(keep_first(sums[r][v], call.length - first, lowest), maxima[r]);
        }
      }
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) highest[r] = reduce_max(maxima[r]);
}

template <std::size_t kRows>
inline void attend_rows(const AttentionCall& call, std::size_t row, const float* keys,
                        const float* values, float* scores) noexcept {
  const std::size_t stride = score_stride(call.length);
  float highest[kRows];
  score_rows<kRows>(call, row, keys, scores, highest);
  float inverse[kRows];
  for (std::size_t r = 0; r < kRows; ++r) {
    prefetch_row(call.context + (row + r) * call.context_stride, call.head_dim);
    const std::size_t ahead = row + kRows + r;
    if (ahead < call.last_row) prefetch_row(call.query + ahead * call.stride, call.head_dim);
    inverse[r] =
        divide(1.0f, softmax_numerators(scores + r * stride, call.length, highest[r], call.scale));
  }
  for (std::size_t column = 0; column < call.head_dim; column += kPanelWidth) {
    FloatVec sums[kRows][kPanelVecs];
    clear<kRows>(sums);
    accumulate<kRows>(scores, stride, values + column * call.length, call.length, sums);
    float* context = call.context + row * call.context_stride + column;
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      const std::size_t first = column + v * kLanes;
      if (first + kLanes <= call.head_dim) {
        SEMBLANCE_UNROLL
        for (std::size_t r = 0; r < kRows; ++r) {
          store(context + r * call.context_stride + v * kLanes, mul(sums[r][v], splat(inverse[r])));
        }
      } else if (first < call.head_dim) {
        SEMBLANCE_UNROLL
        for (std::size_t r = 0; r < kRows; ++r) {
          store_partial(context + r * call.context_stride + v * kLanes, call.head_dim - first,
                        mul(sums[r][v], splat(inverse[r])));
        }
      }
    }
  }
}

using AttendFunction = void (*)(const AttentionCall&, std::size_t, const float*, const float*,
                                float*) noexcept;

template <std::size_t kRows>
inline AttendFunction attend_function(std::size_t rows) noexcept {
  if constexpr (kRows > 1) {
    if (rows < kRows) return attend_function<kRows - 1>(rows);
  }
  return attend_rows<kRows>;
}

// Rows [row, end) of each of the blocks, of at most kMostRows, that the rows of a call fall into.
template <std::size_t kMostRows, class Block>
SEMBLANCE_INLINE void for_each_row_block(const AttentionCall& call, const Block& block) {
  const std::size_t rows = call.last_row - call.first_row;
  const std::size_t num_blocks = (rows + kMostRows - 1) / kMostRows;
  for (std::size_t i = 0; i < num_blocks; ++i) {
    block(call.first_row + rows * i / num_blocks, call.first_row + rows * (i + 1) / num_blocks);
  }
}

inline void attention(const AttentionCall& call) noexcept {
  if (call.first_row >= call.last_row || call.length == 0) return;
  float* keys = call.scratch;
  float* values = keys + round_up(call.length, kPanelWidth) * call.head_dim;
  float* scores = values + round_up(call.head_dim, kPanelWidth) * call.length;
  for (std::size_t key = 0; key < call.length; key += kPanelWidth) {
    for (std::size_t ahead = key + kPanelWidth;
         ahead < key + 2 * kPanelWidth && ahead < call.length; ++ahead) {
      prefetch_row(call.key + ahead * call.stride, call.head_dim);
    }
    for (std::size_t v = 0; v < kPanelWidth; v += kLanes) {
      const std::size_t left = call.length - key <= v ? 0 : call.length - key - v;
      transpose_rows<false>(call.key + (left == 0 ? 0 : key + v) * call.stride, call.stride,
                            left < kLanes ? left : kLanes, call.head_dim,
                            keys + key * call.head_dim + v, kPanelWidth);
    }
  }
  pack_values(call, values);
  for_each_row_block<kTileRows>(call, [&](std::size_t row, std::size_t end) {
    attend_function<kTileRows>(end - row)(call, row, keys, values, scores);
  });
}
