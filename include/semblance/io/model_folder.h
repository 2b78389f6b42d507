#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"

#include <sys/stat.h>
#include <sys/types.h>

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
// (On Windows links are not resolved; there paths are checked as written.)
class ModelFolder {
 public:
  // Throws FileError when there is no folder of that name.
  explicit ModelFolder(std::string path);

  // As the caller gave it.
  const std::string& path() const noexcept { return path_; }

  // The path to open, when something of that name is there (perhaps not a file; opening it will
  // say). Throws FileError when the name or a link leaves the folder, or a link leads nowhere.
  std::optional<std::string> find(std::string_view relative) const;
  // The same, but throws FileError when nothing is there.
  std::string require(std::string_view relative) const;

  // A folder inside this one, bounded by this one's outermost folder. Throws FileError when it is
  // missing.
  ModelFolder subfolder(std::string_view relative) const;

  // "folder/relative".
  std::string join(std::string_view relative) const;

 private:
  ModelFolder(std::string path, const ModelFolder& parent);
  void check_inside(const std::string& path) const;

  std::string path_;
  // Resolved paths that a target must lie in; the second is empty outside a hub cache.
  std::string root_;
  std::string blobs_;
};

namespace detail {

inline bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR;
}

// With all links followed; empty when that fails.
inline std::string resolved_path(const std::string& path) {
#if defined(_WIN32)
  return path;
#else
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, Free> text(::realpath(path.c_str(), nullptr));
  return text ? std::string(text.get()) : std::string();
#endif
}

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
  if (path_.find('\0') != std::string::npos || !detail::is_folder(path_)) {
    struct stat status {};
    const bool exists =
        path_.find('\0') == std::string::npos && ::stat(path_.c_str(), &status) == 0;
    throw FileError(path_, "", "a folder", exists ? "a file" : "nothing of that name");
  }
  root_ = detail::resolved_path(path_);
  blobs_ = detail::hub_cache_blobs(root_);
}

inline ModelFolder::ModelFolder(std::string path, const ModelFolder& parent)
    : path_(std::move(path)), root_(parent.root_), blobs_(parent.blobs_) {}

inline std::string ModelFolder::join(std::string_view relative) const {
  if (relative.empty()) return path_;
  std::string joined = path_;
  if (!joined.ends_with('/')) joined += '/';
  return joined.append(relative);
}

inline void ModelFolder::check_inside(const std::string& path) const {
#if !defined(_WIN32)
  const std::string resolved = detail::resolved_path(path);
  if (resolved.empty()) {
    if (errno == ENOENT) throw FileError(path, "", "a file", "a link to nothing");
    throw FileError(path, "", "a readable path", "one that cannot be followed");
  }
  if (!detail::lies_in(resolved, root_) && !detail::lies_in(resolved, blobs_)) {
    throw FileError(path, "", "a file inside the folder", "a link that leaves it");
  }
#endif
}

inline std::optional<std::string> ModelFolder::find(std::string_view relative) const {
  if (!stays_inside_folder(relative)) {
    throw FileError(path_, "", "a path inside the folder", "\"" + std::string(relative) + "\"");
  }
  std::string path = join(relative);
  struct stat status {};
#if defined(_WIN32)
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
#else
  if (::lstat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return std::nullopt;
  }
#endif
  check_inside(path);
  return path;
}

inline std::string ModelFolder::require(std::string_view relative) const {
  auto path = find(relative);
  if (!path) throw FileError(join(relative), "", "a file", "nothing of that name");
  return *std::move(path);
}

inline ModelFolder ModelFolder::subfolder(std::string_view relative) const {
  std::string path = require(relative);
  if (!detail::is_folder(path)) throw FileError(path, "", "a folder", "a file");
  return ModelFolder(std::move(path), *this);
}

}  // namespace semblance
