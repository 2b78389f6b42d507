#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

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

// Length of the valid UTF-8 sequence at the front of `text` (Unicode table 3-7), 0 if there is
// none.
inline std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  if (text.empty()) return 0;
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

inline std::string one_line(std::string_view message, std::size_t max_bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kEllipsis = "...";
  std::string line;
  std::size_t room_for_ellipsis = 0;  // the longest prefix of whole pieces that leaves it
  while (!message.empty()) {
    const std::size_t length = valid_utf8_prefix(message);
    const auto lead = static_cast<unsigned char>(message[0]);
    // C1 controls are C2 80 .. C2 9F; U+2028 and U+2029 (E2 80 A8, E2 80 A9) break lines too.
    const bool control =
        length == 0 || lead < 0x20 || lead == 0x7F ||
        (length == 2 && lead == 0xC2 && static_cast<unsigned char>(message[1]) < 0xA0) ||
        message.starts_with("\xE2\x80\xA8") || message.starts_with("\xE2\x80\xA9");
    const std::string_view piece = message.substr(0, length == 0 ? 1 : length);
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

// The parts may be long and hostile: each is escaped and then cut, the file at its front, so that
// those after it still fit.
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
