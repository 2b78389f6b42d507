#pragma once

#include <string>

#include "semblance/core/error.h"

namespace program {

// One line, whatever the text holds.
inline std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return text;
}

// A name as it may stand in a line of a terminal: controls and ill-formed bytes read as \xNN.
inline std::string printable(const std::string& name) { return semblance::Error(name).what(); }

}  // namespace program
