#pragma once

#include <cstdint>
#include <string_view>

namespace semblance {

// A value of an unpickled program. Values refer to one another by PickleRef, an index into the
// Pickle that owns them all: shared and even cyclic references need no care, and nothing recurses.
using PickleRef = std::uint32_t;

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  long_integer,  // more than 64 bits: `text` has it as written, in two's complement or decimal
  real,
  text,
  tuple,
  list,
  dict,       // items: key, value, key, value ...
  global,     // an import from the allowed list: `text` holds "module.name"
  call,       // items: the global, the arguments' tuple; nothing is ever called
  persistent  // items: the id
};

struct PickleValue {
  PickleKind kind = PickleKind::none;
  std::uint32_t num_items = 0;  // of a tuple, call or persistent
  std::int64_t number = 0;      // boolean and integer; where the items are otherwise
  std::string_view text;        // into the pickled bytes
};

}  // namespace semblance
