#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/reader_test.h"

namespace semblance::testing {

// One entry of an archive, with everything that its two headers say; what is left alone is true.
struct ZipPart {
  std::string name = {};
  std::string bytes = {};
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::uint32_t crc = 0;
  std::string local_extra = {};
  std::string central_extra = {};
  std::optional<std::string> local_name = {};
  std::optional<std::uint16_t> local_method = {};
  std::optional<std::uint16_t> local_flags = {};
  std::optional<std::uint32_t> local_crc = {};
  std::optional<std::uint32_t> local_size = {};
  std::optional<std::uint32_t> local_compressed = {};
  std::optional<std::uint32_t> size = {};
  std::optional<std::uint32_t> compressed = {};
  std::optional<std::uint32_t> header = {};
  std::uint16_t disk = 0;
};

struct ZipEnd {
  std::uint64_t directory_offset;
  std::uint64_t directory_size;
  std::uint64_t num_entries;
};

// Builds an archive. `change` may alter the end record's numbers, zip64 adds the larger records.
inline std::string build_zip(const std::vector<ZipPart>& parts,
                             const std::function<void(ZipEnd&)>& change = {}, bool zip64 = false,
                             const std::string& comment = "") {
  std::string bytes;
  std::string directory;
  for (const ZipPart& part : parts) {
    const auto offset = static_cast<std::uint32_t>(bytes.size());
    const auto size = static_cast<std::uint32_t>(part.bytes.size());
    const std::string local_name = part.local_name.value_or(part.name);
    bytes += le(std::uint32_t{0x04034b50}) + le(std::uint16_t{20}) +
             le(part.local_flags.value_or(part.flags)) +
             le(part.local_method.value_or(part.method)) + le(std::uint32_t{0}) +
             le(part.local_crc.value_or(part.crc)) + le(part.local_compressed.value_or(size)) +
             le(part.local_size.value_or(size)) +
             le(static_cast<std::uint16_t>(local_name.size())) +
             le(static_cast<std::uint16_t>(part.local_extra.size())) + local_name +
             part.local_extra + part.bytes;
    directory += le(std::uint32_t{0x02014b50}) + le(std::uint16_t{20}) + le(std::uint16_t{20}) +
                 le(part.flags) + le(part.method) + le(std::uint32_t{0}) + le(part.crc) +
                 le(part.compressed.value_or(size)) + le(part.size.value_or(size)) +
                 le(static_cast<std::uint16_t>(part.name.size())) +
                 le(static_cast<std::uint16_t>(part.central_extra.size())) + le(std::uint16_t{0}) +
                 le(part.disk) + le(std::uint16_t{0}) + le(std::uint32_t{0}) +
                 le(part.header.value_or(offset)) + part.name + part.central_extra;
  }
  ZipEnd end{bytes.size(), directory.size(), parts.size()};
  if (change) change(end);
  bytes += directory;
  if (zip64) {
    const std::uint64_t record = bytes.size();
    bytes += le(std::uint32_t{0x06064b50}) + le(std::uint64_t{44}) + le(std::uint32_t{0}) +
             le(std::uint32_t{0}) + le(std::uint32_t{0}) + le(end.num_entries) +
             le(end.num_entries) + le(end.directory_size) + le(end.directory_offset);
    bytes +=
        le(std::uint32_t{0x07064b50}) + le(std::uint32_t{0}) + le(record) + le(std::uint32_t{1});
    end = {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF};
  }
  bytes += le(std::uint32_t{0x06054b50}) + le(std::uint32_t{0}) +
           le(static_cast<std::uint16_t>(end.num_entries)) +
           le(static_cast<std::uint16_t>(end.num_entries)) +
           le(static_cast<std::uint32_t>(end.directory_size)) +
           le(static_cast<std::uint32_t>(end.directory_offset)) +
           le(static_cast<std::uint16_t>(comment.size())) + comment;
  return bytes;
}

}  // namespace semblance::testing
