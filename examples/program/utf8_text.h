#pragma once

#include <string>
#include <string_view>

#include "semblance/text/utf8.h"

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

}  // namespace program
