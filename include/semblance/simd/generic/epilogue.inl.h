// What becomes of the sums of a product: bias, activation and residual are applied to a tile of
// kPanelWidth columns while it is still in the cache.

inline constexpr std::size_t kPanelWidth = kPanelVecs * kLanes;

// What becomes of the sums of a row block.
struct Epilogue {
  std::size_t columns;  // kPanelWidth, or less in the last panel
  const float* bias;    // of the first column, or null
  Activation activation;
  const float* residual;
  std::size_t residual_stride;
  float* output;
  std::size_t output_stride;
};

// Sums in memory, [rows, kPanelWidth], and the bias or null: what an activation is applied to.
struct FloatSums {
  static constexpr bool kBecomeCodes = false;

  const float* sums;
  const float* bias;

  // 16 columns, by row.
  struct Columns {
    FloatVec bias;
    const float* sums;
    bool has_bias;

    SEMBLANCE_INLINE FloatVec at(std::size_t row) const {
      const FloatVec value = load(sums + row * kPanelWidth);
      return has_bias ? add(value, bias) : value;
    }
  };
  SEMBLANCE_INLINE Columns columns(std::size_t first) const {
    const bool has_bias = bias != nullptr;
    return {has_bias ? load(bias + first) : splat(0.0f), sums + first, has_bias};
  }
};

// output = activation(sums + bias) + residual over a whole tile of sums in memory.
template <Activation kActivation, class Sums>
inline void finish_rows(const Epilogue& tile, const Sums& sums, std::size_t rows) noexcept {
  typename Sums::Columns columns[kPanelVecs];
  SEMBLANCE_UNROLL
  for (std::size_t v = 0; v < kPanelVecs; ++v) columns[v] = sums.columns(v * kLanes);
  const float* residual = tile.residual;
  float* output = tile.output;
  const std::size_t residual_stride = residual == nullptr ? 0 : tile.residual_stride;
  const std::size_t output_stride = tile.output_stride;
  for (std::size_t r = 0; r < rows; ++r) {
    SEMBLANCE_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      FloatVec value = activated<kActivation, Sums::kBecomeCodes>(columns[v].at(r));
      if (residual != nullptr) value = add(value, load(residual + v * kLanes));
      store(output + v * kLanes, value);
    }
    residual += residual_stride;
    output += output_stride;
  }
}

template <class Sums>
inline void finish_whole_tile(const Epilogue& tile, const Sums& sums, std::size_t rows) noexcept {
  switch (tile.activation) {
    case Activation::identity: return finish_rows<Activation::identity>(tile, sums, rows);
    case Activation::gelu: return finish_rows<Activation::gelu>(tile, sums, rows);
    case Activation::gelu_tanh: return finish_rows<Activation::gelu_tanh>(tile, sums, rows);
    case Activation::relu: return finish_rows<Activation::relu>(tile, sums, rows);
    case Activation::silu: return finish_rows<Activation::silu>(tile, sums, rows);
    case Activation::tanh: return finish_rows<Activation::tanh>(tile, sums, rows);
  }
}

SEMBLANCE_INLINE void copy_rows(const float* from, std::size_t from_stride, std::size_t rows,
                                std::size_t columns, float* to, std::size_t to_stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    __builtin_memcpy(to + r * to_stride, from + r * from_stride, columns * sizeof(float));
  }
}

// The last panel may have columns that do not exist; what belongs to it is then finished in a tile
// of its own. Masked stores would do, but take dozens of cycles each on AMD's AVX2.
template <std::size_t kMostRows, class Sums>
inline void finish_tile(const Epilogue& tile, const Sums& sums, std::size_t rows) noexcept {
  if (tile.columns == kPanelWidth) return finish_whole_tile(tile, sums, rows);
  alignas(64) float bias[kPanelWidth] = {};
  alignas(64) float values[kMostRows * kPanelWidth] = {};
  Epilogue whole = tile;
  Sums whole_sums = sums;
  if (sums.bias != nullptr) {
    copy_rows(sums.bias, 0, 1, tile.columns, bias, 0);
    whole_sums.bias = bias;
  }
  whole.output = values;
  whole.output_stride = kPanelWidth;
  if (tile.residual != nullptr) {
    copy_rows(tile.residual, tile.residual_stride, rows, tile.columns, values, kPanelWidth);
    whole.residual = values;
    whole.residual_stride = kPanelWidth;
  }
  finish_whole_tile(whole, whole_sums, rows);
  copy_rows(values, kPanelWidth, rows, tile.columns, tile.output, tile.output_stride);
}
