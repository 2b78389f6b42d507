#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

#include "semblance/core/error.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/finite_check.h"
#include "semblance/tensor/dtype.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Throws FormatError when an element of any floating-point tensor in the files, used or not, is NaN
// or infinite, or a double beyond float32: one such weight can make every vector NaN. Reads all
// of the files once, on all threads of `executor`, and leaves none of it in memory but what the
// system caches.
inline void require_finite(const WeightFiles& files, Executor& executor) {
  constexpr std::size_t kGranule = std::size_t{1} << 16;  // elements, at least, a thread
  for (const std::string_view name : files.names()) {
    if (!is_floating_point(files.describe(name)->dtype)) continue;
    const TensorView tensor = *files.find(name);
    std::atomic<bool> finite{true};
    parallel_slices(executor, tensor.element_count(), kGranule,
                    [&](std::size_t, std::size_t begin, std::size_t end) {
                      if (!all_finite(tensor, begin, end - begin)) finite = false;
                    });
    if (!finite) {
      std::size_t element = 0;
      while (all_finite(tensor, element, 1)) ++element;
      throw FormatError(files.file_of(name), name,
                        "finite values, or LoadOptions::allow_non_finite (--allow-non-finite)",
                        "NaN or infinity at element " + std::to_string(element));
    }
    files.release(tensor);
  }
}

}  // namespace semblance
