// Sums over pairs of vectors: products and differences, of one pair or of each row of one matrix
// with each of another. A pair's sum is an fma or an addition per lane, then the tree over the
// lanes, whatever stands beside it.

// kOnce: b is loaded for this sum alone. An fma then takes it from memory itself, which the
// assembly of add_product() cannot, and memory is read at a higher rate.
struct Product {
  template <bool kOnce>
  static SEMBLANCE_INLINE void accumulate(FloatVec& sum, FloatVec a, FloatVec b) {
    if constexpr (kOnce) {
      sum = fma(a, b, sum);
    } else {
      add_product(sum, a, b);
    }
  }
};
struct SquaredDifference {
  template <bool kOnce>
  static SEMBLANCE_INLINE void accumulate(FloatVec& sum, FloatVec a, FloatVec b) {
    const FloatVec difference = sub(a, b);
    add_product(sum, difference, difference);
  }
};
struct AbsoluteDifference {
  template <bool kOnce>
  static SEMBLANCE_INLINE void accumulate(FloatVec& sum, FloatVec a, FloatVec b) {
    sum = add(sum, abs(sub(a, b)));
  }
};

template <class Pair>
inline float pair_sum(const float* a, const float* b, std::size_t count) noexcept {
  FloatVec sum = splat(0.0f);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    Pair::template accumulate<true>(sum, load(a + i), load(b + i));
  if (i < count) {
    Pair::template accumulate<true>(sum, load_partial(a + i, count - i),
                                    load_partial(b + i, count - i));
  }
  return reduce_sum(sum);
}

// Values: half a microsecond of one core's memory, and rows that stay in the first-level cache
// while the queries pass by.
inline constexpr std::size_t kRowsAhead = 4096;

// kQueries queries with kRows rows side by side: each value that is loaded is used more than once,
// and memory has several streams to deliver.
template <class Pair, std::size_t kQueries, std::size_t kRows>
class PairSums {
 public:
  SEMBLANCE_INLINE PairSums() {
    SEMBLANCE_UNROLL
    for (std::size_t q = 0; q < kQueries; ++q) {
      SEMBLANCE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) sums_[q][r] = splat(0.0f);
    }
  }

  // Lanes from `queries` and `rows` on; load_lanes is load() or takes a part of them.
  template <class Load>
  SEMBLANCE_INLINE void add(const float* queries, std::size_t query_stride, const float* rows,
                            std::size_t row_stride, Load load_lanes) {
    FloatVec values[kQueries];
    SEMBLANCE_UNROLL
    for (std::size_t q = 0; q < kQueries; ++q) values[q] = load_lanes(queries + q * query_stride);
    SEMBLANCE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const FloatVec value = load_lanes(rows + r * row_stride);
      SEMBLANCE_UNROLL
      for (std::size_t q = 0; q < kQueries; ++q) {
        Pair::template accumulate<kQueries == 1>(sums_[q][r], values[q], value);
      }
    }
  }

  SEMBLANCE_INLINE void store_totals(float* to, std::size_t stride) const {
    SEMBLANCE_UNROLL
    for (std::size_t q = 0; q < kQueries; ++q) {
      SEMBLANCE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) to[q * stride + r] = reduce_sum(sums_[q][r]);
    }
  }

 private:
  FloatVec sums_[kQueries][kRows];
};

struct LoadAll {
  SEMBLANCE_INLINE FloatVec operator()(const float* from) const { return load(from); }
};
struct LoadFirst {
  std::size_t count;
  SEMBLANCE_INLINE FloatVec operator()(const float* from) const {
    return load_partial(from, count);
  }
};

// Some hardware prefetchers make little of short streams; with kFetch all rows are asked for in the
// order of memory.
template <class Pair, std::size_t kQueries, std::size_t kRows, bool kFetch>
inline void table_tile(const RowTableCall& call, std::size_t query, std::size_t row) noexcept {
  const float* queries = call.queries + query * call.query_stride;
  const float* rows = call.rows + row * call.row_stride;
  const float* ahead = rows + kRowsAhead;
  PairSums<Pair, kQueries, kRows> sums;
  std::size_t left = call.size;
  for (; left >= kLanes; left -= kLanes) {
    if constexpr (kFetch) {
      prefetch_row(ahead, kRows * kLanes);
      ahead += kRows * kLanes;
    }
    sums.add(queries, call.query_stride, rows, call.row_stride, LoadAll{});
    queries += kLanes;
    rows += kLanes;
  }
  if (left != 0) sums.add(queries, call.query_stride, rows, call.row_stride, LoadFirst{left});
  sums.store_totals(call.results + query * call.result_stride + row, call.result_stride);
}

// Rows [first_row, last_row) of the results of kQueries queries.
template <class Pair, std::size_t kQueries, std::size_t kRows, bool kFetch>
inline void table_strip(const RowTableCall& call, std::size_t query, std::size_t first_row,
                        std::size_t last_row) noexcept {
  std::size_t row = first_row;
  for (; row + kRows <= last_row; row += kRows) {
    table_tile<Pair, kQueries, kRows, kFetch>(call, query, row);
  }
  for (; row < last_row; ++row) table_tile<Pair, kQueries, 1, false>(call, query, row);
}

// One query, at the speed of memory. What takes more than an fma a value is read faster row after
// row.
template <class Pair>
inline void row_sums(const RowTableCall& call) noexcept {
  if constexpr (std::is_same_v<Pair, Product>) {
    table_strip<Pair, 1, 4, true>(call, 0, 0, call.num_rows);
  } else {
    for (std::size_t r = 0; r < call.num_rows; ++r) {
      call.results[r] = pair_sum<Pair>(call.queries, call.rows + r * call.row_stride, call.size);
    }
  }
}

template <class Pair>
inline void row_table(const RowTableCall& call) noexcept {
  if (call.num_queries == 0) return;
  if (call.num_queries == 1) return row_sums<Pair>(call);
  const std::size_t rows_ahead = call.size == 0 ? kRowsAhead : kRowsAhead / call.size;
  const std::size_t group = (rows_ahead / kTableRows + 1) * kTableRows;
  for (std::size_t first = 0; first < call.num_rows; first += group) {
    const std::size_t last = call.num_rows - first < group ? call.num_rows : first + group;
    table_strip<Pair, 2, kTableRows, true>(call, 0, first, last);
    std::size_t query = 2;
    for (; query + 2 <= call.num_queries; query += 2) {
      table_strip<Pair, 2, kTableRows, false>(call, query, first, last);
    }
    if (query < call.num_queries) table_strip<Pair, 1, 4, false>(call, query, first, last);
  }
}
