// Products of 8-bit codes on packed weights, in exact 32-bit integers.
//
// The class Dot says how a target multiplies: Dot::Code is the type of the codes of the input,
// kShift what is taken from each of them when it is stored (kDifference: the zero point of its
// row), kGroup how many consecutive inputs one 32-bit lane takes at a time; add() adds the products
// of a group of one row to the sums of a panel. Where add() holds only for weights whose pairs fit
// (those of two neighbouring inputs: kMostPair), Dot::Any is the class that takes all others from
// the same codes; else it is Dot itself. A packed panel is
//   std::int32_t [kPanelWidth]                    sum of the column's codes
//   float [kPanelWidth]                           scales
//   std::int32_t [16]                             1 if all pairs fit, else 0; then zeros
//   std::int8_t [inputs / kGroup, kPanelWidth, kGroup]
// with the inputs padded with zeros to a multiple of 4.

inline constexpr std::int32_t kDifference = 1000;

inline constexpr std::size_t kInt8Header =
    kPanelWidth * (sizeof(std::int32_t) + sizeof(float)) + 16 * sizeof(std::int32_t);

// What the weights of the inputs 2 i and 2 i + 1 sum to at most where they have one sign: times
// 255, the largest code of an input, it is within 16 bits.
inline constexpr float kMostPair = 128.0f;

inline std::size_t int8_padded(std::size_t in_features) noexcept {
  return (in_features + 3) / 4 * 4;
}
inline std::size_t int8_panel_bytes(std::size_t in_features) noexcept {
  return kInt8Header + kPanelWidth * int8_padded(in_features);
}
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
  constexpr float kLimit = kMostPair - 0.01f;  // for what rounding adds
  const float most = reduce_max(pairs);
  if (most > kLimit) {
    scale.scale *= divide(most, kLimit);
    scale.inverse *= divide(kLimit, most);
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

struct ColumnFacts {
  IntVec sums;
  FloatVec pairs;
};

// Pairs are looked at where Dot asks for those that fit.
template <class Dot>
SEMBLANCE_INLINE void take_codes(ColumnFacts& facts, const std::int8_t* codes) {
  const IntVec values = load_int8(codes);
  facts.sums = add_int(facts.sums, values);
  if constexpr (!std::is_same_v<Dot, typename Dot::Any>) {
    facts.pairs = larger_pair(facts.pairs, to_float(values));
  }
}

// Returns the sum of the codes; clears pairs_fit if a pair does not.
template <class Dot>
inline std::int32_t sum_codes(const std::int8_t* codes, std::size_t count,
                              std::int32_t& pairs_fit) noexcept {
  ColumnFacts facts{splat_int(0), splat(0.0f)};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) take_codes<Dot>(facts, codes + i);
  if (i < count) {
    std::int8_t last[kLanes] = {};
    for (std::size_t j = 0; i + j < count; ++j) last[j] = codes[i + j];
    take_codes<Dot>(facts, last);
  }
  if (reduce_max(facts.pairs) > kMostPair) pairs_fit = 0;
  alignas(64) std::int32_t lanes[kLanes];
  store_int(lanes, facts.sums);
  std::int32_t sum = 0;
  for (const std::int32_t lane : lanes) sum += lane;
  return sum;
}

template <class Dot>
inline void pack_int8(const std::int8_t* const* columns, const float* scales,
                      std::size_t num_columns, std::size_t in_features, std::byte* panel) noexcept {
  constexpr std::size_t kGroup = Dot::kGroup;
  auto* sums = reinterpret_cast<std::int32_t*>(panel);
  auto* panel_scales = reinterpret_cast<float*>(sums + kPanelWidth);
  auto* pairs_fit = reinterpret_cast<std::int32_t*>(panel_scales + kPanelWidth);
  auto* to = reinterpret_cast<std::int8_t*>(panel + kInt8Header);
  for (std::size_t i = 0; i < 16; ++i) pairs_fit[i] = i == 0 ? 1 : 0;
  for (std::size_t c = 0; c < kPanelWidth; ++c) {
    const bool needs_sum = Dot::kShift != kDifference && c < num_columns;
    sums[c] = needs_sum ? sum_codes<Dot>(columns[c], in_features, *pairs_fit) : 0;
    panel_scales[c] = c < num_columns ? scales[c] : 0.0f;
  }
  const std::size_t whole = in_features / kGroup * kGroup;
  for (std::size_t i = 0; i < whole; i += kGroup) {
    for (std::size_t c = 0; c < num_columns; ++c) {
      __builtin_memcpy(to + c * kGroup, columns[c] + i, kGroup);
    }
    for (std::size_t c = num_columns * kGroup; c < kPanelWidth * kGroup; ++c) to[c] = 0;
    to += kPanelWidth * kGroup;
  }
  for (std::size_t i = whole; i < int8_padded(in_features); i += kGroup) {
    for (std::size_t c = 0; c < kPanelWidth; ++c) {
      for (std::size_t j = 0; j < kGroup; ++j) {
        const bool present = c < num_columns && i + j < in_features;
        *to++ = present ? columns[c][i + j] : std::int8_t{0};
      }
    }
  }
}

template <class Code>
struct Int8Tile {
  std::size_t rows;
  const Code* input;         // [rows, inputs]
  std::size_t input_stride;  // in codes
  const std::byte* panel;
  std::size_t num_groups;
  const std::int32_t* zeros;  // [rows]
  std::int32_t* sums;         // [rows, kPanelWidth], 64-byte aligned
};

// What is to be added: (code - zero) * weight = code * weight - zero * weight, modulo 2^32.
SEMBLANCE_INLINE IntVec zero_product(IntVec column_sum, std::int32_t zero) {
  return mul_int(column_sum, splat_int(-zero));
}

// The sums of a row block, to tile.sums. Alone in its function: what follows would take registers
// from the loop.
template <class Dot, std::size_t kRows>
inline void run_int8_tile(const Int8Tile<typename Dot::Code>& tile) noexcept {
  constexpr std::size_t kVecCodes = kLanes * Dot::kGroup;
  const std::size_t stride = tile.input_stride;
  const typename Dot::Code* input = tile.input;
  const auto* column_sums = reinterpret_cast<const std::int32_t*>(tile.panel);
  const auto* codes = reinterpret_cast<const std::int8_t*>(tile.panel + kInt8Header);
  IntVec sums[kRows][kPanelVecs];
  SEMBLANCE_UNROLL
  for (std::size_t v = 0; v < kPanelVecs; ++v) {
    const IntVec column_sum = load_int(column_sums + v * kLanes);
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      sums[r][v] =
          Dot::kShift == kDifference ? splat_int(0) : zero_product(column_sum, tile.zeros[r]);
    }
  }
  for (std::size_t group = 0; group < tile.num_groups; ++group) {
    typename Dot::Weights weight[kPanelVecs];
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) weight[v] = Dot::load(codes + v * kVecCodes);
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) Dot::add(sums[r], input + r * stride, weight);
    codes += kPanelVecs * kVecCodes;
    input += Dot::kGroup;
  }
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      store_int(tile.sums + r * kPanelWidth + v * kLanes, sums[r][v]);
    }
  }
}

// sum * (input_scale * weight_scale) + bias, or 0.
template <class Tiles>
struct ScaledSums {
  const std::int32_t* sums;  // [rows, kPanelWidth]
  const std::int32_t* zeros;
  const std::int32_t* column_sums;
  const float* input_scales;
  const float* weight_scales;
  const float* bias;

  // 16 columns, by row.
  struct Columns {
    IntVec column_sum;
    FloatVec weight_scale;
    FloatVec bias;
    const std::int32_t* sums;
    const std::int32_t* zeros;
    const float* input_scales;

    SEMBLANCE_INLINE FloatVec at(std::size_t row) const {
      IntVec sum = load_int(sums + row * kPanelWidth);
      if constexpr (!Tiles::kTakesZeros) sum = add_int(sum, zero_product(column_sum, zeros[row]));
      return fma(to_float(sum), mul(splat(input_scales[row]), weight_scale), bias);
    }
  };
  SEMBLANCE_INLINE Columns columns(std::size_t first) const {
    return {load_int(column_sums + first),
            load(weight_scales + first),
            bias == nullptr ? splat(0.0f) : load(bias + first),
            sums + first,
            zeros,
            input_scales};
  }
};

// As FloatTiles. A Session lives while its micro-kernels run on `rows` rows.
template <class Dot>
struct Int8Tiles {
  using Function = void (*)(const Int8Tile<typename Dot::Code>&) noexcept;
  static constexpr std::size_t kMostRows = kTileRows;
  static constexpr bool kTakesZeros = true;  // of the rows, in the sums
  // Rows whose codes stay in the second-level cache while the panels pass by.
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 18;

  struct Session {
    explicit Session(std::size_t /*rows*/) noexcept {}
  };

  template <std::size_t kRows = kMostRows>
  static Function function(std::size_t rows) noexcept {
    if constexpr (kRows > 1) {
      if (rows < kRows) return function<kRows - 1>(rows);
    }
    return run_int8_tile<Dot, kRows>;
  }
};

template <class Dot>
inline void linear_int8(const Int8LinearCall& call) noexcept {
  using Tiles = Int8Tiles<Dot>;
  if (call.rows == 0) return;
  const typename Tiles::Session session(call.rows);
  alignas(64) std::int32_t sums[Tiles::kMostRows * kPanelWidth];
  const std::size_t row_bytes = int8_row_bytes<Dot>(call.in_features);
  const std::size_t panel_bytes = int8_panel_bytes(call.in_features);
  std::size_t chunk_rows = Tiles::kChunkBytes / row_bytes / Tiles::kMostRows * Tiles::kMostRows;
  if (chunk_rows < 4 * Tiles::kMostRows) chunk_rows = 4 * Tiles::kMostRows;
  const std::size_t num_chunks = (call.rows + chunk_rows - 1) / chunk_rows;
  std::size_t first_row = 0;
  for (std::size_t chunk = 0; chunk < num_chunks; ++chunk) {
    const std::size_t end = call.rows * (chunk + 1) / num_chunks;
    const RowBlocks<Tiles> blocks(end - first_row);
    const RowBlocks<Int8Tiles<typename Dot::Any>> any_blocks(end - first_row);
    for (std::size_t column = call.first_column; column < call.last_column; column += kPanelWidth) {
      const std::size_t left = call.last_column - column;
      const std::byte* panel = call.packed_weight + column / kPanelWidth * panel_bytes;
      const auto* column_sums = reinterpret_cast<const std::int32_t*>(panel);
      const auto* weight_scales = reinterpret_cast<const float*>(column_sums + kPanelWidth);
      const bool pairs_fit =
          *reinterpret_cast<const std::int32_t*>(weight_scales + kPanelWidth) != 0;
      const auto low_tile = pairs_fit ? blocks.low_tile : any_blocks.low_tile;
      const auto high_tile = pairs_fit ? blocks.high_tile : any_blocks.high_tile;
      const float* bias = call.bias == nullptr ? nullptr : call.bias + column;
      Int8Tile<typename Dot::Code> tile;
      tile.input_stride = row_bytes / sizeof(typename Dot::Code);
      tile.panel = panel;
      tile.num_groups = int8_padded(call.in_features) / Dot::kGroup;
      tile.sums = sums;
      Epilogue epilogue{};
      epilogue.columns = left < kPanelWidth ? left : kPanelWidth;
      epilogue.activation = call.activation;
      epilogue.residual_stride = call.residual_stride;
      epilogue.output_stride = call.output_stride;
      std::size_t row = first_row;
      for (std::size_t block = 0; block < blocks.count; ++block) {
        tile.input = reinterpret_cast<const typename Dot::Code*>(
            static_cast<const std::byte*>(call.input) + row * row_bytes);
        tile.zeros = call.input_zeros + row;
        const bool is_high = block < blocks.num_high;
        tile.rows = blocks.low + (is_high ? 1 : 0);
        (is_high ? high_tile : low_tile)(tile);
        epilogue.residual = call.residual == nullptr
                                ? nullptr
                                : call.residual + row * call.residual_stride + column;
        epilogue.output = call.output + row * call.output_stride + column;
        finish_tile<Tiles::kMostRows>(
            epilogue,
            ScaledSums<Tiles>{sums, tile.zeros, column_sums, call.input_scales + row, weight_scales,
                              bias},
            tile.rows);
        row += tile.rows;
      }
    }
    first_row = end;
  }
}
