#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "semblance/search/best_hits.h"
#include "semblance/search/metric.h"
#include "semblance/search/similarity.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Scores the rows that a coarse search found anew with the float32 rows, which may lie in a mapped
// file: only the rows named in `found` are read. The k best for each query, best first, with the
// bits of similarity(query, row, metric).
//   queries [num_queries, size]
//   rows    [num_rows, size]
//   found   [num_queries], row numbers below num_rows
// Throws std::invalid_argument when a size, a count or a row number does not fit.
std::vector<std::vector<Hit>> rescore(MatrixView<const float> queries, MatrixView<const float> rows,
                                      const std::vector<std::vector<Hit>>& found, std::size_t k,
                                      Metric metric = Metric::cosine);

inline std::vector<std::vector<Hit>> rescore(MatrixView<const float> queries,
                                             MatrixView<const float> rows,
                                             const std::vector<std::vector<Hit>>& found,
                                             std::size_t k, Metric metric) {
  if (found.size() != queries.rows) {
    throw std::invalid_argument("rescore: hits of " + std::to_string(found.size()) +
                                " queries for " + std::to_string(queries.rows));
  }
  if (queries.rows != 0 && rows.rows != 0 && queries.cols != rows.cols) {
    throw std::invalid_argument("rescore: queries of " + std::to_string(queries.cols) +
                                " values for rows of " + std::to_string(rows.cols));
  }
  std::vector<BestHits> best(queries.rows, BestHits(k));
  for (std::size_t q = 0; q < queries.rows; ++q) {
    for (const Hit& hit : found[q]) {
      if (hit.row >= rows.rows) {
        throw std::invalid_argument("rescore: row " + std::to_string(hit.row) + " of " +
                                    std::to_string(rows.rows));
      }
      best[q].add({hit.row, similarity(queries.row_span(q), rows.row_span(hit.row), metric)});
    }
  }
  return sorted_hits(best);
}

}  // namespace semblance
