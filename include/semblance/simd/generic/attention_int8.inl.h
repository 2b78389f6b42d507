// Attention of one head in int8: keys and values are the weights of two products on 8-bit codes,
// whose inputs are the queries and the weights of softmax.

// Tokens that the codes of a row of scores are padded to with zeros: whole tiles of AMX.
inline constexpr std::size_t int8_scores(std::size_t length) { return round_up(length, 64); }

// What stands where in the scratch, in bytes; all in whole cache lines.
template <class Dot>
struct Int8AttentionScratch {
  std::size_t keys;    // panels over head_dim, a column a key
  std::size_t values;  // panels over the keys, a column a feature
  std::size_t scores;  // float [kTileRows, score_stride]
  std::size_t inputs;  // codes of one row block: of queries, then of scores
  std::size_t turned;  // float [head_dim, keys], the values
  std::size_t codes;   // of the columns of one panel

  Int8AttentionScratch(std::size_t length, std::size_t head_dim) noexcept {
    const std::size_t padded = int8_scores(length);
    const std::size_t longest = padded < head_dim ? head_dim : padded;
    const auto panels = [](std::size_t columns) {
      return round_up(columns, kPanelWidth) / kPanelWidth;
    };
    keys = panels(length) * int8_panel_bytes(head_dim);
    values = panels(head_dim) * int8_panel_bytes(padded);
    scores = kTileRows * score_stride(padded) * sizeof(float);
    inputs = kTileRows * int8_row_bytes<Dot>(longest);
    turned = head_dim * padded * sizeof(float);
    codes = round_up(kPanelWidth * longest, 64);
  }
};

template <class Dot>
inline std::size_t attention_int8_scratch(std::size_t length, std::size_t head_dim) noexcept {
  const Int8AttentionScratch<Dot> sizes(length, head_dim);
  return (sizes.keys + sizes.values + sizes.scores + sizes.inputs + sizes.turned + sizes.codes) /
         sizeof(float);
}

// The columns [0, num_columns) of `size` values each, `stride` floats apart, as panels.
template <class Dot>
inline void pack_int8_columns(const float* columns, std::size_t stride, std::size_t num_columns,
                              std::size_t size, std::int8_t* codes, std::byte* packed) noexcept {
  const std::int8_t* panel[kPanelWidth];
  alignas(64) float scales[kPanelWidth];
  for (std::size_t column = 0; column < num_columns; column += kPanelWidth) {
    const std::size_t left = num_columns - column;
    const std::size_t count = left < kPanelWidth ? left : kPanelWidth;
    for (std::size_t c = 0; c < count; ++c) {
      std::int8_t* to = codes + c * size;
      scales[c] = quantize_weights(columns + (column + c) * stride, size, to);
      panel[c] = to;
    }
    pack_int8<Dot>(panel, scales, count, size, packed);
    packed += int8_panel_bytes(size);
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

// 1 / (the sum of the codes that quantize_rows() makes of a row whose largest value is 1, times
// their scale): what is lost by rounding to codes is lost from the sum too, which is exact in any
// order.
inline float inverse_of_code_sum(const float* row, std::size_t count) noexcept {
  constexpr float kHighestCode = 254.0f;
  const FloatVec inverse = splat(kHighestCode);
  IntVec sums = splat_int(0);
  for (std::size_t i = 0; i < count; i += kLanes) {
    sums = add_int(sums, to_nearest(mul(load(row + i), inverse)));
  }
  return divide(kHighestCode, reduce_sum(to_float(sums)));
}

template <class Dot, void (*kLinear)(const Int8LinearCall&) noexcept>
inline void attention_int8(const AttentionCall& call) noexcept {
  if (call.first_row >= call.last_row || call.length == 0) return;
  const std::size_t padded = int8_scores(call.length);
  const std::size_t stride = score_stride(padded);
  const Int8AttentionScratch<Dot> sizes(call.length, call.head_dim);
  auto* keys = reinterpret_cast<std::byte*>(call.scratch);
  std::byte* values = keys + sizes.keys;
  auto* scores = reinterpret_cast<float*>(values + sizes.values);
  std::byte* inputs = values + sizes.values + sizes.scores;
  auto* turned = reinterpret_cast<float*>(inputs + sizes.inputs);
  auto* codes = reinterpret_cast<std::int8_t*>(inputs + sizes.inputs + sizes.turned);
  pack_int8_columns<Dot>(call.key, call.stride, call.length, call.head_dim, codes, keys);
  for (std::size_t key = 0; key < padded; key += kLanes) {
    const std::size_t left = call.length < key ? 0 : call.length - key;
    transpose_rows<false>(call.value + (left == 0 ? 0 : key) * call.stride, call.stride,
                          left < kLanes ? left : kLanes, call.head_dim, turned + key, padded);
  }
  pack_int8_columns<Dot>(turned, padded, call.head_dim, padded, codes, values);
  for_each_row_block(call, [&](std::size_t row, std::size_t end) {
    alignas(64) float scales[kTileRows];
    alignas(64) std::int32_t zeros[kTileRows];
    const std::size_t rows = end - row;
    Int8LinearCall product;
    product.input = inputs;
    product.input_scales = scales;
    product.input_zeros = zeros;
    product.rows = rows;
    quantize_rows<Dot>(call.query + row * call.stride, call.stride, rows, call.head_dim, inputs,
                       scales, zeros);
    product.packed_weight = keys;
    product.in_features = call.head_dim;
    product.out_features = product.last_column = call.length;
    product.output = scores;
    product.output_stride = stride;
    kLinear(product);
    float inverse[kTileRows];
    for (std::size_t r = 0; r < rows; ++r) {
      float* row_scores = scores + r * stride;
      softmax_numerators(row_scores, call.length, highest_of(row_scores, call.length), call.scale);
      for (std::size_t i = call.length; i < padded; ++i) row_scores[i] = 0.0f;
      inverse[r] = inverse_of_code_sum(row_scores, padded);
    }
    quantize_rows<Dot>(scores, stride, rows, padded, inputs, scales, zeros);
    float* context = call.context + row * call.context_stride;
    product.packed_weight = values;
    product.in_features = padded;
    product.out_features = product.last_column = call.head_dim;
    product.output = context;
    product.output_stride = call.context_stride;
    kLinear(product);
    for (std::size_t r = 0; r < rows; ++r) {
      float* to = context + r * call.context_stride;
      const FloatVec factor = splat(inverse[r]);
      std::size_t i = 0;
      for (; i + kLanes <= call.head_dim; i += kLanes) store(to + i, mul(load(to + i), factor));
      if (i < call.head_dim) {
        const std::size_t left = call.head_dim - i;
        store_partial(to + i, left, mul(load_partial(to + i, left), factor));
      }
    }
  });
}
