#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/file_source.h"
#include "semblance/io/json.h"
#include "semblance/io/mapped_file.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/pytorch_checkpoint.h"
#include "semblance/io/safetensors.h"
#include "semblance/io/weight_file.h"
#include "semblance/tensor/packed_store.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// The named tensors of a model folder, from one file or from the shards that an index lists. The
// first of these that is there:
//   model.safetensors, model.safetensors.index.json, pytorch_model.bin,
//   pytorch_model.bin.index.json
// All tensors of the shards count, as in transformers; the index settles which of two has the word.
// Reading is thread-safe. Views stay valid until they are released as often as asked for or the
// object is gone; moving it keeps them.
class WeightFiles {
 public:
  // Throws FileError (nothing found, a file or shard that cannot be opened or lies outside of the
  // folder), FormatError, ConfigError (an index that says something impossible).
  static WeightFiles open(const ModelFolder& folder, FileAccess access = FileAccess::map);
  // A folder, or one file: *.safetensors, *.index.json or a PyTorch checkpoint of any name.
  static WeightFiles open(const FileSource& source, FileAccess access = FileAccess::map);

  bool contains(std::string_view name) const noexcept { return entry_of(name) != nullptr; }
  // The tensor's elements, in place where the file allows; see WeightFile::view.
  std::optional<TensorView> find(std::string_view name) const;
  // Name, dtype, shape and place, without touching the elements. Null when there is none.
  const StoredTensor* describe(std::string_view name) const noexcept;
  // Ends the use of a view that find() gave: memory goes back, pages and copies alike.
  void release(const TensorView& view) const noexcept;

  // Where the matrices packed from these files are kept, null when nowhere.
  PackedStore* packed_store() const noexcept { return packed_store_.get(); }
  void keep_packed_in(std::unique_ptr<PackedStore> store) { packed_store_ = std::move(store); }

  // Sorted bytewise.
  std::vector<std::string_view> names() const;
  // The path of the file that holds a tensor, for messages; the first file's when there is none.
  const std::string& file_of(std::string_view name) const noexcept;
  std::vector<std::string> files() const;
  // The value of `key` in the metadata of the file that holds a tensor, or of the first file where
  // there is none of that name; null when the file does not say.
  const std::string* metadata_of(std::string_view name, std::string_view key) const;
  // All tensors' elements together.
  std::uint64_t total_bytes() const noexcept;
  // Number of elements by dtype.
  std::map<DType, std::uint64_t> elements_by_dtype() const;

 private:
  struct Entry {
    const StoredTensor* tensor;
    const WeightFile* file;
  };

  WeightFiles() = default;
  static WeightFiles from_file(WeightFile file);
  static WeightFiles from_index(const ModelFolder& folder, const FileSource& index_source,
                                FileAccess access);
  const Entry* entry_of(std::string_view name) const noexcept;

  std::vector<std::unique_ptr<WeightFile>> files_;
  std::vector<Entry> entries_;  // sorted by name
  std::unique_ptr<PackedStore> packed_store_;
};

namespace detail {

// By name: *.safetensors is that, anything else a PyTorch checkpoint.
inline WeightFile open_weight_file(const FileSource& source, FileAccess access) {
  return source.path().ends_with(".safetensors") ? open_safetensors(source, access)
                                                 : open_pytorch_checkpoint(source, access);
}

}  // namespace detail

inline WeightFiles WeightFiles::open(const ModelFolder& folder, FileAccess access) {
  constexpr std::array kNames = {"model.safetensors", "model.safetensors.index.json",
                                 "pytorch_model.bin", "pytorch_model.bin.index.json"};
  for (const std::string_view name : kNames) {
    const auto path = folder.find(name);
    if (!path) continue;
    if (name.ends_with(".index.json")) return from_index(folder, *path, access);
    return from_file(detail::open_weight_file(*path, access));
  }
  throw FileError(folder.path(), "",
                  "model.safetensors or pytorch_model.bin, whole or with an .index.json",
                  "none of them");
}

inline WeightFiles WeightFiles::open(const FileSource& source, FileAccess access) {
  const std::string& path = source.path();
  if (source.memory() == nullptr && detail::is_folder(path)) {
    return open(ModelFolder(path), access);
  }
  if (path.ends_with(".index.json")) {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == path.npos ? "." : path.substr(0, slash + 1);
    return from_index(ModelFolder(parent), source, access);
  }
  return from_file(detail::open_weight_file(source, access));
}

inline WeightFiles WeightFiles::from_file(WeightFile file) {
  WeightFiles result;
  result.files_.push_back(std::make_unique<WeightFile>(std::move(file)));
  const WeightFile& only = *result.files_.front();
  result.entries_.reserve(only.tensors().size());
  for (const StoredTensor& tensor : only.tensors()) result.entries_.push_back({&tensor, &only});
  return result;
}

inline WeightFiles WeightFiles::from_index(const ModelFolder& folder,
                                           const FileSource& index_source, FileAccess access) {
  const auto index = JsonDocument::read(index_source);
  WeightFiles result;
  std::map<std::string_view, Entry> entries;
  std::map<std::string_view, const WeightFile*> shards;
  const auto weight_map = index.root().require("weight_map", "an object").members();
  for (const auto& [name, value] : weight_map) {
    const std::string& shard = value.as_string();
    // A plain name: one shard under many spellings of its path would be read as often.
    if (shard.empty() || shard.find_first_of("/\\") != shard.npos || !stays_inside_folder(shard)) {
      throw value.error("the name of a file in the same folder");
    }
    if (shards.contains(shard)) continue;
    result.files_.push_back(
        std::make_unique<WeightFile>(detail::open_weight_file(folder.require(shard), access)));
    const WeightFile* file = result.files_.back().get();
    shards[shard] = file;
    for (const StoredTensor& tensor : file->tensors()) {
      entries.emplace(tensor.name, Entry{&tensor, file});
    }
  }
  if (shards.empty()) throw index.root().require("weight_map").error("at least one tensor");
  for (const auto& [name, value] : weight_map) {
    const auto entry = entries.find(name);
    if (entry == entries.end()) {
      throw FormatError(index_source.path(), value.path(), "a tensor in one of the shards", "none");
    }
    const WeightFile* file = shards[value.as_string()];
    if (const StoredTensor* tensor = file->find(name)) entry->second = {tensor, file};
  }
  for (const auto& [name, entry] : entries) result.entries_.push_back(entry);
  return result;
}

inline const WeightFiles::Entry* WeightFiles::entry_of(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const Entry& a, std::string_view b) { return a.tensor->name < b; });
  return found != entries_.end() && found->tensor->name == name ? &*found : nullptr;
}

inline std::optional<TensorView> WeightFiles::find(std::string_view name) const {
  const Entry* entry = entry_of(name);
  if (entry == nullptr) return std::nullopt;
  return entry->file->view(*entry->tensor);
}

inline const StoredTensor* WeightFiles::describe(std::string_view name) const noexcept {
  const Entry* entry = entry_of(name);
  return entry == nullptr ? nullptr : entry->tensor;
}

inline void WeightFiles::release(const TensorView& view) const noexcept {
  for (const auto& file : files_) file->release(view);
}

inline std::vector<std::string_view> WeightFiles::names() const {
  std::vector<std::string_view> result;
  result.reserve(entries_.size());
  for (const Entry& entry : entries_) result.push_back(entry.tensor->name);
  return result;
}

inline const std::string& WeightFiles::file_of(std::string_view name) const noexcept {
  const Entry* entry = entry_of(name);
  return entry == nullptr ? files_.front()->path() : entry->file->path();
}

inline std::vector<std::string> WeightFiles::files() const {
  std::vector<std::string> result;
  for (const auto& file : files_) result.push_back(file->path());
  return result;
}

inline const std::string* WeightFiles::metadata_of(std::string_view name,
                                                   std::string_view key) const {
  const Entry* entry = entry_of(name);
  const auto& metadata = (entry == nullptr ? *files_.front() : *entry->file).metadata();
  const auto found = metadata.find(std::string(key));
  return found == metadata.end() ? nullptr : &found->second;
}

inline std::uint64_t WeightFiles::total_bytes() const noexcept {
  std::uint64_t total = 0;
  for (const Entry& entry : entries_) total += entry.tensor->byte_count();
  return total;
}

inline std::map<DType, std::uint64_t> WeightFiles::elements_by_dtype() const {
  std::map<DType, std::uint64_t> result;
  for (const Entry& entry : entries_) {
    result[entry.tensor->dtype] += entry.tensor->byte_count() / byte_size(entry.tensor->dtype);
  }
  return result;
}

}  // namespace semblance
