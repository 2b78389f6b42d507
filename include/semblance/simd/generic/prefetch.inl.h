// What is fetched into the caches while a micro-kernel runs. A little at a time: each line that is
// on its way takes one of the few places where the loads of the kernel wait for theirs.

// Weights, into the second level, so many lines a turn. Where there are none, one line over and
// over: what a turn does besides multiplying counts where another thread shares the core, and this
// is the least.
class UpcomingLines {
 public:
  SEMBLANCE_INLINE UpcomingLines(const std::byte* from, std::size_t lines)
      : from_(from), stride_(lines == 0 ? 0 : 64), lines_(lines == 0 ? 1 : lines) {}

  SEMBLANCE_INLINE void fetch() {
    std::size_t left = lines_;
    do {
      __builtin_prefetch(from_, 0, 2);
      from_ += stride_;
    } while (--left != 0);
  }

 private:
  const std::byte* from_;
  std::size_t stride_;
  std::size_t lines_;
};

SEMBLANCE_INLINE void prefetch_row(const float* row, std::size_t size) {
  for (std::size_t i = 0; i < size; i += 64 / sizeof(float)) __builtin_prefetch(row + i, 0, 3);
}

// Where the rows of a tile go, and where the residual mostly stands too. Stores that miss take the
// same places, all those of a tile at once.
class UpcomingRows {
 public:
  SEMBLANCE_INLINE UpcomingRows(const Epilogue& tile, std::size_t rows)
      : output_(tile.output), stride_(tile.output_stride), rows_(rows) {}

  SEMBLANCE_INLINE void fetch_one() {
    if (rows_ == 0) return;
    --rows_;
    prefetch_row(output_, kPanelWidth);
    output_ += stride_;
  }

 private:
  const float* output_;
  std::size_t stride_;
  std::size_t rows_;
};
