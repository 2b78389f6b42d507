// The Walsh-Hadamard transform across the pieces of a row: additions and subtractions alone.

template <std::size_t kPieces, class Load, class Store>
SEMBLANCE_INLINE void transform_column(const Load& load_piece, const Store& store_piece) noexcept {
  FloatVec x[kPieces];
  SEMBLANCE_UNROLL
  for (std::size_t k = 0; k < kPieces; ++k) x[k] = load_piece(k);
  SEMBLANCE_UNROLL
  for (std::size_t h = 1; h < kPieces; h *= 2) {
    SEMBLANCE_UNROLL
    for (std::size_t k = 0; k < kPieces; ++k) {
      if ((k & h) != 0) continue;
      const FloatVec sum = add(x[k], x[k + h]);
      x[k + h] = sub(x[k], x[k + h]);
      x[k] = sum;
    }
  }
  SEMBLANCE_UNROLL
  for (std::size_t k = 0; k < kPieces; ++k) store_piece(k, x[k]);
}

template <std::size_t kPieces>
inline void transform_pieces(const float* input, std::size_t count, float* output) noexcept {
  const std::size_t size = count / kPieces;
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    transform_column<kPieces>(
        [&](std::size_t k) { return load(input + k * size + i); },
        [&](std::size_t k, const FloatVec& x) { store(output + k * size + i, x); });
  }
  if (i == size) return;
  const std::size_t left = size - i;
  transform_column<kPieces>(
      [&](std::size_t k) { return load_partial(input + k * size + i, left); },
      [&](std::size_t k, const FloatVec& x) { store_partial(output + k * size + i, left, x); });
}

inline void hadamard(const float* input, std::size_t count, std::size_t pieces,
                     float* output) noexcept {
  switch (pieces) {
    case 2: return transform_pieces<2>(input, count, output);
    case 4: return transform_pieces<4>(input, count, output);
    case 8: return transform_pieces<8>(input, count, output);
    case 16: return transform_pieces<16>(input, count, output);
    default: return transform_pieces<1>(input, count, output);
  }
}
