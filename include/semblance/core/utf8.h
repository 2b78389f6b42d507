#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace semblance {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// A code point and the bytes it took.
struct DecodedCodePoint {
  char32_t value;
  std::uint32_t length;
};

// The code point at the front of [text, end), which must not be empty.
//
// Bytes that are no UTF-8 have one outcome: every maximal subpart of an ill-formed sequence
// (Unicode 15.0, section 3.9, table 3-8) reads as one U+FFFD, as Python's errors="replace" decodes
// it. Never reads at or past `end`.
inline DecodedCodePoint decode_utf8(const char* text, const char* end) noexcept {
  const auto byte = [text](int i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::ptrdiff_t left = end - text;
  const auto continues = [&](int i) { return (byte(i) & 0xC0) == 0x80; };
  if (lead < 0xE0) {
    if (lead < 0xC2 || left < 2 || !continues(1)) return {kReplacementCharacter, 1};
    return {((lead & 0x1F) << 6) | (byte(1) & 0x3F), 2};
  }
  if (lead < 0xF0) {
    if (left < 2 || !continues(1) || (lead == 0xE0 && byte(1) < 0xA0) ||
        (lead == 0xED && byte(1) > 0x9F)) {
      return {kReplacementCharacter, 1};
    }
    if (left < 3 || !continues(2)) return {kReplacementCharacter, 2};
    return {((lead & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F), 3};
  }
  if (lead > 0xF4 || left < 2 || !continues(1) || (lead == 0xF0 && byte(1) < 0x90) ||
      (lead == 0xF4 && byte(1) > 0x8F)) {
    return {kReplacementCharacter, 1};
  }
  if (left < 3 || !continues(2)) return {kReplacementCharacter, 2};
  if (left < 4 || !continues(3)) return {kReplacementCharacter, 3};
  return {
      ((lead & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F),
      4};
}

inline DecodedCodePoint decode_utf8(std::string_view text) noexcept {
  return decode_utf8(text.data(), text.data() + text.size());
}

// Writes 1 to 4 bytes at `out`; returns how many. `c` is a Unicode scalar value.
inline std::size_t encode_utf8(char32_t c, char* out) noexcept {
  const auto put = [](std::uint32_t value) {
    return static_cast<char>(static_cast<unsigned char>(value));
  };
  if (c < 0x80) {
    out[0] = put(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = put(0xC0 | (c >> 6));
    out[1] = put(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = put(0xE0 | (c >> 12));
    out[1] = put(0x80 | ((c >> 6) & 0x3F));
    out[2] = put(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = put(0xF0 | (c >> 18));
  out[1] = put(0x80 | ((c >> 12) & 0x3F));
  out[2] = put(0x80 | ((c >> 6) & 0x3F));
  out[3] = put(0x80 | (c & 0x3F));
  return 4;
}

inline void append_utf8(char32_t c, std::string& out) {
  char bytes[4];
  out.append(bytes, encode_utf8(c, bytes));
}

// Whether the bytes at `at` spell what decode_utf8 made of them; false where they were replaced.
inline bool is_well_formed(const char* at, DecodedCodePoint c) noexcept {
  // A real U+FFFD takes three bytes that spell it; what is replaced starts otherwise.
  return c.value != kReplacementCharacter ||
         (c.length == 3 && std::string_view(at, 3) == "\xEF\xBF\xBD");
}

// Byte position of the first ill-formed sequence, or text.size().
inline std::size_t find_invalid_utf8(std::string_view text) noexcept {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  for (const char* at = begin; at < end;) {
    const DecodedCodePoint c = decode_utf8(at, end);
    if (!is_well_formed(at, c)) return static_cast<std::size_t>(at - begin);
    at += c.length;
  }
  return text.size();
}

}  // namespace semblance
