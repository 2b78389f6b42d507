#pragma once

#include <utf8proc.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "semblance/core/utf8.h"

namespace program {

// The text with U+FFFD for what is no UTF-8, as names of files may be.
inline std::string repaired_utf8(std::string_view text) {
  std::string repaired;
  while (!text.empty()) {
    const auto c = semblance::decode_utf8(text);
    semblance::append_utf8(c.value, repaired);
    text.remove_prefix(c.length);
  }
  return repaired;
}

// Columns that the text takes in a terminal: two for each ideograph.
inline std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto c = semblance::decode_utf8(text);
    width += static_cast<std::size_t>(utf8proc_charwidth(static_cast<utf8proc_int32_t>(c.value)));
    text.remove_prefix(c.length);
  }
  return width;
}

}  // namespace program
