#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/output_file.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

struct NamedTensor {
  std::string name;
  TensorView tensor;
};

// Writes a safetensors file. The same tensors give the same bytes, in whatever order they come:
// wider types lie first, then names in order, so that every tensor is aligned for its type, and the
// header is padded with spaces so that the first tensor lies at a multiple of `alignment`, itself a
// multiple of 8. The file appears whole or not at all, in the place of one of that name or, where
// `existing` says so, only if there is none. Throws FileError; std::invalid_argument for
// a name that is not UTF-8, comes twice or is "__metadata__".
void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       std::size_t alignment = 8, Existing existing = Existing::replace);

namespace detail {

inline std::string json_string(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument("a name or a value to write is not UTF-8");
  }
}

inline std::string safetensors_header(std::span<const NamedTensor> tensors,
                                      const std::map<std::string, std::string>& metadata,
                                      std::size_t alignment) {
  std::string header = "{";
  const auto separate = [&] {
    if (header.size() > 1) header += ',';
  };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    bool first = true;
    for (const auto& [key, value] : metadata) {
      if (!std::exchange(first, false)) header += ',';
      header += json_string(key) + ":" + json_string(value);
    }
    header += '}';
  }
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    separate();
    header += json_string(name) + ":{\"dtype\":\"" + std::string(name_of(tensor.dtype)) +
              "\",\"shape\":[";
    for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis) {
      if (axis != 0) header += ',';
      header += std::to_string(tensor.shape[axis]);
    }
    header += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    offset += tensor.byte_count();
    header += std::to_string(offset) + "]}";
  }
  header += '}';
  constexpr std::size_t kPrefix = sizeof(std::uint64_t);  // the header's length
  header.resize((kPrefix + header.size() + alignment - 1) / alignment * alignment - kPrefix, ' ');
  return header;
}

}  // namespace detail

inline void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata,
                              std::size_t alignment, Existing existing) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const std::size_t a_size = byte_size(a.tensor.dtype);
    const std::size_t b_size = byte_size(b.tensor.dtype);
    return a_size != b_size ? a_size > b_size : a.name < b.name;
  });
  std::set<std::string_view> names = {"__metadata__"};
  for (const NamedTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw std::invalid_argument("two tensors of the name \"" + tensor.name + "\"");
    }
  }
  const std::string header = detail::safetensors_header(tensors, metadata, alignment);
  const std::uint64_t header_size = header.size();
  OutputFile file(path);
  file.write(&header_size, sizeof header_size);
  file.write(header);
  for (const NamedTensor& tensor : tensors) file.write(tensor.tensor.bytes());
  file.commit(existing);
}

}  // namespace semblance
