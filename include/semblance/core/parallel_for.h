#pragma once

#include <algorithm>
#include <cstddef>

#include "semblance/core/executor.h"

namespace semblance {

// Cuts [0, count) into at most executor.concurrency() ranges, each but the last a multiple of
// `granule`, and calls body(slice, begin, end) for each; slice < concurrency() tells scratch apart.
template <class Body>
void parallel_slices(Executor& executor, std::size_t count, std::size_t granule, Body&& body) {
  if (count == 0) return;
  const std::size_t num_granules = (count + granule - 1) / granule;
  const std::size_t num_slices = std::min(executor.concurrency(), num_granules);
  if (num_slices == 1) {
    body(std::size_t{0}, std::size_t{0}, count);
    return;
  }
  executor.run(num_slices, [&](std::size_t slice) {
    const std::size_t begin = num_granules * slice / num_slices * granule;
    const std::size_t end = std::min(count, num_granules * (slice + 1) / num_slices * granule);
    body(slice, begin, end);
  });
}

}  // namespace semblance
