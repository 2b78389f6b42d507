#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "semblance/search/metric.h"
#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance::detail {

// Rows of this many bytes together stay in a core's second-level cache while queries pass over
// them.
inline constexpr std::size_t kBlockBytes = std::size_t{128} << 10;

inline std::size_t rows_per_block(std::size_t row_bytes) noexcept {
  return std::clamp<std::size_t>(kBlockBytes / std::max<std::size_t>(row_bytes, 1), 16, 4096);
}

// Rows of a tile of the upper triangle of a table of all pairs of rows.
inline constexpr std::size_t kTileRows = 64;

// Calls visit(i, first, scores) for the rows i of tile `tile` and blocks of rows after i, where
// scores[j] belongs to the pair (i, first + j).
template <class Visit>
void scan_upper_triangle(MatrixView<const float> rows, const std::vector<double>& norms,
                         Metric metric, std::size_t tile_rows, std::size_t tile, Visit&& visit) {
  const std::size_t begin = tile * tile_rows;
  const std::size_t end = std::min(begin + tile_rows, rows.rows);
  const std::size_t block = rows_per_block(rows.cols * sizeof(float));
  const RowScorer scorer(metric, rows.rows_from(begin, end - begin));
  std::vector<float> scores((end - begin) * block);
  for (std::size_t block_begin = begin + 1; block_begin < rows.rows; block_begin += block) {
    const std::size_t count = std::min(block, rows.rows - block_begin);
    const MatrixView<float> table(scores.data(), end - begin, count);
    scorer.score_rows(0, rows.rows_from(block_begin, count),
                      norms.empty() ? nullptr : norms.data() + block_begin, table);
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t first = std::max(block_begin, i + 1);
      if (first >= block_begin + count) break;
      visit(i, first,
            std::span<const float>(table.row_span(i - begin)).subspan(first - block_begin));
    }
  }
}

}  // namespace semblance::detail
