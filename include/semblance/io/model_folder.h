#pragma once

// What is guaranteed for a folder from a stranger, by every reader in this room
// (tests/encoder/hostile_folder_test.cpp, tests/io/hostile_files_test.cpp, tests/fuzz/):
//
//   - Nothing in it is run. A pickle is described, not executed (pickle.h); a name of code, such
//     as a class path in modules.json, is compared with a list.
//   - No file outside of the folder is opened: names with "..", absolute names and links that lead
//     out are refused, and folders, pipes and devices where a file should be. (Who can change the
//     folder while it is read can still race with the check of a link.) Nothing is written.
//   - Whatever the bytes are, a reader returns or throws one FileError, FormatError, ConfigError or
//     ShapeError: one line of at most 600 bytes, control characters escaped, that names the file
//     and as far as there is one the key, what was expected and what was found. A git-LFS pointer
//     and a web page saved as a file are called so. Besides these only std::bad_alloc.
//   - Time is linear in the file's size, but for sorting names: n log n. Memory is at most 80 bytes
//     for each byte of weights or JSON beside the mapping itself, some hundred for a tokenizer's
//     tables, and 64 MB for those of rotary positions; sizes that a file declares are checked
//     against its length before anything is allocated. Nesting deeper than 64 is refused.
//   - Every tensor handed out lies inside its file and is aligned for its type.
//   - A weight file is mapped unless LoadOptions::copy_files asks for a copy. One that shrinks then
//     ends the program with SIGBUS where its lost pages are touched, one that is overwritten
//     changes the weights; replacing it by rename is harmless. A copy is safe from all of that, and
//     a file that shrinks while it is copied is a FileError.
//   - Weights with NaN or infinity are refused unless LoadOptions::allow_non_finite takes them.
//
// One outcome each, where formats leave room: text files may begin with a byte-order mark, which is
// skipped; a key twice in a JSON object is refused; of a token twice in vocab.txt the later line
// counts, and a blank line is the empty token; a vocab.txt that is not UTF-8 is refused with its
// line.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/io/file_source.h"
#include "semblance/io/file_system.h"

namespace semblance {

// Whether a relative path stays inside its folder as written: not absolute, no ".." component, no
// drive letter, no NUL. Backslashes count as separators. The empty path is the folder itself.
inline bool stays_inside_folder(std::string_view relative) noexcept {
  if (relative.find('\0') != std::string_view::npos) return false;
  if (relative.starts_with('/') || relative.starts_with('\\')) return false;
  if (relative.size() >= 2 && relative[1] == ':') return false;
  while (!relative.empty()) {
    const std::size_t end = relative.find_first_of("/\\");
    if (relative.substr(0, end) == "..") return false;
    relative = end == std::string_view::npos ? std::string_view() : relative.substr(end + 1);
  }
  return true;
}

// A folder of model files from a stranger: no path that it hands out leads outside of it.
//
// Links are followed only to targets inside the folder. The one exception is the layout of the
// hub's cache, <model>/snapshots/<revision>/..., whose files are links into <model>/blobs.
//
// The folder may also be a table of files in memory, which outlives it and what was read from it.
class ModelFolder {
 public:
  // Throws FileError when there is no folder of that name.
  explicit ModelFolder(std::string path);
  // A folder in memory; the path is only a name for messages.
  ModelFolder(std::string path, std::span<const MemoryFile> files)
      : path_(std::move(path)), in_memory_(true), files_(files) {}

  // As the caller gave it.
  const std::string& path() const noexcept { return path_; }

  // What to open, when something of that name is there (perhaps not a file; opening it will say).
  // Throws FileError when the name or a link leaves the folder, or a link leads nowhere.
  std::optional<FileSource> find(std::string_view relative) const;
  // The same, but throws FileError when nothing is there.
  FileSource require(std::string_view relative) const;

  // A folder inside this one, bounded by this one's outermost folder. Throws FileError when it is
  // missing.
  ModelFolder subfolder(std::string_view relative) const;

  // "folder/relative".
  std::string join(std::string_view relative) const;

 private:
  ModelFolder(std::string path, const ModelFolder& parent);
  void check_inside(const std::string& path) const;
  std::optional<FileSource> find_in_memory(std::string_view relative) const;
  bool is_folder_in_memory(std::string_view relative) const;

  std::string path_;
  // Resolved paths that a target must lie in; the second is empty outside a hub cache.
  std::string root_;
  std::string blobs_;
  bool in_memory_ = false;
  std::span<const MemoryFile> files_;
  std::string prefix_;  // of the names of its files: empty, or ends in '/'
};

namespace detail {

inline bool lies_in(std::string_view path, std::string_view folder) noexcept {
  if (folder.empty() || !path.starts_with(folder)) return false;
  return path.size() == folder.size() || folder.ends_with('/') || path[folder.size()] == '/';
}

// ".../models--x--y/blobs" for a path below ".../models--x--y/snapshots/<revision>".
inline std::string hub_cache_blobs(std::string_view resolved) {
  constexpr std::string_view kSnapshots = "/snapshots/";
  const std::size_t at = resolved.rfind(kSnapshots);
  if (at == std::string_view::npos) return {};
  const std::string_view model = resolved.substr(0, at);
  const std::size_t slash = model.rfind('/');
  const std::string_view name = slash == model.npos ? model : model.substr(slash + 1);
  return name.starts_with("models--") ? std::string(model) + "/blobs" : std::string();
}

}  // namespace detail

inline ModelFolder::ModelFolder(std::string path) : path_(std::move(path)) {
  const auto status =
      path_.find('\0') == std::string::npos ? detail::status_of(path_) : std::nullopt;
  if (!status || status->kind != detail::FileKind::folder) {
    throw FileError(path_, "", "a folder", status ? "a file" : "nothing of that name");
  }
  root_ = detail::resolved_path(path_);
  blobs_ = detail::hub_cache_blobs(root_);
}

inline ModelFolder::ModelFolder(std::string path, const ModelFolder& parent)
    : path_(std::move(path)),
      root_(parent.root_),
      blobs_(parent.blobs_),
      in_memory_(parent.in_memory_),
      files_(parent.files_) {}

inline std::string ModelFolder::join(std::string_view relative) const {
  if (relative.empty()) return path_;
  std::string joined = path_;
  if (!joined.ends_with('/')) joined += '/';
  return joined.append(relative);
}

inline void ModelFolder::check_inside(const std::string& path) const {
  const std::string resolved = detail::resolved_path(path);
  if (resolved.empty()) {
    if (errno == ENOENT) throw FileError(path, "", "a file", "a link to nothing");
    throw FileError(path, "", "a readable path", "one that cannot be followed");
  }
  if (!detail::lies_in(resolved, root_) && !detail::lies_in(resolved, blobs_)) {
    throw FileError(path, "", "a file inside the folder", "a link that leaves it");
  }
}

inline std::optional<FileSource> ModelFolder::find(std::string_view relative) const {
  if (!stays_inside_folder(relative)) {
    throw FileError(path_, "", "a path inside the folder", "\"" + std::string(relative) + "\"");
  }
  if (in_memory_) return find_in_memory(relative);
  std::string path = join(relative);
  if (!detail::is_taken(path)) return std::nullopt;
  check_inside(path);
  return path;
}

inline bool ModelFolder::is_folder_in_memory(std::string_view relative) const {
  if (relative.empty()) return true;
  const std::string prefix = prefix_ + std::string(relative) + '/';
  return std::any_of(files_.begin(), files_.end(), [&](const MemoryFile& file) {
    return std::string_view(file.name).starts_with(prefix);
  });
}

inline std::optional<FileSource> ModelFolder::find_in_memory(std::string_view relative) const {
  const std::string name = prefix_ + std::string(relative);
  for (const MemoryFile& file : files_) {
    if (file.name == name) return FileSource(join(relative), file);
  }
  if (is_folder_in_memory(relative)) return FileSource(join(relative));
  return std::nullopt;
}

inline FileSource ModelFolder::require(std::string_view relative) const {
  auto source = find(relative);
  if (!source) throw FileError(join(relative), "", "a file", "nothing of that name");
  return *std::move(source);
}

inline ModelFolder ModelFolder::subfolder(std::string_view relative) const {
  const FileSource source = require(relative);
  const bool is_folder =
      in_memory_ ? is_folder_in_memory(relative) : detail::is_folder(source.path());
  if (!is_folder) throw FileError(source.path(), "", "a folder", "a file");
  ModelFolder folder(source.path(), *this);
  folder.prefix_ = prefix_;
  if (!relative.empty()) folder.prefix_.append(relative) += '/';
  return folder;
}

}  // namespace semblance
