#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/core/executor.h"
#include "semblance/core/function_ref.h"
#include "semblance/io/weight_files.h"
#include "semblance/tensor/dtype.h"
#include "semblance/tensor/finite_check.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Throws FormatError when an element of any floating-point tensor in the files, used or not, is NaN
// or infinite, or a double beyond float32: one such weight can make every vector NaN. Reads all
// of the files once, a tensor a task of `executor` with the largest first, and leaves none of it in
// memory but what the system caches. `meanwhile` runs beside that, as one more task; what it throws
// goes before what is found.
inline void require_finite(const WeightFiles& files, Executor& executor,
                           FunctionRef<void()> meanwhile) {
  std::vector<const StoredTensor*> tensors;
  for (const std::string_view name : files.names()) {
    const StoredTensor* tensor = files.describe(name);
    if (is_floating_point(tensor->dtype)) tensors.push_back(tensor);
  }
  const auto bad_element = [&](const StoredTensor& stored) {
    const TensorView tensor = *files.find(stored.name);
    std::optional<std::size_t> bad;
    if (!all_finite(tensor, 0, tensor.element_count())) {
      bad = 0;
      // The file may change meanwhile.
      while (*bad + 1 < tensor.element_count() && all_finite(tensor, *bad, 1)) ++*bad;
    }
    files.release(tensor);
    return bad;
  };
  std::vector<std::optional<std::size_t>> bad_elements(tensors.size());
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return tensors[a]->byte_count() > tensors[b]->byte_count();
  });
  executor.run(1 + tensors.size(), [&](std::size_t task) {
    if (task == 0) return meanwhile();
    const std::size_t i = order[task - 1];
    bad_elements[i] = bad_element(*tensors[i]);
  });
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!bad_elements[i]) continue;
    throw FormatError(files.file_of(tensors[i]->name), tensors[i]->name,
                      "finite values, or LoadOptions::allow_non_finite",
                      "NaN or infinity at element " + std::to_string(*bad_elements[i]));
  }
}

inline void require_finite(const WeightFiles& files, Executor& executor) {
  require_finite(files, executor, [] {});
}

}  // namespace semblance
