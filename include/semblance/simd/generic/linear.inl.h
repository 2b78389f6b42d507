// Products on packed weights: kTileRows rows by one panel of kPanelVecs * 16 columns at a time.

// The types that weights are kept in. All are widened exactly before they are multiplied.
struct Float32 {
  using Element = float;
  static SEMBLANCE_INLINE FloatVec widen(const float* from) { return load(from); }
};
struct Float16 {
  using Element = std::uint16_t;
  static SEMBLANCE_INLINE FloatVec widen(const std::uint16_t* from) { return widen_float16(from); }
  static SEMBLANCE_INLINE std::uint16_t narrow(float value) {
    return scalar::narrow_float16(value);
  }
};
struct BFloat16 {
  using Element = std::uint16_t;
  static SEMBLANCE_INLINE FloatVec widen(const std::uint16_t* from) { return widen_bfloat16(from); }
  static SEMBLANCE_INLINE std::uint16_t narrow(float value) {
    return scalar::narrow_bfloat16(value);
  }
};

// Columns of a panel, inputs [strip, strip + inputs) of them.
template <bool kStreaming>
inline void transpose_strip(const float* weight, std::size_t out_features, std::size_t in_features,
                            std::size_t panel, std::size_t strip, std::size_t inputs,
                            float* to) noexcept {
  for (std::size_t column = 0; column < kPanelWidth; column += kLanes) {
    const std::size_t first = panel * kPanelWidth + column;
    const std::size_t count = first >= out_features ? 0 : out_features - first;
    transpose_rows<kStreaming>(weight + (count == 0 ? 0 : first * in_features) + strip, in_features,
                               count < kLanes ? count : kLanes, inputs, to + column, kPanelWidth);
  }
}

inline constexpr std::size_t kStrip = 64;  // inputs at a time, so that a panel is written in order

inline void pack_weight(const float* weight, std::size_t out_features, std::size_t in_features,
                        std::size_t first_panel, std::size_t last_panel, float* packed) noexcept {
  for (std::size_t panel = first_panel; panel < last_panel; ++panel) {
    float* to = packed + panel * kPanelWidth * in_features;
    for (std::size_t strip = 0; strip < in_features; strip += kStrip) {
      const std::size_t inputs = in_features - strip < kStrip ? in_features - strip : kStrip;
      transpose_strip<true>(weight, out_features, in_features, panel, strip, inputs,
                            to + strip * kPanelWidth);
    }
  }
  finish_streaming();
}

template <class Weight>
inline void pack_half(const float* weight, std::size_t out_features, std::size_t in_features,
                      std::size_t first_panel, std::size_t last_panel,
                      std::uint16_t* packed) noexcept {
  alignas(64) float transposed[kStrip * kPanelWidth];
  for (std::size_t panel = first_panel; panel < last_panel; ++panel) {
    std::uint16_t* to = packed + panel * kPanelWidth * in_features;
    for (std::size_t strip = 0; strip < in_features; strip += kStrip) {
      const std::size_t inputs = in_features - strip < kStrip ? in_features - strip : kStrip;
      transpose_strip<false>(weight, out_features, in_features, panel, strip, inputs, transposed);
      for (std::size_t i = 0; i < inputs * kPanelWidth; ++i) {
        to[strip * kPanelWidth + i] = Weight::narrow(transposed[i]);
      }
    }
  }
}

// Steps of k from one visit of a row block to the next. Sums wait in memory in between, unrounded.
// A piece of the panel this deep is taken from the second-level cache again for each row block. Few
// row blocks wait for memory: smaller pieces of two panels in turn make a steadier stream, and each
// of them stays in the first-level cache with the activations that it meets.
inline constexpr std::size_t kFewBlocks = 3;
inline constexpr std::size_t kShallow = 4096 / kPanelWidth;
inline constexpr std::size_t kDeep = 768;

// Rows whose activations stay in the second-level cache while the panels pass by.
inline constexpr std::size_t kChunkBytes = std::size_t{1} << 19;
inline constexpr std::size_t kMaxChunkRows = 336 / kTileRows * kTileRows;

// One visit of a row block: everything a micro-kernel and its epilogue need.
template <class Weight>
struct Tile : Epilogue {
  using Element = typename Weight::Element;

  const float* input;  // [rows, k]
  std::size_t input_stride;
  const Element* panel;  // [k, kPanelWidth]
  std::size_t k;
  bool first;  // of the visits that make the sums
  bool last;
  float* partial;           // [rows, kPanelWidth], the sums between visits
  const std::byte* ahead;   // weights to prefetch meanwhile
  std::size_t ahead_lines;  // cache lines of them a turn
};

// The lines that a micro-kernel fetches in each of its turns.
class FetchMeanwhile {
 public:
  template <class Weight>
  SEMBLANCE_INLINE FetchMeanwhile(const Tile<Weight>& tile, std::size_t rows)
      : weights_(tile.ahead, tile.ahead_lines), rows_(tile, tile.last ? rows : 0) {}
  SEMBLANCE_INLINE void step() {
    weights_.fetch();
    rows_.fetch_one();
  }

 private:
  UpcomingLines weights_;
  UpcomingRows rows_;
};
struct NothingMeanwhile {
  SEMBLANCE_INLINE void step() {}
};

template <std::size_t kRows>
SEMBLANCE_INLINE void clear(FloatVec (&sums)[kRows][kPanelVecs]) {
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) sums[r][v] = splat(0.0f);
  }
}

template <std::size_t kRows>
SEMBLANCE_INLINE void load_sums(const float* from, std::size_t stride,
                                FloatVec (&sums)[kRows][kPanelVecs]) {
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) sums[r][v] = load(from + r * stride + v * kLanes);
  }
}

template <std::size_t kRows>
SEMBLANCE_INLINE void store_sums(float* to, std::size_t stride,
                                 const FloatVec (&sums)[kRows][kPanelVecs]) {
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) store(to + r * stride + v * kLanes, sums[r][v]);
  }
}

// sums[r][v] += input[r] * panel[v], one fma.
template <class Weight, std::size_t kRows>
SEMBLANCE_INLINE void accumulate_step(RowCursor<kRows, float>& input, std::size_t step,
                                      const typename Weight::Element* panel,
                                      FloatVec (&sums)[kRows][kPanelVecs]) {
  input.forget();
  FloatVec weight[kPanelVecs];
  SEMBLANCE_UNROLL
  for (std::size_t v = 0; v < kPanelVecs; ++v) {
    weight[v] = Weight::widen(panel + step * kPanelWidth + v * kLanes);
  }
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVec value = splat(*input.at(r, step));
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) add_product(sums[r][v], value, weight[v]);
  }
}

// The fma chain along k, continued from `sums`.
template <std::size_t kRows, class Weight = Float32, class Meanwhile = NothingMeanwhile>
SEMBLANCE_INLINE void accumulate(const float* input, std::size_t input_stride,
                                 const typename Weight::Element* panel, std::size_t k,
                                 FloatVec (&sums)[kRows][kPanelVecs], Meanwhile meanwhile = {}) {
  RowCursor<kRows, float> rows(input, input_stride);
  for (std::size_t turns = k / kSteps; turns != 0; --turns) {
    meanwhile.step();
    SEMBLANCE_UNROLL
    for (std::size_t step = 0; step < kSteps; ++step) {
      accumulate_step<Weight, kRows>(rows, step, panel, sums);
    }
    rows.advance(kSteps);
    panel += kSteps * kPanelWidth;
  }
  for (std::size_t left = k % kSteps; left != 0; --left) {
    accumulate_step<Weight, kRows>(rows, 0, panel, sums);
    rows.advance(1);
    panel += kPanelWidth;
  }
}

template <class Weight, std::size_t kRows>
inline void run_tile(const Tile<Weight>& tile) noexcept {
  FloatVec sums[kRows][kPanelVecs];
  if (tile.first) {
    clear<kRows>(sums);
  } else {
    load_sums<kRows>(tile.partial, kPanelWidth, sums);
  }
  accumulate<kRows, Weight>(tile.input, tile.input_stride, tile.panel, tile.k, sums,
                            FetchMeanwhile(tile, kRows));
  if (!tile.last) return store_sums<kRows>(tile.partial, kPanelWidth, sums);
  if (tile.activation == Activation::identity && tile.columns == kPanelWidth) {
    if (tile.bias != nullptr) {
      SEMBLANCE_UNROLL
      for (std::size_t v = 0; v < kPanelVecs; ++v) {
        const FloatVec bias = load(tile.bias + v * kLanes);
        SEMBLANCE_UNROLL
        for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = add(sums[r][v], bias);
      }
    }
    if (tile.residual != nullptr) {
      SEMBLANCE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const float* residual = tile.residual + r * tile.residual_stride;
        SEMBLANCE_UNROLL
        for (std::size_t v = 0; v < kPanelVecs; ++v) {
          sums[r][v] = add(sums[r][v], load(residual + v * kLanes));
        }
      }
    }
    return store_sums<kRows>(tile.output, tile.output_stride, sums);
  }
  store_sums<kRows>(tile.partial, kPanelWidth, sums);
  finish_tile<kRows>(tile, FloatSums{tile.partial, tile.bias}, kRows);
}

// The micro-kernel for each height, from 1 to kMostRows.
template <class Weight>
struct FloatTiles {
  using Function = void (*)(const Tile<Weight>&) noexcept;
  static constexpr std::size_t kMostRows = kTileRows;

  template <std::size_t kRows = kMostRows>
  static Function function(std::size_t rows) noexcept {
    if constexpr (kRows > 1) {
      if (rows < kRows) return function<kRows - 1>(rows);
    }
    return run_tile<Weight, kRows>;
  }
};

// Row blocks of nearly equal height: the first `num_high` have one row more than `low`.
template <class Tiles>
struct RowBlocks {
  std::size_t count;
  std::size_t low;
  std::size_t num_high;
  typename Tiles::Function low_tile;
  typename Tiles::Function high_tile;

  explicit RowBlocks(std::size_t rows)
      : count((rows + Tiles::kMostRows - 1) / Tiles::kMostRows),
        low(rows / count),
        num_high(rows % count),
        low_tile(Tiles::function(low)),
        high_tile(Tiles::function(low + (num_high != 0 ? 1 : 0))) {}
};

// Where one of nearly equal chunks of rows ends. All but the last are whole blocks, and where
// chunks may hold four blocks, the last is more than one too.
inline std::size_t chunk_end(std::size_t rows, std::size_t chunk, std::size_t num_chunks,
                             std::size_t block) noexcept {
  const std::size_t end = rows * (chunk + 1) / num_chunks + block - 1;
  return chunk + 1 == num_chunks ? rows : end - end % block;
}

// Rows [first_row, first_row + rows) of the columns of `num_panels` panels from first_column on.
//   partial [num_panels, blocks, kTileRows, kPanelWidth]
template <class Weight>
inline void linear_panels(const LinearCall& call, const RowBlocks<FloatTiles<Weight>>& blocks,
                          std::size_t first_row, std::size_t first_column, std::size_t num_panels,
                          float* partial) noexcept {
  using Element = typename Weight::Element;
  constexpr std::size_t kTurnLines = kSteps * kPanelWidth * sizeof(Element) / 64;
  const std::size_t depth = blocks.count <= kFewBlocks ? kShallow : kDeep;
  const std::size_t lines_per_block = (kTurnLines + blocks.count - 1) / blocks.count;
  const std::size_t panel_size = kPanelWidth * call.in_features;
  const Element* panels =
      static_cast<const Element*>(call.packed_weight) + first_column * call.in_features;
  const bool is_end = first_column + num_panels * kPanelWidth >= call.last_column;
  std::size_t done = 0;
  do {
    Tile<Weight> tile;
    tile.k = call.in_features - done < depth ? call.in_features - done : depth;
    tile.first = done == 0;
    tile.last = done + tile.k == call.in_features;
    for (std::size_t p = 0; p < num_panels; ++p) {
      const std::size_t column = first_column + p * kPanelWidth;
      const std::size_t left = call.last_column - column;
      tile.panel = panels + p * panel_size + done * kPanelWidth;
      const Element* next = is_end ? tile.panel : panels + num_panels * panel_size;
      if (p + 1 < num_panels) {
        next = tile.panel + panel_size;
      } else if (!tile.last) {
        next = panels + (done + tile.k) * kPanelWidth;
      }
      tile.ahead = reinterpret_cast<const std::byte*>(next);
      std::size_t lines_left = next == tile.panel ? 0 : kTurnLines;
      std::size_t row = first_row;
      for (std::size_t block = 0; block < blocks.count; ++block) {
        tile.ahead_lines = lines_left < lines_per_block ? lines_left : lines_per_block;
        lines_left -= tile.ahead_lines;
        tile.input = call.input + row * call.input_stride + done;
        tile.input_stride = call.input_stride;
        tile.partial = partial + (p * blocks.count + block) * kTileRows * kPanelWidth;
        tile.columns = left < kPanelWidth ? left : kPanelWidth;
        tile.bias = call.bias == nullptr ? nullptr : call.bias + column;
        tile.activation = call.activation;
        tile.residual = call.residual == nullptr
                            ? nullptr
                            : call.residual + row * call.residual_stride + column;
        tile.residual_stride = call.residual_stride;
        tile.output = call.output + row * call.output_stride + column;
        tile.output_stride = call.output_stride;
        const bool is_high = block < blocks.num_high;
        (is_high ? blocks.high_tile : blocks.low_tile)(tile);
        row += blocks.low + (is_high ? 1 : 0);
        tile.ahead += tile.ahead_lines * (tile.k / kSteps) * 64;
      }
    }
    done += tile.k;
  } while (done < call.in_features);
}

template <class Weight>
inline void linear(const LinearCall& call) noexcept {
  if (call.rows == 0) return;
  alignas(64) float partial[kMaxChunkRows * kPanelWidth];
  const std::size_t row_bytes = (call.in_features + 1) * sizeof(float);
  std::size_t chunk_rows = kChunkBytes / row_bytes / kTileRows * kTileRows;
  if (chunk_rows < 4 * kTileRows) chunk_rows = 4 * kTileRows;
  if (chunk_rows > kMaxChunkRows) chunk_rows = kMaxChunkRows;
  const std::size_t num_chunks = (call.rows + chunk_rows - 1) / chunk_rows;
  std::size_t row = 0;
  for (std::size_t chunk = 0; chunk < num_chunks; ++chunk) {
    const std::size_t end = chunk_end(call.rows, chunk, num_chunks, kTileRows);
    const RowBlocks<FloatTiles<Weight>> blocks(end - row);
    const std::size_t group = blocks.count <= kFewBlocks ? 2 : 1;
    std::size_t column = call.first_column;
    while (column < call.last_column) {
      const std::size_t columns = call.last_column - column;
      const std::size_t panels_left = (columns + kPanelWidth - 1) / kPanelWidth;
      const std::size_t num_panels = panels_left < group ? panels_left : group;
      linear_panels<Weight>(call, blocks, row, column, num_panels, partial);
      column += num_panels * kPanelWidth;
    }
    row = end;
  }
}
