#pragma once

#include <cstddef>

#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"

namespace semblance {

// Whether every one of `concurrency` threads has enough to do with rows of its own: fewer rows are
// read sooner than the weights that each thread would then read for itself.
constexpr bool has_row_slices(std::size_t rows, std::size_t concurrency) noexcept {
  constexpr std::size_t kFewestRows = 64;  // of a thread
  return concurrency > 1 && rows >= kFewestRows * concurrency;
}

// Calls body(slice, begin, end, executor) for ranges of [0, rows). With rows enough, each thread
// takes its own through all of body alone, and finds in its cache what it wrote the step before;
// else there is one range, and body shares out each step. The result is the same.
template <class Body>
void for_each_row_slice(Executor& executor, std::size_t rows, Body&& body) {
  if (!has_row_slices(rows, executor.concurrency())) {
    body(std::size_t{0}, std::size_t{0}, rows, executor);
    return;
  }
  parallel_slices(executor, rows, 1, [&](std::size_t slice, std::size_t begin, std::size_t end) {
    InlineExecutor alone;
    body(slice, begin, end, static_cast<Executor&>(alone));
  });
}

}  // namespace semblance
