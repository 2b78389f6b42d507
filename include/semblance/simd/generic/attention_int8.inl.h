// Attention of one head with scores in int8: keys are the weights of a product on 8-bit codes,
// whose input are the queries. Scratch: V in panels and the scores as in attention.inl.h, then in
// bytes the keys in panels of int8.inl.h, the codes of one row block of queries and those of one
// panel of keys.

template <class Dot>
struct Int8AttentionScratch {
  std::size_t values;   // floats
  std::size_t scores;   // floats
  std::size_t keys;     // bytes
  std::size_t queries;  // bytes
  std::size_t codes;    // bytes

  Int8AttentionScratch(std::size_t length, std::size_t head_dim) noexcept
      : values(round_up(head_dim, kPanelWidth) * length),
        scores(kTileRows * score_stride(length)),
        keys(round_up(length, kPanelWidth) / kPanelWidth * int8_panel_bytes(head_dim)),
        queries(kTileRows * int8_row_bytes<Dot>(head_dim)),
        codes(kPanelWidth * head_dim) {}
};

template <class Dot>
inline std::size_t attention_int8_scratch(std::size_t length, std::size_t head_dim) noexcept {
  const Int8AttentionScratch<Dot> sizes(length, head_dim);
  return sizes.values + sizes.scores +
         round_up(sizes.keys + sizes.queries + sizes.codes, sizeof(float)) / sizeof(float);
}

template <class Dot>
inline void pack_int8_keys(const AttentionCall& call, std::int8_t* codes,
                           std::byte* packed) noexcept {
  const std::int8_t* columns[kPanelWidth];
  alignas(64) float scales[kPanelWidth];
  for (std::size_t key = 0; key < call.length; key += kPanelWidth) {
    prefetch_keys(call, key);
    const std::size_t left = call.length - key;
    const std::size_t count = left < kPanelWidth ? left : kPanelWidth;
    for (std::size_t c = 0; c < count; ++c) {
      std::int8_t* column = codes + c * call.head_dim;
      scales[c] = quantize_weights(call.key + (key + c) * call.stride, call.head_dim, column);
      columns[c] = column;
    }
    pack_int8<Dot>(columns, scales, count, call.head_dim, packed);
    packed += int8_panel_bytes(call.head_dim);
  }
}

inline float highest_of(const float* scores, std::size_t length) noexcept {
  const FloatVec lowest = splat(-__builtin_inff());
  FloatVec maxima = lowest;
  std::size_t i = 0;
  for (; i + kLanes <= length; i += kLanes) maxima = max(load(scores + i), maxima);
  if (i < length) {
    const std::size_t left = length - i;
    maxima = max(keep_first(load_partial(scores + i, left), left, lowest), maxima);
  }
  return reduce_max(maxima);
}

using AverageFunction = void (*)(const AttentionCall&, std::size_t, const float*, const float*,
                                 float*) noexcept;

template <std::size_t kRows>
inline AverageFunction average_function(std::size_t rows) noexcept {
  if constexpr (kRows > 1) {
    if (rows < kRows) return average_function<kRows - 1>(rows);
  }
  return average_values<kRows>;
}

template <class Dot, void (*kLinear)(const Int8LinearCall&) noexcept>
inline void attention_int8(const AttentionCall& call) noexcept {
  if (call.first_row >= call.last_row || call.length == 0) return;
  const Int8AttentionScratch<Dot> sizes(call.length, call.head_dim);
  float* values = call.scratch;
  float* scores = values + sizes.values;
  auto* keys = reinterpret_cast<std::byte*>(scores + sizes.scores);
  std::byte* queries = keys + sizes.keys;
  pack_int8_keys<Dot>(call, reinterpret_cast<std::int8_t*>(queries + sizes.queries), keys);
  pack_values(call, values);
  for_each_row_block(call, [&](std::size_t row, std::size_t end) {
    alignas(64) float scales[kTileRows];
    alignas(64) std::int32_t zeros[kTileRows];
    quantize_rows<Dot>(call.query + row * call.stride, call.stride, end - row, call.head_dim,
                       queries, scales, zeros);
    Int8LinearCall product;
    product.input = queries;
    product.input_scales = scales;
    product.input_zeros = zeros;
    product.rows = end - row;
    product.packed_weight = keys;
    product.in_features = call.head_dim;
    product.out_features = call.length;
    product.last_column = call.length;
    product.output = scores;
    product.output_stride = score_stride(call.length);
    kLinear(product);
    float highest[kTileRows];
    for (std::size_t r = 0; r < end - row; ++r) {
      highest[r] = highest_of(scores + r * product.output_stride, call.length);
    }
    average_function<kTileRows>(end - row)(call, row, highest, values, scores);
  });
}
