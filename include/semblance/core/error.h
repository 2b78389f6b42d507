#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG < 202002L : __cplusplus < 202002L
#error "Semblance needs C++20: -std=c++20"
#endif
#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "Semblance tells errors by exceptions, which -fno-exceptions takes away"
#endif

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "semblance/core/utf8.h"

#if defined(min) || defined(max)
#error "min and max must not be macros; NOMINMAX keeps <windows.h> from making them"
#endif

namespace semblance {

inline constexpr std::size_t kMaxErrorBytes = 600;

namespace detail {
std::string one_line(std::string_view message, std::size_t max_bytes = kMaxErrorBytes);
std::string describe(std::string_view file, std::string_view key, std::string_view expected,
                     std::string_view found);
}  // namespace detail

// Everything this library throws on purpose, except std::invalid_argument for a caller's mistake.
// what() is one line of at most kMaxErrorBytes bytes of UTF-8; control characters and invalid bytes
// that came from a file are escaped as \xNN.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string_view message) : std::runtime_error(detail::one_line(message)) {}
  // "file: "key": expected ..., found ..."; an empty key or found is left out.
  Error(std::string_view file, std::string_view key, std::string_view expected,
        std::string_view found)
      : Error(detail::describe(file, key, expected, found)) {}
};

// A file cannot be opened, mapped or read.
class FileError : public Error {
 public:
  using Error::Error;
};

// The bytes of a file are not what its format promises.
class FormatError : public Error {
 public:
  using Error::Error;
};

// A configuration key is missing, has the wrong type, or asks for something not supported.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// A tensor is missing or has another shape or dtype than the model needs.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// The caller's stop token asked to stop; nothing was returned and everything stays usable.
class Cancelled : public Error {
 public:
  using Error::Error;
};

namespace detail {

inline std::string one_line(std::string_view message, std::size_t max_bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kEllipsis = "...";
  std::string line;
  std::size_t room_for_ellipsis = 0;  // the longest prefix of whole pieces that leaves it
  while (!message.empty()) {
    const DecodedCodePoint c = decode_utf8(message);
    // Controls of ASCII and Latin-1, and the two code points that break lines too.
    const bool control = c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0) ||
                         c.value == 0x2028 || c.value == 0x2029 ||
                         !is_well_formed(message.data(), c);
    const std::string_view piece = message.substr(0, c.length);
    if (control) {
      for (const char byte : piece) {
        const auto value = static_cast<unsigned char>(byte);
        line += {'\\', 'x', kHex[value >> 4], kHex[value & 15]};
      }
    } else {
      line += piece;
    }
    if (line.size() > max_bytes) {
      line.resize(room_for_ellipsis);
      line += kEllipsis;
      break;
    }
    if (line.size() + kEllipsis.size() <= max_bytes) room_for_ellipsis = line.size();
    message.remove_prefix(piece.size());
  }
  return line;
}

// The parts may be long and hostile: each but `expected` is escaped and then cut, the file at its
// front, so that those after it still fit.
inline std::string describe(std::string_view file, std::string_view key, std::string_view expected,
                            std::string_view found) {
  constexpr std::size_t kPart = 150;
  std::string message;
  const std::string file_line = one_line(file, std::string::npos);
  if (file_line.size() <= kPart) {
    message += file_line;
  } else {
    std::size_t begin = file_line.size() - kPart;
    while ((static_cast<unsigned char>(file_line[begin]) & 0xC0) == 0x80) ++begin;
    message += "...";
    message.append(file_line, begin);
  }
  if (!key.empty()) {
    message += ": \"";
    message += one_line(key, kPart);
    message += '"';
  }
  message += ": expected ";
  message += expected;
  if (!found.empty()) {
    message += ", found ";
    message += one_line(found, kPart);
  }
  return message;
}

}  // namespace detail
}  // namespace semblance
