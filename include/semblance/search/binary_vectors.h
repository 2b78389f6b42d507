#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/moved_count.h"
#include "semblance/search/best_hits.h"
#include "semblance/search/block_scan.h"
#include "semblance/search/row_blocks.h"
#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Rows in a bit a dimension: 1 where the component is above 0, as numpy.packbits(rows > 0) lays
// them out (the first dimension is the highest bit of the first byte), each row padded with zero
// bits to 8 bytes.
class BinaryVectors {
 public:
  //   rows [num_rows, size]
  explicit BinaryVectors(MatrixView<const float> rows);

  std::size_t num_rows() const noexcept { return num_rows_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t words_per_row() const noexcept { return (size_ + 63) / 64; }
  std::span<const std::uint64_t> words(std::size_t row) const noexcept {
    return {words_.data() + row * words_per_row(), words_per_row()};
  }
  // [ceil(size / 8)]
  std::span<const std::byte> bytes(std::size_t row) const noexcept {
    return std::as_bytes(words(row)).first((size_ + 7) / 8);
  }

 private:
  MovedCount num_rows_;
  std::size_t size_;
  std::vector<std::uint64_t> words_;  // [num_rows, words_per_row]
};

// Bits that differ.
std::size_t hamming_distance(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b);

// The k best rows for each query by 1 - 2 hamming / size, which is the cosine of the vectors of
// signs. Order and ties as in TopKSearch. Throws std::invalid_argument when the sizes differ.
std::vector<std::vector<Hit>> top_k(const BinaryVectors& queries, const BinaryVectors& rows,
                                    std::size_t k, Executor* executor = nullptr);

namespace detail {

// Bits set. Where the build may use no popcnt instruction, std::popcount is a call into a table;
// where it may, compilers see through this.
constexpr std::uint64_t count_bits(std::uint64_t x) noexcept {
  x -= (x >> 1) & 0x5555555555555555;
  x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
  x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F;
  return (x * 0x0101010101010101) >> 56;
}

inline std::size_t hamming(const std::uint64_t* a, const std::uint64_t* b,
                           std::size_t num_words) noexcept {
  std::size_t distance = 0;
  for (std::size_t i = 0; i < num_words; ++i) {
    distance += static_cast<std::size_t>(count_bits(a[i] ^ b[i]));
  }
  return distance;
}

class BinaryScore {
 public:
  BinaryScore(const BinaryVectors& queries, const BinaryVectors& rows)
      : queries_(&queries), rows_(&rows) {}

  void operator()(std::size_t query, std::size_t first, std::span<float> scores) const noexcept {
    const std::uint64_t* words = queries_->words(query).data();
    const auto size = static_cast<double>(rows_->size());
    for (std::size_t r = 0; r < scores.size(); ++r) {
      const std::size_t distance =
          hamming(words, rows_->words(first + r).data(), rows_->words_per_row());
      scores[r] = size == 0.0
                      ? 0.0f
                      : static_cast<float>((size - 2.0 * static_cast<double>(distance)) / size);
    }
  }

 private:
  const BinaryVectors* queries_;
  const BinaryVectors* rows_;
};

}  // namespace detail

inline BinaryVectors::BinaryVectors(MatrixView<const float> rows)
    : num_rows_(rows.rows), size_(rows.cols), words_(rows.rows * words_per_row()) {
  std::vector<unsigned char> packed(words_per_row() * sizeof(std::uint64_t));
  for (std::size_t r = 0; r < rows.rows && size_ != 0; ++r) {
    std::fill(packed.begin(), packed.end(), static_cast<unsigned char>(0));
    const float* values = rows.row(r);
    for (std::size_t i = 0; i < size_; ++i) {
      if (values[i] > 0.0f) packed[i / 8] |= static_cast<unsigned char>(0x80 >> (i % 8));
    }
    std::memcpy(words_.data() + r * words_per_row(), packed.data(), packed.size());
  }
}

inline std::size_t hamming_distance(std::span<const std::uint64_t> a,
                                    std::span<const std::uint64_t> b) {
  detail::require_same_size(a.size(), b.size());
  return detail::hamming(a.data(), b.data(), a.size());
}

inline std::vector<std::vector<Hit>> top_k(const BinaryVectors& queries, const BinaryVectors& rows,
                                           std::size_t k, Executor* executor) {
  if (queries.num_rows() != 0 && rows.num_rows() != 0) {
    detail::require_same_size(queries.size(), rows.size());
  }
  std::vector<BestHits> best(queries.num_rows(), BestHits(k));
  const ScanExtent extent{
      .num_rows = rows.num_rows(),
      .block_rows = detail::rows_per_block(rows.words_per_row() * sizeof(std::uint64_t))};
  scan_blocks(extent, detail::QueryByQuery(detail::BinaryScore(queries, rows)), best, k, executor);
  return sorted_hits(best);
}

}  // namespace semblance
