#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/search/best_hits.h"
#include "semblance/search/metric.h"
#include "semblance/search/row_blocks.h"
#include "semblance/search/row_scores.h"
#include "semblance/tensor/tensor.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

struct CommunityDetectionOptions {
  float threshold = 0.75f;  // least cosine between a member and the centre
  std::size_t min_community_size = 10;
  Executor* executor = nullptr;
};

// Groups of rows around a centre, as sentence-transformers' community_detection: the community of a
// row is every row whose cosine with it is at least the threshold; the largest communities come
// first (equal ones by the number of their centre), a row already taken by an earlier one is left
// out, and a community survives if its centre is free and min_community_size rows remain.
// Returns the survivors, largest first; in each the centre, then the others by falling cosine,
// equal ones by row number. Exact, O(n^2) products, and memory for the communities of 64 centres at
// a time; the result does not depend on the executor.
// A zero row has cosine 0 with everything, itself included; any other has cosine 1 with itself.
// Throws std::invalid_argument for a threshold that is NaN.
//   rows [n, size]
std::vector<std::vector<std::size_t>> community_detection(
    MatrixView<const float> rows, const CommunityDetectionOptions& options = {});

namespace detail {

// count[i] = rows whose cosine with row i is at least the threshold.
inline std::vector<std::uint64_t> community_sizes(MatrixView<const float> rows,
                                                  const std::vector<double>& norms, float threshold,
                                                  Executor& executor) {
  std::vector<std::uint64_t> count(rows.rows);
  const auto increment = [&](std::size_t i, std::uint64_t by) {
    std::atomic_ref(count[i]).fetch_add(by, std::memory_order_relaxed);
  };
  executor.run((rows.rows + kTileRows - 1) / kTileRows, [&](std::size_t tile) {
    scan_upper_triangle(rows, norms, Metric::cosine, kTileRows, tile,
                        [&](std::size_t i, std::size_t first, std::span<const float> scores) {
                          std::uint64_t found = 0;
                          for (std::size_t j = 0; j < scores.size(); ++j) {
                            if (!(scores[j] >= threshold)) continue;
                            ++found;
                            increment(first + j, 1);
                          }
                          if (found != 0) increment(i, found);
                        });
  });
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const float with_itself = norms[i] == 0.0 ? 0.0f : 1.0f;
    if (std::isfinite(norms[i]) && with_itself >= threshold) ++count[i];
  }
  return count;
}

// For each centre the other rows of its community, in row order.
inline std::vector<std::vector<Hit>> communities_of(std::span<const std::size_t> centres,
                                                    MatrixView<const float> rows,
                                                    const std::vector<double>& norms,
                                                    float threshold, Executor& executor) {
  const std::size_t block = rows_per_block(rows.cols * sizeof(float));
  Tensor<float> queries(Shape{centres.size(), rows.cols});
  for (std::size_t c = 0; c < centres.size(); ++c) {
    std::copy_n(rows.row(centres[c]), rows.cols, queries.matrix().row(c));
  }
  const RowScorer scorer(Metric::cosine, queries.matrix());
  std::vector<std::vector<std::vector<Hit>>> found(executor.concurrency());
  parallel_slices(executor, rows.rows, block,
                  [&](std::size_t slice, std::size_t begin, std::size_t end) {
                    std::vector<std::vector<Hit>>& communities = found[slice];
                    communities.resize(centres.size());
                    std::vector<float> scores(centres.size() * block);
                    for (std::size_t first = begin; first < end; first += block) {
                      const auto part = rows.rows_from(first, std::min(block, end - first));
                      const MatrixView<float> table(scores.data(), centres.size(), part.rows);
                      scorer.score_rows(0, part, norms.data() + first, table);
                      for (std::size_t c = 0; c < centres.size(); ++c) {
                        const float* of_centre = table.row(c);
                        for (std::size_t r = 0; r < part.rows; ++r) {
                          if (of_centre[r] >= threshold && first + r != centres[c]) {
                            communities[c].push_back({first + r, of_centre[r]});
                          }
                        }
                      }
                    }
                  });
  std::vector<std::vector<Hit>> communities(centres.size());
  for (const auto& of_slice : found) {
    for (std::size_t c = 0; c < of_slice.size(); ++c) {
      communities[c].insert(communities[c].end(), of_slice[c].begin(), of_slice[c].end());
    }
  }
  return communities;
}

}  // namespace detail

inline std::vector<std::vector<std::size_t>> community_detection(
    MatrixView<const float> rows, const CommunityDetectionOptions& options) {
  if (std::isnan(options.threshold)) {
    throw std::invalid_argument("community_detection: the threshold is not a number");
  }
  InlineExecutor here;
  Executor& executor = options.executor != nullptr ? *options.executor : here;
  const std::vector<double> norms = detail::row_norms(rows);
  const auto sizes = detail::community_sizes(rows, norms, options.threshold, executor);

  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    if (sizes[i] >= std::max<std::size_t>(options.min_community_size, 1)) candidates.push_back(i);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });

  std::vector<std::vector<std::size_t>> survivors;
  std::vector<char> taken(rows.rows, 0);
  constexpr std::size_t kCentresAtATime = 64;
  std::vector<std::size_t> centres;
  for (std::size_t next = 0; next < candidates.size();) {
    centres.clear();
    while (next < candidates.size() && centres.size() < kCentresAtATime) {
      if (!taken[candidates[next]]) centres.push_back(candidates[next]);
      ++next;
    }
    auto communities = detail::communities_of(centres, rows, norms, options.threshold, executor);
    for (std::size_t c = 0; c < centres.size(); ++c) {
      if (taken[centres[c]]) continue;
      std::erase_if(communities[c], [&](const Hit& hit) { return taken[hit.row] != 0; });
      if (communities[c].size() + 1 < options.min_community_size) continue;
      std::sort(communities[c].begin(), communities[c].end(),
                [](const Hit& a, const Hit& b) { return ranks_before(a, b); });
      std::vector<std::size_t>& members = survivors.emplace_back(1, centres[c]);
      for (const Hit& hit : communities[c]) members.push_back(hit.row);
      for (const std::size_t member : members) taken[member] = 1;
    }
  }
  std::stable_sort(survivors.begin(), survivors.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return survivors;
}

}  // namespace semblance
