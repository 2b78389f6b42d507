// Products of 8-bit codes on packed weights, in exact 32-bit integers.
//
// The class Dot says how a target multiplies: kGroup is how many consecutive inputs one 32-bit lane
// takes at a time, kUnroll how many of these groups the inner loop takes, kTurnInputs how many
// inputs pass between one look at what to fetch and the next; add() adds the products of a group of
// one row to the sums of a panel. Where add() holds only for weights whose pairs fit (those of two
// neighbouring inputs: kMostPair), Dot::Any is the class that takes all others from the same codes;
// else it is Dot itself. A packed panel is
//   std::int32_t [kPanelWidth]                    sum of the column's codes
//   float [kPanelWidth]                           scales
//   std::int32_t [16]                             1 if all pairs fit, else 0; then zeros
//   std::int8_t [inputs / kGroup, kPanelWidth, kGroup]
// with the inputs padded with zeros to a multiple of 4.

inline constexpr std::size_t kInt8Header =
    kPanelWidth * (sizeof(std::int32_t) + sizeof(float)) + 16 * sizeof(std::int32_t);

inline std::size_t int8_padded(std::size_t in_features) noexcept {
  return (in_features + 3) / 4 * 4;
}
inline std::size_t int8_panel_bytes(std::size_t in_features) noexcept {
  return kInt8Header + kPanelWidth * int8_padded(in_features);
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
  Epilogue epilogue;          // of the sums
  const std::byte* ahead;     // weights to prefetch meanwhile
  std::size_t ahead_lines;    // cache lines of them a turn
};

// What is to be added: (code - zero) * weight = code * weight - zero * weight, modulo 2^32.
SEMBLANCE_INLINE IntVec zero_product(IntVec column_sum, std::int32_t zero) {
  return mul_int(column_sum, splat_int(-zero));
}

// sums[r][v] += input[r] * codes[v], a group of inputs from `first` on.
template <class Dot, std::size_t kRows>
SEMBLANCE_INLINE void add_group(RowCursor<kRows, typename Dot::Code>& input,
                                const std::int8_t* codes, std::size_t first,
                                IntVec (&sums)[kRows][kPanelVecs]) {
  input.forget();
  typename Dot::Weights weight[kPanelVecs];
  SEMBLANCE_UNROLL
  for (std::size_t v = 0; v < kPanelVecs; ++v) {
    weight[v] = Dot::load(codes + v * kLanes * Dot::kGroup);
  }
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) Dot::add(sums[r], input.at(r, first), weight);
}

// The sums of a row block, to tile.sums. Alone in its function: what follows would take registers
// from the loop.
template <class Dot, std::size_t kRows>
inline void run_int8_tile(const Int8Tile<typename Dot::Code>& tile) noexcept {
  constexpr std::size_t kGroupCodes = kPanelWidth * Dot::kGroup;
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
  RowCursor<kRows, typename Dot::Code> rows(tile.input, tile.input_stride);
  constexpr std::size_t kTurnGroups = Dot::kTurnInputs / Dot::kGroup;
  static_assert(kTurnGroups % Dot::kUnroll == 0);
  UpcomingLines ahead(tile.ahead, tile.ahead_lines);
  UpcomingRows upcoming(tile.epilogue, kRows);
  for (std::size_t turns = tile.num_groups / kTurnGroups; turns != 0; --turns) {
    ahead.fetch();
    upcoming.fetch_one();
    for (std::size_t left = kTurnGroups; left != 0; left -= Dot::kUnroll) {
      SEMBLANCE_UNROLL
      for (std::size_t step = 0; step < Dot::kUnroll; ++step) {
        add_group<Dot>(rows, codes + step * kGroupCodes, step * Dot::kGroup, sums);
      }
      rows.advance(Dot::kUnroll * Dot::kGroup);
      codes += Dot::kUnroll * kGroupCodes;
    }
  }
  for (std::size_t left = tile.num_groups % kTurnGroups; left != 0; --left) {
    add_group<Dot>(rows, codes, 0, sums);
    rows.advance(Dot::kGroup);
    codes += kGroupCodes;
  }
  SEMBLANCE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      store_int(tile.sums + r * kPanelWidth + v * kLanes, sums[r][v]);
    }
  }
}

// Sums that the zeros of the rows are in already.
struct TakenZeros {
  static SEMBLANCE_INLINE TakenZeros of(IntVec /*column_sum*/) { return {}; }
  SEMBLANCE_INLINE IntVec add_to(IntVec sum, std::int32_t /*zero*/) const { return sum; }
};

// sum * (input_scale * weight_scale) + bias, or 0, the sum with what Zeros adds.
template <class Zeros>
struct ScaledSums {
  static constexpr bool kBecomeCodes = true;

  const std::int32_t* sums;  // [rows, kPanelWidth]
  const std::int32_t* zeros;
  const std::int32_t* column_sums;
  const float* input_scales;
  const float* weight_scales;
  const float* bias;

  // 16 columns, by row.
  struct Columns {
    FloatVec weight_scale;
    FloatVec bias;
    const std::int32_t* sums;
    const std::int32_t* zeros;
    const float* input_scales;
    Zeros column_zeros;

    SEMBLANCE_INLINE FloatVec at(std::size_t row) const {
      const IntVec sum = column_zeros.add_to(load_int(sums + row * kPanelWidth), zeros[row]);
      return fma(to_float(sum), mul(splat(input_scales[row]), weight_scale), bias);
    }
  };
  SEMBLANCE_INLINE Columns columns(std::size_t first) const {
    return {load(weight_scales + first),
            bias == nullptr ? splat(0.0f) : load(bias + first),
            sums + first,
            zeros,
            input_scales,
            Zeros::of(load_int(column_sums + first))};
  }
};

// A row block whose sums are there, and what is to become of them.
template <std::size_t kMostRows, class Zeros>
struct PendingRows {
  Epilogue epilogue;
  ScaledSums<Zeros> sums;
  std::size_t count = 0;  // of rows that are not finished

  // Finishes the next `rows` of them.
  void finish(std::size_t rows) noexcept {
    finish_tile<kMostRows>(epilogue, sums, rows);
    if (epilogue.residual != nullptr) epilogue.residual += rows * epilogue.residual_stride;
    epilogue.output += rows * epilogue.output_stride;
    sums.sums += rows * kPanelWidth;
    sums.zeros += rows;
    sums.input_scales += rows;
    count -= rows;
  }
};

// As FloatTiles. A Session lives while its micro-kernels run on `rows` rows. run() may finish rows
// of the block before, or leave them.
template <class Dot>
struct Int8Tiles {
  using Tile = Int8Tile<typename Dot::Code>;
  using Function = void (*)(const Tile&) noexcept;
  static constexpr std::size_t kMostRows = kTileRows;
  static constexpr std::size_t kInputs = 1;  // come in whole multiples of so many
  using Pending = PendingRows<kMostRows, TakenZeros>;
  static constexpr bool kFinishesMeanwhile = false;
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
  static void run(Function tile_function, const Tile& tile, Pending& /*before*/) noexcept {
    tile_function(tile);
  }
};

// A call as it runs: chunk after chunk of the rows, through all panels each. A row block may be
// finished while the next one runs.
template <class Dot>
class Int8Product {
  using Tiles = Int8Tiles<Dot>;
  using AnyTiles = Int8Tiles<typename Dot::Any>;
  using Code = typename Dot::Code;

 public:
  explicit Int8Product(const Int8LinearCall& call) noexcept : call_(call), session_(call.rows) {}

  void run() noexcept {
    std::size_t chunk_rows = Tiles::kChunkBytes / row_bytes_ / Tiles::kMostRows * Tiles::kMostRows;
    if (chunk_rows < 4 * Tiles::kMostRows) chunk_rows = 4 * Tiles::kMostRows;
    const std::size_t num_chunks = (call_.rows + chunk_rows - 1) / chunk_rows;
    std::size_t row = 0;
    for (std::size_t chunk = 0; chunk < num_chunks; ++chunk) {
      const std::size_t end = chunk_end(call_.rows, chunk, num_chunks, Tiles::kMostRows);
      const RowBlocks<Tiles> blocks(end - row);
      const RowBlocks<AnyTiles> any_blocks(end - row);
      for (std::size_t column = call_.first_column; column < call_.last_column;
           column += kPanelWidth) {
        run_panel(blocks, any_blocks, row, column);
      }
      row = end;
    }
    if (pending_.count != 0) pending_.finish(pending_.count);
  }

 private:
  // The columns from `column` on, as many as a panel has, of the rows of a chunk.
  void run_panel(const RowBlocks<Tiles>& blocks, const RowBlocks<AnyTiles>& any_blocks,
                 std::size_t row, std::size_t column) noexcept {
    const std::size_t left = call_.last_column - column;
    const std::byte* panel = call_.packed_weight + column / kPanelWidth * panel_bytes_;
    const auto* column_sums = reinterpret_cast<const std::int32_t*>(panel);
    const auto* weight_scales = reinterpret_cast<const float*>(column_sums + kPanelWidth);
    const bool pairs_fit = *reinterpret_cast<const std::int32_t*>(weight_scales + kPanelWidth) != 0;
    const auto low_tile = pairs_fit ? blocks.low_tile : any_blocks.low_tile;
    const auto high_tile = pairs_fit ? blocks.high_tile : any_blocks.high_tile;
    typename Tiles::Tile tile;
    tile.input_stride = row_bytes_ / sizeof(Code);
    tile.panel = panel;
    tile.num_groups = int8_padded(call_.in_features) / Dot::kGroup;
    tile.ahead = left > kPanelWidth ? panel + panel_bytes_ : panel;
    constexpr std::size_t kLines = kPanelWidth * Dot::kTurnInputs / 64;
    const std::size_t lines_per_block = (kLines + blocks.count - 1) / blocks.count;
    std::size_t lines_left = left > kPanelWidth ? kLines : 0;
    for (std::size_t block = 0; block < blocks.count; ++block) {
      const bool is_high = block < blocks.num_high;
      tile.input = reinterpret_cast<const Code*>(static_cast<const std::byte*>(call_.input) +
                                                 row * row_bytes_);
      tile.zeros = call_.input_zeros + row;
      tile.rows = blocks.low + (is_high ? 1 : 0);
      tile.sums = sums_[num_blocks_++ % 2];
      tile.ahead_lines = lines_left < lines_per_block ? lines_left : lines_per_block;
      lines_left -= tile.ahead_lines;
      tile.epilogue = epilogue(row, column);
      Tiles::run(is_high ? high_tile : low_tile, tile, pending_);
      if (pending_.count != 0) pending_.finish(pending_.count);
      pending_.epilogue = tile.epilogue;
      pending_.sums = {.sums = tile.sums,
                       .zeros = tile.zeros,
                       .column_sums = column_sums,
                       .input_scales = call_.input_scales + row,
                       .weight_scales = weight_scales,
                       .bias = call_.bias == nullptr ? nullptr : call_.bias + column};
      pending_.count = tile.rows;
      if (!Tiles::kFinishesMeanwhile) pending_.finish(pending_.count);
      row += tile.rows;
      tile.ahead += tile.ahead_lines * 64 * (tile.num_groups * Dot::kGroup / Dot::kTurnInputs);
    }
  }

  // The bias comes with the sums.
  Epilogue epilogue(std::size_t row, std::size_t column) const noexcept {
    const std::size_t left = call_.last_column - column;
    return {.columns = left < kPanelWidth ? left : kPanelWidth,
            .bias = nullptr,
            .activation = call_.activation,
            .residual = call_.residual == nullptr
                            ? nullptr
                            : call_.residual + row * call_.residual_stride + column,
            .residual_stride = call_.residual_stride,
            .output = call_.output + row * call_.output_stride + column,
            .output_stride = call_.output_stride};
  }

  const Int8LinearCall& call_;
  const typename Tiles::Session session_;
  const std::size_t row_bytes_ = int8_row_bytes<Dot>(call_.in_features);
  const std::size_t panel_bytes_ = int8_panel_bytes(call_.in_features);
  // Of the row block that runs and the one before.
  alignas(64) std::int32_t sums_[2][Tiles::kMostRows * kPanelWidth];
  std::size_t num_blocks_ = 0;
  typename Tiles::Pending pending_;
};

template <class Dot>
inline void linear_int8(const Int8LinearCall& call) noexcept {
  if (call.rows != 0) Int8Product<Dot>(call).run();
}
