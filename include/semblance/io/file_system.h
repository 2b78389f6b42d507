#pragma once

// What the io room asks of the operating system, POSIX or Windows. Paths are UTF-8 on both.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <io.h>
#include <process.h>
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace semblance {

// What becomes of a file that has the name already when another is done.
enum class Existing { replace, keep };

namespace detail {

enum class FileKind { file, folder, other };

struct FileStatus {
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;         // in bytes
  std::int64_t modified = 0;      // in nanoseconds since 1970, as exactly as the system tells
  std::uint32_t permissions = 0;  // of POSIX
};

// All of these report a failure in errno.
//
// Of what the path leads to, links followed; nothing where it leads nowhere.
std::optional<FileStatus> status_of(const std::string& path);
std::optional<FileStatus> status_of(int descriptor);
// Whether something has that name, be it a link that leads nowhere.
bool is_taken(const std::string& path);
// With all links followed, '/' between its parts; empty when that fails. Throws std::bad_alloc.
std::string resolved_path(const std::string& path);

// Whether a mapped file may be replaced under its name.
#if defined(_WIN32)
inline constexpr bool kMappedFilesCanBeReplaced = false;
#else
inline constexpr bool kMappedFilesCanBeReplaced = true;
#endif

// A descriptor, or -1. Never blocks: a pipe without a writer would otherwise wait for one forever.
int open_to_read(const std::string& path);
void close_file(int descriptor) noexcept;
// How many bytes were read, fewer than `size` near the end, or -1.
std::ptrdiff_t read_file(int descriptor, void* buffer, std::size_t size);
// The file's first `size` bytes, which is not 0; empty when that fails.
std::span<const std::byte> map_file(int descriptor, std::size_t size);
void unmap_file(std::span<const std::byte> mapping) noexcept;
// Gives back the memory of the whole pages inside a part of a mapping, which stay readable.
void forget_pages(std::span<const std::byte> range) noexcept;

// A new file to write, or nullptr; EEXIST where something has the name.
std::FILE* create_file(const std::string& path);
// Where modes cannot be set, as on some mounts and on Windows, the file keeps the default.
void set_permissions(std::FILE* file, std::uint32_t permissions) noexcept;
// Down to the disk.
bool sync_file(std::FILE* file);
void remove_file(const std::string& path) noexcept;
// Gives a closed file another name. What is kept counts as success, and `from` is then removed.
bool rename_file(const std::string& from, const std::string& to, Existing existing);
int process_id() noexcept;

inline bool is_folder(const std::string& path) {
  const auto status = status_of(path);
  return status && status->kind == FileKind::folder;
}

}  // namespace detail

#if defined(_WIN32)

namespace detail {

// Empty, which names nothing, for what is not UTF-8.
inline std::wstring wide_path(const std::string& path) {
  const int length = static_cast<int>(path.size());
  const auto convert = [&](wchar_t* to, int room) {
    return ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), length, to, room);
  };
  std::wstring wide(static_cast<std::size_t>(convert(nullptr, 0)), L'\0');
  convert(wide.data(), static_cast<int>(wide.size()));
  return wide;
}

inline void set_errno() noexcept {
  switch (::GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_DIRECTORY: errno = ENOENT; break;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_USER_MAPPED_FILE: errno = EACCES; break;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: errno = EEXIST; break;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_COMMITMENT_LIMIT: errno = ENOMEM; break;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL: errno = ENOSPC; break;
    default: errno = EIO;
  }
}

class Handle {
 public:
  // Follows links. Sets errno where there is nothing to open.
  explicit Handle(const std::string& path)
      : handle_(::CreateFileW(wide_path(path).c_str(), 0,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr)) {
    if (!is_open()) set_errno();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (is_open()) ::CloseHandle(handle_);
  }

  bool is_open() const noexcept { return handle_ != INVALID_HANDLE_VALUE; }
  HANDLE get() const noexcept { return handle_; }

 private:
  HANDLE handle_;
};

inline std::optional<FileStatus> status_of(HANDLE handle) {
  FileStatus status;
  if (::GetFileType(handle) != FILE_TYPE_DISK) return status;
  BY_HANDLE_FILE_INFORMATION found;
  if (!::GetFileInformationByHandle(handle, &found)) {
    set_errno();
    return std::nullopt;
  }
  const auto join = [](DWORD high, DWORD low) { return std::uint64_t{high} << 32 | low; };
  const bool folder = (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  status.kind = folder ? FileKind::folder : FileKind::file;
  status.size = join(found.nFileSizeHigh, found.nFileSizeLow);
  // In units of 100 ns since 1601.
  constexpr std::int64_t kFrom1601To1970 = 116'444'736'000'000'000;
  const auto modified =
      join(found.ftLastWriteTime.dwHighDateTime, found.ftLastWriteTime.dwLowDateTime);
  status.modified = (static_cast<std::int64_t>(modified) - kFrom1601To1970) * 100;
  return status;
}

inline std::optional<FileStatus> status_of(const std::string& path) {
  const Handle handle(path);
  return handle.is_open() ? status_of(handle.get()) : std::nullopt;
}

inline std::optional<FileStatus> status_of(int descriptor) {
  return status_of(reinterpret_cast<HANDLE>(::_get_osfhandle(descriptor)));
}

inline bool is_taken(const std::string& path) {
  return ::GetFileAttributesW(wide_path(path).c_str()) != INVALID_FILE_ATTRIBUTES;
}

inline std::string resolved_path(const std::string& path) {
  const Handle handle(path);
  if (!handle.is_open()) return {};
  std::wstring wide(::GetFinalPathNameByHandleW(handle.get(), nullptr, 0, VOLUME_NAME_NT), L'\0');
  wide.resize(::GetFinalPathNameByHandleW(handle.get(), wide.data(),
                                          static_cast<DWORD>(wide.size()), VOLUME_NAME_NT));
  const auto convert = [&](char* to, int room) {
    return ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), static_cast<int>(wide.size()), to, room,
                                 nullptr, nullptr);
  };
  std::string resolved(static_cast<std::size_t>(convert(nullptr, 0)), '\0');
  convert(resolved.data(), static_cast<int>(resolved.size()));
  for (char& c : resolved) {
    if (c == '\\') c = '/';
  }
  return resolved;
}

inline int open_to_read(const std::string& path) {
  const int descriptor = ::_wopen(wide_path(path).c_str(), _O_RDONLY | _O_BINARY | _O_NOINHERIT);
  if (descriptor < 0 && errno == EACCES && is_folder(path)) errno = EISDIR;
  return descriptor;
}

inline void close_file(int descriptor) noexcept { ::_close(descriptor); }

inline std::ptrdiff_t read_file(int descriptor, void* buffer, std::size_t size) {
  return ::_read(descriptor, buffer, static_cast<unsigned>(size));
}

inline std::span<const std::byte> map_file(int descriptor, std::size_t size) {
  const auto file = reinterpret_cast<HANDLE>(::_get_osfhandle(descriptor));
  const HANDLE mapping = ::CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (mapping == nullptr) set_errno();
  if (mapping == nullptr) return {};
  const void* address = ::MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, size);
  if (address == nullptr) set_errno();
  ::CloseHandle(mapping);
  if (address == nullptr) return {};
  return {static_cast<const std::byte*>(address), size};
}

inline void unmap_file(std::span<const std::byte> mapping) noexcept {
  ::UnmapViewOfFile(mapping.data());
}

// Unlocking pages that are not locked takes them out of the working set, as VirtualUnlock's
// reference says.
inline void forget_pages(std::span<const std::byte> range) noexcept {
  if (!range.empty()) ::VirtualUnlock(const_cast<std::byte*>(range.data()), range.size());
}

inline std::FILE* create_file(const std::string& path) {
  const int descriptor =
      ::_wopen(wide_path(path).c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
               _S_IREAD | _S_IWRITE);
  return descriptor < 0 ? nullptr : ::_fdopen(descriptor, "wb");
}

inline void set_permissions(std::FILE*, std::uint32_t) noexcept {}

inline bool sync_file(std::FILE* file) { return ::_commit(::_fileno(file)) == 0; }

inline void remove_file(const std::string& path) noexcept { ::_wremove(wide_path(path).c_str()); }

inline bool rename_file(const std::string& from, const std::string& to, Existing existing) {
  const DWORD how = existing == Existing::replace ? MOVEFILE_REPLACE_EXISTING : 0;
  if (::MoveFileExW(wide_path(from).c_str(), wide_path(to).c_str(), how)) return true;
  if (existing == Existing::keep && is_taken(to)) {
    remove_file(from);
    return true;
  }
  set_errno();
  return false;
}

inline int process_id() noexcept { return ::_getpid(); }

}  // namespace detail

#else

namespace detail {

inline FileStatus status_from(const struct stat& found) noexcept {
  FileStatus status;
  if (S_ISREG(found.st_mode)) status.kind = FileKind::file;
  if (S_ISDIR(found.st_mode)) status.kind = FileKind::folder;
  status.size = static_cast<std::uint64_t>(found.st_size);
  status.modified = static_cast<std::int64_t>(found.st_mtime) * 1'000'000'000;
#if defined(__linux__)
  status.modified += found.st_mtim.tv_nsec;
#endif
  status.permissions = found.st_mode & 0777;
  return status;
}

inline std::optional<FileStatus> status_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return status_from(found);
}

inline std::optional<FileStatus> status_of(int descriptor) {
  struct stat found {};
  if (::fstat(descriptor, &found) != 0) return std::nullopt;
  return status_from(found);
}

inline bool is_taken(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

inline std::string resolved_path(const std::string& path) {
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, Free> text(::realpath(path.c_str(), nullptr));
  if (!text && errno == ENOMEM) throw std::bad_alloc();
  return text ? std::string(text.get()) : std::string();
}

inline int open_to_read(const std::string& path) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

inline void close_file(int descriptor) noexcept { ::close(descriptor); }

inline std::ptrdiff_t read_file(int descriptor, void* buffer, std::size_t size) {
  std::ptrdiff_t count = 0;
  do {
    count = ::read(descriptor, buffer, size);
  } while (count < 0 && errno == EINTR);
  return count;
}

inline std::span<const std::byte> map_file(int descriptor, std::size_t size) {
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) return {};
  return {static_cast<const std::byte*>(address), size};
}

inline void unmap_file(std::span<const std::byte> mapping) noexcept {
  ::munmap(const_cast<std::byte*>(mapping.data()), mapping.size());
}

inline void forget_pages(std::span<const std::byte> range) noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + range.size()) / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

inline std::FILE* create_file(const std::string& path) { return std::fopen(path.c_str(), "wbx"); }

inline void set_permissions(std::FILE* file, std::uint32_t permissions) noexcept {
  static_cast<void>(::fchmod(::fileno(file), static_cast<mode_t>(permissions)));
}

inline bool sync_file(std::FILE* file) { return ::fsync(::fileno(file)) == 0; }

inline void remove_file(const std::string& path) noexcept { std::remove(path.c_str()); }

inline bool rename_file(const std::string& from, const std::string& to, Existing existing) {
  // Unlike a rename, a link leaves what is there. Where a file system has no links, the rename
  // does.
  if (existing == Existing::keep && (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST)) {
    remove_file(from);
    return true;
  }
  return std::rename(from.c_str(), to.c_str()) == 0;
}

inline int process_id() noexcept { return ::getpid(); }

}  // namespace detail

#endif

}  // namespace semblance
