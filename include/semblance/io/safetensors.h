#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/file_bytes.h"
#include "semblance/io/mapped_file.h"
#include "semblance/io/safetensors_header.h"
#include "semblance/io/weight_file.h"

namespace semblance {

// The safetensors format (huggingface/safetensors, "Format"):
//   8 bytes              N, length of the header, little-endian, at most 100 MB
//   N bytes              JSON: name -> {"dtype", "shape", "data_offsets": [begin, end]}; starts
//                        with '{', may end in spaces; "__metadata__" maps strings to strings
//   the rest             the buffer that the offsets count from
// Checked as the reference implementation does, and the rules that it only states as well: no key
// twice; tensors lie end to end from 0 to the end of the buffer without a gap or an overlap; each
// range has exactly the bytes of its shape and dtype.
struct SafetensorsContents {
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

// `bytes` is a whole file, `file` its name in messages. Throws FormatError.
SafetensorsContents parse_safetensors(std::span<const std::byte> bytes, std::string_view file);

namespace detail {

// Of the header's size, in front of it.
inline constexpr std::size_t kSafetensorsPrefix = 8;

inline std::string_view find_safetensors_header(std::span<const std::byte> bytes,
                                                std::string_view file) {
  constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
  if (bytes.size() < kSafetensorsPrefix) {
    throw FormatError(file, "", "a safetensors file", std::to_string(bytes.size()) + " bytes");
  }
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), kSafetensorsPrefix);
  if (header_size > kMaxHeaderBytes) {
    throw FormatError(file, "", "a safetensors header of at most 100000000 bytes",
                      std::to_string(header_size));
  }
  const std::size_t left = bytes.size() - kSafetensorsPrefix;
  if (header_size > left) {
    throw FormatError(file, "",
                      "a header of " + std::to_string(header_size) + " bytes as the file says",
                      "only " + std::to_string(left) + " bytes after its length");
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kSafetensorsPrefix,
                                static_cast<std::size_t>(header_size));
  if (!header.starts_with('{')) {
    throw FormatError(
        file, "", "a safetensors header that starts with '{'",
        header.empty() ? "an empty one" : "\"" + std::string(header.substr(0, 1)) + "\"");
  }
  return header;
}

// The entry must start at `position` of a buffer of `buffer_size` bytes, and have the bytes of its
// shape.
inline void check_safetensors_entry(const SafetensorsEntry& entry, std::uint64_t position,
                                    std::uint64_t buffer_size, std::string_view file) {
  const std::string key = entry.name + ".data_offsets";
  const auto range = [&] {
    return "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
  };
  if (entry.begin != position || entry.end < entry.begin) {
    throw FormatError(file, key, "tensors end to end, this one from " + std::to_string(position),
                      range());
  }
  if (entry.end > buffer_size) {
    throw FormatError(file, key, "offsets within " + std::to_string(buffer_size) + " bytes",
                      range());
  }
  const auto count = entry.shape.element_count();
  const std::size_t element = byte_size(entry.dtype);
  if (!count || *count > std::numeric_limits<std::size_t>::max() / element) {
    throw FormatError(file, entry.name + ".shape", "a shape whose size fits 64 bits",
                      entry.shape.to_string());
  }
  if (*count * element != entry.end - entry.begin) {
    throw FormatError(file, key,
                      std::to_string(*count * element) + " bytes for " +
                          std::string(name_of(entry.dtype)) + " " + entry.shape.to_string(),
                      range());
  }
}

}  // namespace detail

inline SafetensorsContents parse_safetensors(std::span<const std::byte> bytes,
                                             std::string_view file) {
  const std::string_view header = detail::find_safetensors_header(bytes, file);
  auto [entries, metadata] = detail::parse_safetensors_header(header, file);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const std::size_t buffer_offset = detail::kSafetensorsPrefix + header.size();
  const std::uint64_t buffer_size = bytes.size() - buffer_offset;
  std::uint64_t position = 0;
  SafetensorsContents contents{.tensors = {}, .metadata = std::move(metadata)};
  contents.tensors.reserve(entries.size());
  for (auto& entry : entries) {
    detail::check_safetensors_entry(entry, position, buffer_size, file);
    position = entry.end;
    contents.tensors.push_back({.name = std::move(entry.name),
                                .dtype = entry.dtype,
                                .shape = std::move(entry.shape),
                                .offset = buffer_offset + static_cast<std::size_t>(entry.begin),
                                .strides = {}});
  }
  if (position != buffer_size) {
    throw FormatError(file, "", std::to_string(position) + " bytes of tensors",
                      std::to_string(buffer_size));
  }
  return contents;
}

// Throws FileError, FormatError.
inline WeightFile open_safetensors(const FileSource& source, FileAccess access = FileAccess::map) {
  const std::string& path = source.path();
  MappedFile file(source, access);
  refuse_failed_download(path, file.bytes());
  auto contents = parse_safetensors(file.bytes(), path);
  return WeightFile(std::move(file), std::move(contents.tensors), std::move(contents.metadata));
}

}  // namespace semblance
