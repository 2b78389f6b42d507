#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/error.h"
#include "semblance/io/file_handle.h"
#include "semblance/io/file_system.h"
#include "semblance/io/mapped_file.h"
#include "semblance/io/safetensors.h"
#include "semblance/io/safetensors_writer.h"
#include "semblance/tensor/packed_store.h"

namespace semblance {

// Packed matrices in a file. Mapped, they are there without packing, and processes that map the
// same file share its pages.
//
// The file has the safetensors format: a U8 block a matrix, on 64-byte boundaries, and in the
// metadata the identity of what they were packed from. It is as trusted as a weight file: checked
// for its structure, its values taken as they are.
class PackedCache final : public PackedStore {
 public:
  // identity: everything that the blocks depend on. A cache of another identity, or a damaged one,
  // counts as empty, and commit() replaces it. Throws FileError when `path` is neither free nor
  // such a cache, so that a mistaken name overwrites nothing.
  PackedCache(std::string path, std::string identity, FileAccess access = FileAccess::map);

  std::span<const std::byte> find(std::string_view name,
                                  std::size_t byte_count) const noexcept override;
  void add(const std::string& name, std::span<const std::byte> block) override {
    added_.insert_or_assign(name, block);
  }

  // Writes the file anew when a block was added, and says whether one was. The blocks in use stay
  // where they are. A file that was not there before and now is, because another process packed the
  // same at the same time, stays. Throws FileError.
  bool commit();

  // Whether what is found here lies in the file's pages. Never on Windows, where a mapped file
  // could not be replaced by one with more blocks.
  bool is_mapped() const noexcept { return access_ == FileAccess::map; }
  // True when no block of this identity was found.
  bool empty() const noexcept { return found_.empty(); }

 private:
  // The first key of the metadata, and so the front of every cache after the header's length.
  static constexpr std::string_view kIdentityKey = "semblance_packed_cache";

  // False when the file is no cache at all.
  static bool starts_as_a_cache(const std::string& path);
  void read();

  std::string path_;
  std::string identity_;
  FileAccess access_;
  bool is_new_ = false;  // there was no file
  std::optional<MappedFile> file_;
  std::map<std::string, std::span<const std::byte>, std::less<>> found_;
  std::map<std::string, std::span<const std::byte>> added_;
};

inline PackedCache::PackedCache(std::string path, std::string identity, FileAccess access)
    : path_(std::move(path)),
      identity_(std::move(identity)),
      access_(detail::kMappedFilesCanBeReplaced ? access : FileAccess::copy) {
  is_new_ = !detail::status_of(path_) && errno == ENOENT;
  if (is_new_ && detail::is_taken(path_)) {
    throw FileError(path_, "", "a packed cache or nothing of that name", "a link to nothing");
  }
  if (is_new_) return;
  if (!starts_as_a_cache(path_)) {
    throw FileError(path_, "", "a packed cache or nothing of that name", "another file");
  }
  try {
    read();
  } catch (const FormatError&) {
    found_.clear();
    file_.reset();
  }
}

inline bool PackedCache::starts_as_a_cache(const std::string& path) {
  const std::string expected = "{\"__metadata__\":{\"" + std::string(kIdentityKey) + "\":";
  FileHandle file(path);
  std::string front(sizeof(std::uint64_t) + expected.size(), '\0');
  front.resize(file.read(front.data(), front.size()));
  return std::string_view(front).substr(std::min(front.size(), sizeof(std::uint64_t))) == expected;
}

inline void PackedCache::read() {
  MappedFile file(path_, access_);
  const SafetensorsContents contents = parse_safetensors(file.bytes(), path_);
  const auto identity = contents.metadata.find(std::string(kIdentityKey));
  if (identity == contents.metadata.end() || identity->second != identity_) return;
  for (const StoredTensor& block : contents.tensors) {
    if (block.offset % AlignedBuffer<std::byte>::kAlignment != 0) continue;
    found_.emplace(block.name, file.bytes().subspan(block.offset, block.byte_count()));
  }
  file_.emplace(std::move(file));
}

inline std::span<const std::byte> PackedCache::find(std::string_view name,
                                                    std::size_t byte_count) const noexcept {
  const auto found = found_.find(name);
  if (found == found_.end() || found->second.size() != byte_count) return {};
  return found->second;
}

inline bool PackedCache::commit() {
  if (added_.empty()) return false;
  std::vector<NamedTensor> blocks;
  const auto list = [&](const std::string& name, std::span<const std::byte> block) {
    blocks.push_back({name, TensorView{block.data(), DType::u8, Shape{block.size()}}});
  };
  for (const auto& [name, block] : added_) list(name, block);
  for (const auto& [name, block] : found_) {
    if (!added_.contains(name)) list(name, block);
  }
  write_safetensors(path_, std::move(blocks), {{std::string(kIdentityKey), identity_}},
                    AlignedBuffer<std::byte>::kAlignment,
                    is_new_ ? Existing::keep : Existing::replace);
  added_.clear();
  return true;
}

}  // namespace semblance
