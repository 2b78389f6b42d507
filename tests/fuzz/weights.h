#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "fuzz/target.h"
#include "semblance/io/weight_file.h"

namespace semblance::fuzz {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Reads every element of every tensor.
inline void touch(std::string_view file, const std::vector<StoredTensor>& tensors) {
  std::size_t total = 0;
  for (const StoredTensor& tensor : tensors) {
    require(tensor.offset <= file.size(), "a tensor that begins inside the file");
    require(tensor.byte_count() <= file.size(), "a tensor no larger than the file");
    // More would be refused by WeightFile's constructor.
    total += tensor.byte_count();
    if (total > WeightFile::kMostReadings * file.size()) return;
    std::vector<std::byte> elements(tensor.byte_count());
    semblance::detail::gather(tensor, as_bytes(file).data() + tensor.offset, elements.data());
  }
}

}  // namespace semblance::fuzz
