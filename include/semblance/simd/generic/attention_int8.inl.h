// Attention of one head in int8: keys and values are the weights of two products on 8-bit codes,
// whose inputs are the queries and the weights of softmax. Dot says how codes are stored,
// ProductDot how they are multiplied.

// Tokens that the codes of a row of scores are padded to with zeros.
inline constexpr std::size_t int8_scores(std::size_t length) { return round_up(length, 64); }

// What stands where in the scratch, in bytes; all in whole cache lines.
template <class Dot, class ProductDot>
struct Int8AttentionScratch {
  using Tiles = Int8Tiles<ProductDot>;

  std::size_t head_inputs;  // head_dim, padded to what the product takes
  std::size_t padded;       // keys, padded
  std::size_t row_bytes;    // of the codes of one row of queries or scores

  std::size_t keys;    // panels over head_inputs, a column a key
  std::size_t values;  // panels over the keys, a column a feature
  std::size_t scores;  // float [Tiles::kMostRows, score_stride]
  std::size_t inputs;  // codes of one row block: of queries, then of scores
  std::size_t turned;  // float [head_dim, padded], the values
  std::size_t codes;   // of the columns of one panel

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
    inputs = Tiles::kMostRows * row_bytes;
    turned = head_dim * padded * sizeof(float);
    codes = round_up(kPanelWidth * longest, 64);
  }
};

template <class Dot, class ProductDot>
inline std::size_t attention_int8_scratch(std::size_t length, std::size_t head_dim) noexcept {
  const Int8AttentionScratch<Dot, ProductDot> sizes(length, head_dim);
  return (sizes.keys + sizes.values + sizes.scores + sizes.inputs + sizes.turned + sizes.codes) /
         sizeof(float);
}

// The columns [0, num_columns) of `size` values each, `stride` floats apart, as panels over `padded`
// inputs.
template <class Dot>
inline void pack_int8_columns(const float* columns, std::size_t stride, std::size_t num_columns,
                              std::size_t size, std::size_t padded, std::int8_t* codes,
                              std::byte* packed) noexcept {
  const std::int8_t* panel[kPanelWidth];
  alignas(64) float scales[kPanelWidth];
  for (std::size_t column = 0; column < num_columns; column += kPanelWidth) {
    const std::size_t left = num_columns - column;
    const std::size_t count = left < kPanelWidth ? left : kPanelWidth;
    for (std::size_t c = 0; c < count; ++c) {
      std::int8_t* to = codes + c * padded;
      scales[c] = quantize_weights(columns + (column + c) * stride, size, to);
      for (std::size_t i = size; i < padded; ++i) to[i] = 0;
      panel[c] = to;
    }
    pack_int8<Dot>(panel, scales, count, padded, packed);
    packed += int8_panel_bytes(padded);
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

// A row of scores as codes of its softmax, as quantize_rows() makes them of the numerators, of which
// the highest is 1.
template <class Dot>
struct SoftmaxCodes {
  static constexpr float kHighestCode = 254.0f;
  static constexpr std::int32_t kZero = Dot::kShift == kDifference ? 0 : -Dot::kShift;

  float scale;
  // 1 / (the sum of the codes, times their scale): what is lost by rounding to codes is lost from
  // the sum too, which is exact in any order.
  float inverse_sum;

  SoftmaxCodes(const float* scores, std::size_t length, std::size_t padded, float softmax_scale,
               typename Dot::Code* to) noexcept {
    const SoftmaxNumerator numerator(highest_of(scores, length), softmax_scale);
    const FloatVec inverse_scale = splat(kHighestCode);
    const IntVec zero = splat_int(kZero);
    FloatVec sums = splat(0.0f);
    IntVec code_sums = splat_int(0);
    const auto take = [&](FloatVec values, std::size_t i) {
      const IntVec codes = to_nearest(mul(values, inverse_scale));
      sums = add(sums, values);
      code_sums = add_int(code_sums, codes);
      Dot::store(to + i, add_int(codes, zero));
    };
    std::size_t i = 0;
    for (; i + kLanes <= length; i += kLanes) take(numerator.of(load(scores + i)), i);
    if (i < length) {
      const std::size_t left = length - i;
      const FloatVec values = numerator.of(load_partial(scores + i, left));
      take(keep_first(values, left, splat(0.0f)), i);
      i += kLanes;
    }
    for (; i < padded; i += kLanes) Dot::store(to + i, zero);
    const bool is_finite = reduce_sum(sums) > 0.0f;
    scale = is_finite ? divide(1.0f, kHighestCode) : __builtin_bit_cast(float, kNanBits);
    inverse_sum = divide(kHighestCode, reduce_sum(to_float(code_sums)));
  }
};

template <class Dot, class ProductDot>
inline void attention_int8(const AttentionCall& call) noexcept {
  using Code = typename Dot::Code;
  constexpr std::size_t kMostRows = Int8Tiles<ProductDot>::kMostRows;
  if (call.first_row >= call.last_row || call.length == 0) return;
  const Int8AttentionScratch<Dot, ProductDot> sizes(call.length, call.head_dim);
  const std::size_t padded = sizes.padded;
  const std::size_t stride = score_stride(padded);
  auto* keys = reinterpret_cast<std::byte*>(call.scratch);
  std::byte* values = keys + sizes.keys;
  auto* scores = reinterpret_cast<float*>(values + sizes.values);
  std::byte* inputs = values + sizes.values + sizes.scores;
  auto* turned = reinterpret_cast<float*>(inputs + sizes.inputs);
  auto* codes = reinterpret_cast<std::int8_t*>(inputs + sizes.inputs + sizes.turned);
  pack_int8_columns<Dot>(call.key, call.stride, call.length, call.head_dim, sizes.head_inputs,
                         codes, keys);
  for (std::size_t key = 0; key < padded; key += kLanes) {
    const std::size_t left = call.length < key ? 0 : call.length - key;
    transpose_rows<false>(call.value + (left == 0 ? 0 : key) * call.stride, call.stride,
                          left < kLanes ? left : kLanes, call.head_dim, turned + key, padded);
  }
  pack_int8_columns<Dot>(turned, padded, call.head_dim, padded, padded, codes, values);
  for_each_row_block<kMostRows>(call, [&](std::size_t row, std::size_t end) {
    alignas(64) float scales[kMostRows];
    alignas(64) std::int32_t zeros[kMostRows];
    const std::size_t rows = end - row;
    Int8LinearCall product;
    product.input = inputs;
    product.input_scales = scales;
    product.input_zeros = zeros;
    product.rows = rows;
    quantize_rows<Dot>(call.query + row * call.stride, call.stride, rows, call.head_dim, inputs,
                       scales, zeros);
    product.packed_weight = keys;
    product.in_features = sizes.head_inputs;
    product.out_features = product.last_column = call.length;
    product.output = scores;
    product.output_stride = stride;
    linear_int8<ProductDot>(product);
    const std::size_t row_bytes = int8_row_bytes<Dot>(padded);
    float inverse[kMostRows];
    for (std::size_t r = 0; r < rows; ++r) {
      const SoftmaxCodes<Dot> softmax(scores + r * stride, call.length, padded, call.scale,
                                      reinterpret_cast<Code*>(inputs + r * row_bytes));
      scales[r] = softmax.scale;
      zeros[r] = softmax.kZero;
      inverse[r] = softmax.inverse_sum;
    }
    float* context = call.context + row * call.context_stride;
    product.packed_weight = values;
    product.in_features = padded;
    product.out_features = product.last_column = call.head_dim;
    product.output = context;
    product.output_stride = call.context_stride;
    linear_int8<ProductDot>(product);
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
