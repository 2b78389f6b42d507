#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace program {

// The shortest decimal that reads back as the same value; a float reads back as the same float.
template <class Number>
requires std::floating_point<Number> || std::integral<Number>
void append_number(std::string& out, Number value) {
  char digits[48];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// `text` as a JSON string; it must be UTF-8.
inline void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  out += '"';
}

// "[...]", where append(out, value) writes each value.
template <class Values, class Append>
void append_json_list(std::string& out, const Values& values, const Append& append) {
  out += '[';
  bool first = true;
  for (const auto& value : values) {
    if (!first) out += ',';
    first = false;
    append(out, value);
  }
  out += ']';
}

template <class Numbers>
void append_json_numbers(std::string& out, const Numbers& values) {
  append_json_list(out, values, [](std::string& o, auto value) { append_number(o, value); });
}

}  // namespace program
