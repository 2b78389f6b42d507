#pragma once

#include <cstddef>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/core/utf8.h"

namespace semblance::fuzz {

// One reader of untrusted bytes. Run on anything it returns or throws a one-line semblance::Error;
// whatever else comes out of it is a finding.
struct Target {
  std::string_view name;  // of its folder in corpus/
  void (*run)(std::string_view bytes);
};

// For the names of parameterized tests.
inline void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

// The targets linked into this program: one into a fuzzer, all into the replay test.
inline std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

struct Registration {
  Registration(std::string_view name, void (*run)(std::string_view)) {
    targets().push_back({name, run});
  }
};

// What holds for whatever was read.
inline void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

inline void run(const Target& target, std::string_view bytes) {
  try {
    target.run(bytes);
  } catch (const Error& error) {
    const std::string_view message = error.what();
    require(!message.empty() && message.size() <= kMaxErrorBytes, "a message of 1 to 600 bytes");
    for (const char c : message) {
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "a message of one line");
    }
    require(find_invalid_utf8(message) == message.size(), "a message in UTF-8");
  }
}

}  // namespace semblance::fuzz
