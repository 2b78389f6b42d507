#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/byte_reader.h"

namespace semblance {

struct ZipEntry {
  std::string_view name;       // into the archive
  std::uint64_t header = 0;    // offset of the local header
  std::size_t offset = 0;      // of the entry's bytes in the file
  std::size_t byte_count = 0;  // as they lie in the file
  std::uint16_t method = 0;    // of compression; 0: stored
};

// The entries of a zip archive whose entries are stored, not compressed, as torch.save writes them
// (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3). Everything is checked against everything: the
// central directory ends where its end record begins, each local header agrees with the central
// one, entries neither overlap nor reach the directory, no name comes twice. Encrypted entries
// and archives in several parts are refused, and the bytes of compressed entries. Checksums are not
// verified: that would read all of the weights.
class ZipArchive {
 public:
  // `bytes`, the whole file, must outlive the archive; `file` is its name in messages.
  // Throws FormatError.
  ZipArchive(std::span<const std::byte> bytes, std::string_view file);

  // Sorted by name.
  std::span<const ZipEntry> entries() const noexcept { return entries_; }
  // Null when there is none of that name.
  const ZipEntry* find(std::string_view name) const noexcept;
  // Throws FormatError when the entry is compressed.
  std::span<const std::byte> bytes(const ZipEntry& entry) const;

 private:
  struct Directory {
    std::uint64_t offset;
    std::uint64_t byte_count;
    std::uint64_t num_entries;
    std::uint64_t end;  // where the end records begin
  };

  ByteReader at(std::uint64_t offset) const {
    return ByteReader(bytes_, file_, static_cast<std::size_t>(offset));
  }
  std::size_t find_end_record() const;
  Directory read_end_records() const;
  // What the zip64 end record before a locator says, which must agree with `plain`.
  Directory read_zip64_end_record(std::size_t locator, const Directory& plain) const;
  ZipEntry read_entry(ByteReader& reader, const Directory& directory) const;
  void place_entry(ZipEntry& entry, std::uint32_t crc, std::uint16_t flags, std::uint64_t size,
                   const Directory& directory) const;

  std::span<const std::byte> bytes_;
  std::string file_;
  std::vector<ZipEntry> entries_;
};

namespace detail {

inline constexpr std::uint32_t kZipLocalHeader = 0x04034b50;
inline constexpr std::uint32_t kZipCentralHeader = 0x02014b50;
inline constexpr std::uint32_t kZipEnd = 0x06054b50;
inline constexpr std::uint32_t kZip64End = 0x06064b50;
inline constexpr std::uint32_t kZip64Locator = 0x07064b50;
inline constexpr std::uint32_t kInZip64 = 0xFFFFFFFF;

// The zip64 extra field (id 1) holds, in this order, those of the sizes and the offset that did not
// fit 32 bits. Other extra fields (torch pads with them) are passed over.
inline void read_zip64_extra(ByteReader extra, std::span<std::uint64_t* const> too_large) {
  if (too_large.empty()) return;
  while (extra.remaining() >= 4) {
    const std::uint16_t id = extra.u16();
    const std::uint16_t size = extra.u16();
    ByteReader field(extra.take(size), extra.what());
    if (id != 1) continue;
    for (std::uint64_t* value : too_large) *value = field.u64();
    return;
  }
  throw extra.error("a zip64 field with the large sizes", "none");
}

}  // namespace detail

inline ZipArchive::ZipArchive(std::span<const std::byte> bytes, std::string_view file)
    : bytes_(bytes), file_(file) {
  const Directory directory = read_end_records();
  ByteReader reader = at(directory.offset);
  for (std::uint64_t i = 0; i < directory.num_entries; ++i) {
    entries_.push_back(read_entry(reader, directory));
  }
  if (reader.position() != directory.end) {
    throw reader.error("the end of the central directory", "more of it");
  }

  std::sort(entries_.begin(), entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.header < b.header; });
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    if (entries_[i - 1].offset + entries_[i - 1].byte_count > entries_[i].header) {
      throw FormatError(file_, entries_[i].name, "zip entries that do not overlap",
                        "one that begins inside \"" + std::string(entries_[i - 1].name) + "\"");
    }
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(entries_.begin(), entries_.end(),
                         [](const auto& a, const auto& b) { return a.name == b.name; });
  if (twice != entries_.end()) {
    throw FormatError(file_, twice->name, "each zip entry once", "two of that name");
  }
}

inline const ZipEntry* ZipArchive::find(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const ZipEntry& a, std::string_view b) { return a.name < b; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

inline std::span<const std::byte> ZipArchive::bytes(const ZipEntry& entry) const {
  if (entry.method != 0) {
    throw FormatError(file_, entry.name, "a zip entry that is stored as it is",
                      "a compressed one (method " + std::to_string(entry.method) + ")");
  }
  return bytes_.subspan(entry.offset, entry.byte_count);
}

// The end record is the last thing in the file but for a comment of at most 65535 bytes.
inline std::size_t ZipArchive::find_end_record() const {
  constexpr std::size_t kRecord = 22;
  constexpr std::size_t kMaxComment = 65535;
  for (std::size_t comment = 0; comment <= kMaxComment; ++comment) {
    if (bytes_.size() < kRecord + comment) break;
    const std::size_t start = bytes_.size() - kRecord - comment;
    std::uint32_t signature = 0;
    std::memcpy(&signature, bytes_.data() + start, sizeof signature);
    if (signature == detail::kZipEnd && at(start + 20).u16() == comment) return start;
  }
  throw FormatError(file_, "", "a zip archive with its central directory at the end", "none");
}

inline ZipArchive::Directory ZipArchive::read_zip64_end_record(std::size_t locator,
                                                               const Directory& plain) const {
  ByteReader where = at(locator + 4);
  const std::uint32_t disk = where.u32();
  const std::uint64_t record = where.u64();
  const std::uint32_t num_disks = where.u32();
  if (record > locator || disk != 0 || num_disks > 1) {
    throw where.error("a zip64 end record before its locator", "none");
  }
  ByteReader end = at(record);
  if (end.u32() != detail::kZip64End) throw end.error("a zip64 end record", "other bytes");
  if (end.u64() != locator - record - 12) {
    throw end.error("a zip64 end record that ends at its locator", "another length");
  }
  end.take(4);  // versions
  if (end.u32() != 0 || end.u32() != 0) throw end.error("one part", "several");
  const std::uint64_t entries_here = end.u64();
  Directory directory{.offset = 0, .byte_count = 0, .num_entries = end.u64(), .end = record};
  directory.byte_count = end.u64();
  directory.offset = end.u64();
  const auto agree = [](std::uint64_t narrow, std::uint64_t wide, std::uint64_t marker) {
    return narrow == marker || narrow == wide;
  };
  if (entries_here != directory.num_entries ||
      !agree(plain.num_entries, directory.num_entries, 0xFFFF) ||
      !agree(plain.byte_count, directory.byte_count, detail::kInZip64) ||
      !agree(plain.offset, directory.offset, detail::kInZip64)) {
    throw end.error("zip and zip64 end records that agree", "two that differ");
  }
  return directory;
}

inline ZipArchive::Directory ZipArchive::read_end_records() const {
  constexpr std::size_t kLocator = 20;
  const std::size_t end_record = find_end_record();
  ByteReader end = at(end_record + 4);
  const std::uint16_t disk = end.u16();
  const std::uint16_t directory_disk = end.u16();
  const std::uint16_t entries_here = end.u16();
  Directory directory{};
  directory.num_entries = end.u16();
  directory.byte_count = end.u32();
  directory.offset = end.u32();
  directory.end = end_record;

  if (end_record >= kLocator && at(end_record - kLocator).u32() == detail::kZip64Locator) {
    directory = read_zip64_end_record(end_record - kLocator, directory);
  } else if (disk != 0 || directory_disk != 0 || entries_here != directory.num_entries) {
    throw end.error("a zip archive in one part", "several");
  }
  if (directory.offset > directory.end ||
      directory.byte_count != directory.end - directory.offset) {
    throw FormatError(
        file_, "", "a central directory that ends at its end record",
        std::to_string(directory.byte_count) + " bytes from " + std::to_string(directory.offset));
  }
  return directory;
}

inline ZipEntry ZipArchive::read_entry(ByteReader& reader, const Directory& directory) const {
  if (reader.u32() != detail::kZipCentralHeader) {
    throw reader.error("a central directory header", "other bytes");
  }
  reader.take(4);  // versions
  const std::uint16_t flags = reader.u16();
  const std::uint16_t method = reader.u16();
  reader.take(4);  // time and date
  const std::uint32_t crc = reader.u32();
  std::uint64_t compressed = reader.u32();
  std::uint64_t size = reader.u32();
  const std::uint16_t name_size = reader.u16();
  const std::uint16_t extra_size = reader.u16();
  const std::uint16_t comment_size = reader.u16();
  std::uint64_t disk = reader.u16();
  reader.take(6);  // attributes
  std::uint64_t header = reader.u32();
  ZipEntry entry;
  entry.name = reader.take_text(name_size);
  std::vector<std::uint64_t*> too_large;
  for (std::uint64_t* value : {&size, &compressed, &header}) {
    if (*value == detail::kInZip64) too_large.push_back(value);
  }
  detail::read_zip64_extra(ByteReader(reader.take(extra_size), file_), too_large);
  reader.take(comment_size);

  if ((flags & 1) != 0)
    throw FormatError(file_, entry.name, "a plain zip entry", "an encrypted one");
  if (disk != 0) throw FormatError(file_, entry.name, "a zip entry in one part", "one in several");
  if (method == 0 && size != compressed) {
    throw FormatError(file_, entry.name, "one size for a stored zip entry",
                      std::to_string(compressed) + " and " + std::to_string(size));
  }
  if (header > directory.offset || compressed > directory.offset - header) {
    throw FormatError(file_, entry.name, "a zip entry in front of the central directory",
                      std::to_string(compressed) + " bytes from " + std::to_string(header));
  }
  entry.header = header;
  entry.byte_count = static_cast<std::size_t>(compressed);
  entry.method = method;
  place_entry(entry, crc, flags, size, directory);
  return entry;
}

// Finds the entry's bytes behind its local header, which must say what the central one says; with
// bit 3 of the flags set, checksum and sizes may be left to a descriptor after the bytes.
inline void ZipArchive::place_entry(ZipEntry& entry, std::uint32_t crc, std::uint16_t flags,
                                    std::uint64_t size, const Directory& directory) const {
  ByteReader local = at(entry.header);
  const auto disagrees = [&](const char* expected) {
    return FormatError(file_, entry.name, expected, "another");
  };
  if (local.u32() != detail::kZipLocalHeader) throw disagrees("a local zip header");
  local.take(2);  // version
  const std::uint16_t local_flags = local.u16();
  if (local.u16() != entry.method) throw disagrees("the same compression in both zip headers");
  local.take(4);  // time and date
  const std::uint32_t local_crc = local.u32();
  std::uint64_t local_compressed = local.u32();
  std::uint64_t local_size = local.u32();
  const std::uint16_t name_size = local.u16();
  const std::uint16_t extra_size = local.u16();
  if (local.take_text(name_size) != entry.name)
    throw disagrees("the same name in both zip headers");
  std::vector<std::uint64_t*> too_large;
  for (std::uint64_t* value : {&local_size, &local_compressed}) {
    if (*value == detail::kInZip64) too_large.push_back(value);
  }
  detail::read_zip64_extra(ByteReader(local.take(extra_size), file_), too_large);

  if (local_flags != flags) throw disagrees("the same flags in both zip headers");
  const bool left_out =
      (flags & 8) != 0 && local_crc == 0 && local_compressed == 0 && local_size == 0;
  if (!left_out &&
      (local_crc != crc || local_compressed != entry.byte_count || local_size != size)) {
    throw disagrees("the same sizes and checksum in both zip headers");
  }
  entry.offset = local.position();
  if (entry.offset > directory.offset || entry.byte_count > directory.offset - entry.offset) {
    throw FormatError(file_, entry.name, "a zip entry in front of the central directory",
                      "one that reaches into it");
  }
}

}  // namespace semblance
