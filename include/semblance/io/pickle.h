#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/byte_reader.h"
#include "semblance/io/pickle_value.h"

namespace semblance {

// Reads the pickle language's data part (Python's Lib/pickletools.py; protocols 1 to 5 as far as
// torch.save writes state dicts with them) and describes the calls instead of making them. What is
// outside of this closed set - other opcodes, imports not in `allowed_globals`, attributes of
// anything but a dictionary - is refused by name. Memory is at most 80 bytes for each byte read.
class Pickle {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

  // Reads one pickle, up to and with its STOP, off the front of `reader`; the bytes must outlive
  // it. `allowed_globals` holds "module.name". Throws FormatError.
  Pickle(ByteReader& reader, std::span<const std::string_view> allowed_globals);

  PickleRef root() const noexcept { return root_; }
  const PickleValue& operator[](PickleRef ref) const noexcept { return values_[ref]; }
  // The parts of a tuple, list, dict, call or persistent; empty for anything else.
  std::span<const PickleRef> items(PickleRef ref) const noexcept {
    const PickleValue& value = values_[ref];
    const auto place = static_cast<std::size_t>(value.number);
    if (is_fixed(value.kind)) return std::span(fixed_).subspan(place, value.num_items);
    if (is_growing(value.kind)) return growing_[place];
    return {};
  }
  // Whether this is a call of the global of that name.
  bool is_call(PickleRef ref, std::string_view global) const noexcept {
    return values_[ref].kind == PickleKind::call && values_[items(ref)[0]].text == global;
  }
  // "a tuple", "the integer 3", for messages.
  std::string describe(PickleRef ref) const;

 private:
  static bool is_fixed(PickleKind kind) noexcept {
    return kind == PickleKind::tuple || kind == PickleKind::call || kind == PickleKind::persistent;
  }
  static bool is_growing(PickleKind kind) noexcept {
    return kind == PickleKind::list || kind == PickleKind::dict;
  }

  void run(ByteReader& reader);
  void step(ByteReader& reader, std::uint8_t opcode);

  PickleRef add(PickleValue value);
  PickleRef add(PickleKind kind, std::int64_t number = 0, std::string_view text = {}) {
    return add({.kind = kind, .num_items = 0, .number = number, .text = text});
  }
  PickleRef add_fixed(PickleKind kind, std::span<const PickleRef> items);
  PickleRef add_growing(PickleKind kind, std::vector<PickleRef> items);
  void push(PickleRef ref) { stack_.push_back(ref); }
  void push_integer(std::int64_t number) { push(add(PickleKind::integer, number)); }
  void push_text(std::string_view text) { push(add(PickleKind::text, 0, text)); }
  void push_long(std::string_view little_endian);
  void push_decimal(ByteReader& reader, std::string_view digits);
  void push_global(ByteReader& reader, std::string_view module, std::string_view name);

  PickleRef pop(ByteReader& reader);
  PickleRef top(ByteReader& reader) const;
  std::vector<PickleRef> pop_mark(ByteReader& reader);
  std::vector<PickleRef>& container_at_top(ByteReader& reader, PickleKind kind);
  void tuple_of(ByteReader& reader, std::size_t count);
  void reduce(ByteReader& reader);
  void recall(ByteReader& reader, std::uint32_t index);
  std::size_t floor() const noexcept { return marks_.empty() ? 0 : marks_.back(); }

  std::span<const std::string_view> allowed_globals_;
  std::deque<PickleValue> values_;
  std::vector<PickleRef> fixed_;                // items of tuples, calls and persistents
  std::deque<std::vector<PickleRef>> growing_;  // items of lists and dicts
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;  // stack heights
  std::map<std::uint32_t, PickleRef> memo_;
  std::size_t num_members_copied_ = 0;
  PickleRef root_ = 0;
};

inline std::string Pickle::describe(PickleRef ref) const {
  const PickleValue& value = values_[ref];
  switch (value.kind) {
    case PickleKind::none: return "None";
    case PickleKind::boolean: return value.number != 0 ? "True" : "False";
    case PickleKind::integer: return "the integer " + std::to_string(value.number);
    case PickleKind::long_integer: return "a large integer";
    case PickleKind::real: return "a float";
    case PickleKind::text: return "\"" + std::string(value.text.substr(0, 80)) + "\"";
    case PickleKind::tuple: return "a tuple of " + std::to_string(items(ref).size());
    case PickleKind::list: return "a list";
    case PickleKind::dict: return "a dictionary";
    case PickleKind::global: return std::string(value.text);
    case PickleKind::call: return "a " + std::string(values_[items(ref)[0]].text);
    case PickleKind::persistent: return "a storage";
  }
  return "";
}

inline Pickle::Pickle(ByteReader& reader, std::span<const std::string_view> allowed_globals)
    : allowed_globals_(allowed_globals) {
  add(PickleKind::none);
  add(PickleKind::boolean, 0);
  add(PickleKind::boolean, 1);
  add_fixed(PickleKind::tuple, {});
  run(reader);
  stack_ = {};
  marks_ = {};
  memo_ = {};
}

inline void Pickle::run(ByteReader& reader) {
  constexpr std::uint8_t kStop = '.';
  const std::size_t start = reader.position();
  for (;;) {
    if (reader.position() - start > kMaxBytes) {
      throw reader.error("a pickle of at most " + std::to_string(kMaxBytes) + " bytes", "more");
    }
    const std::uint8_t opcode = reader.u8();
    if (opcode == kStop) break;
    step(reader, opcode);
  }
  if (stack_.size() != 1 || !marks_.empty()) {
    throw reader.error("one value at the end of the pickle", std::to_string(stack_.size()));
  }
  root_ = stack_.back();
}

inline void Pickle::step(ByteReader& reader, std::uint8_t opcode) {
  constexpr PickleRef kNone = 0;
  constexpr PickleRef kFalse = 1;
  constexpr PickleRef kTrue = 2;
  constexpr PickleRef kEmptyTuple = 3;
  switch (opcode) {
    case 0x80: {  // PROTO
      const std::uint8_t protocol = reader.u8();
      if (protocol > 5) throw reader.error("a pickle protocol up to 5", std::to_string(protocol));
      return;
    }
    case 0x95: {  // FRAME: only a hint of how much to read ahead
      const std::uint64_t size = reader.u64();
      if (size > reader.remaining()) throw reader.error("a frame inside the file", "a longer one");
      return;
    }
    case '(': marks_.push_back(stack_.size()); return;

    case 'N': return push(kNone);
    case 0x88: return push(kTrue);
    case 0x89: return push(kFalse);
    case ')': return push(kEmptyTuple);
    case ']': return push(add_growing(PickleKind::list, {}));
    case '}': return push(add_growing(PickleKind::dict, {}));

    case 'K': return push_integer(reader.u8());
    case 'M': return push_integer(reader.u16());
    case 'J': return push_integer(static_cast<std::int32_t>(reader.u32()));
    case 0x8a: return push_long(reader.take_text(reader.u8()));   // LONG1
    case 0x8b: return push_long(reader.take_text(reader.u32()));  // LONG4
    case 'I': {
      const std::string_view digits = reader.take_line();
      if (digits == "00" || digits == "01") return push(digits == "01" ? kTrue : kFalse);
      return push_decimal(reader, digits);
    }
    case 'L': {
      std::string_view digits = reader.take_line();
      if (digits.ends_with('L')) digits.remove_suffix(1);
      return push_decimal(reader, digits);
    }
    case 'G':  // BINFLOAT; no use is made of its value
      reader.take(8);
      return push(add(PickleKind::real));

    case 'X': return push_text(reader.take_text(reader.u32()));  // BINUNICODE
    case 'T': return push_text(reader.take_text(reader.u32()));  // BINSTRING, Python 2's str
    case 'U': return push_text(reader.take_text(reader.u8()));   // SHORT_BINSTRING
    case 0x8c: return push_text(reader.take_text(reader.u8()));  // SHORT_BINUNICODE

    case 't': return push(add_fixed(PickleKind::tuple, pop_mark(reader)));
    case 0x85: return tuple_of(reader, 1);
    case 0x86: return tuple_of(reader, 2);
    case 0x87: return tuple_of(reader, 3);
    case 'a': {  // APPEND
      const PickleRef item = pop(reader);
      container_at_top(reader, PickleKind::list).push_back(item);
      return;
    }
    case 'e': {  // APPENDS
      const auto items = pop_mark(reader);
      auto& list = container_at_top(reader, PickleKind::list);
      list.insert(list.end(), items.begin(), items.end());
      return;
    }
    case 's': {  // SETITEM
      const PickleRef value = pop(reader);
      const PickleRef key = pop(reader);
      auto& dict = container_at_top(reader, PickleKind::dict);
      dict.push_back(key);
      dict.push_back(value);
      return;
    }
    case 'u': {  // SETITEMS
      const auto items = pop_mark(reader);
      if (items.size() % 2 != 0) throw reader.error("a value for each key", "a key alone");
      auto& dict = container_at_top(reader, PickleKind::dict);
      dict.insert(dict.end(), items.begin(), items.end());
      return;
    }

    case 'c': {  // GLOBAL
      const std::string_view module = reader.take_line();
      return push_global(reader, module, reader.take_line());
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue& name = values_[pop(reader)];
      const PickleValue& module = values_[pop(reader)];
      if (name.kind != PickleKind::text || module.kind != PickleKind::text) {
        throw reader.error("the name of an import", "something else");
      }
      return push_global(reader, module.text, name.text);
    }
    case 'R': return reduce(reader);
    case 'Q': {  // BINPERSID
      const PickleRef id = pop(reader);
      return push(add_fixed(PickleKind::persistent, {&id, 1}));
    }
    case 'b':  // BUILD: attributes of a state dict (its _metadata), which nobody needs
      pop(reader);
      container_at_top(reader, PickleKind::dict);
      return;

    case 'q': memo_[reader.u8()] = top(reader); return;
    case 'r': memo_[reader.u32()] = top(reader); return;
    case 0x94: memo_[static_cast<std::uint32_t>(memo_.size())] = top(reader); return;  // MEMOIZE
    case 'h': return recall(reader, reader.u8());
    case 'j': return recall(reader, reader.u32());
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  throw reader.error("an opcode that a state dict needs",
                     std::string("opcode 0x") + kHex[opcode >> 4] + kHex[opcode & 15]);
}

inline PickleRef Pickle::add(PickleValue value) {
  values_.push_back(value);
  return static_cast<PickleRef>(values_.size() - 1);
}

inline PickleRef Pickle::add_fixed(PickleKind kind, std::span<const PickleRef> items) {
  const auto place = static_cast<std::int64_t>(fixed_.size());
  fixed_.insert(fixed_.end(), items.begin(), items.end());
  return add({.kind = kind,
              .num_items = static_cast<std::uint32_t>(items.size()),
              .number = place,
              .text = {}});
}

inline PickleRef Pickle::add_growing(PickleKind kind, std::vector<PickleRef> items) {
  growing_.push_back(std::move(items));
  return add(kind, static_cast<std::int64_t>(growing_.size() - 1));
}

inline void Pickle::push_long(std::string_view little_endian) {
  if (little_endian.size() > 8) {
    return push(add(PickleKind::long_integer, 0, little_endian));
  }
  // Two's complement of any length up to 8 bytes: the sign is the top bit of the last byte.
  const bool negative = !little_endian.empty() && (little_endian.back() & 0x80) != 0;
  std::uint64_t bits = negative ? ~std::uint64_t{0} : 0;
  std::memcpy(&bits, little_endian.data(), little_endian.size());
  push_integer(static_cast<std::int64_t>(bits));
}

inline void Pickle::push_decimal(ByteReader& reader, std::string_view digits) {
  std::int64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, number);
  if (result.ptr != end || digits.empty()) throw reader.error("an integer", "other text");
  if (result.ec == std::errc()) return push_integer(number);
  push(add(PickleKind::long_integer, 0, digits));
}

inline void Pickle::push_global(ByteReader& reader, std::string_view module,
                                std::string_view name) {
  std::string_view full;
  for (const std::string_view allowed : allowed_globals_) {
    if (allowed.size() == module.size() + 1 + name.size() && allowed.starts_with(module) &&
        allowed[module.size()] == '.' && allowed.ends_with(name)) {
      full = allowed;
    }
  }
  if (full.empty()) {
    throw reader.error(
        "only the imports of a state dict",
        "\"" + std::string(module.substr(0, 60)) + "." + std::string(name.substr(0, 60)) + "\"");
  }
  push(add(PickleKind::global, 0, full));
}

inline PickleRef Pickle::pop(ByteReader& reader) {
  const PickleRef ref = top(reader);
  stack_.pop_back();
  return ref;
}

inline PickleRef Pickle::top(ByteReader& reader) const {
  if (stack_.size() <= floor()) throw reader.error("a value on the stack", "none");
  return stack_.back();
}

inline std::vector<PickleRef> Pickle::pop_mark(ByteReader& reader) {
  if (marks_.empty()) throw reader.error("a mark on the stack", "none");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleRef> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

inline std::vector<PickleRef>& Pickle::container_at_top(ByteReader& reader, PickleKind kind) {
  const PickleRef ref = top(reader);
  if (values_[ref].kind != kind) {
    throw reader.error(kind == PickleKind::list ? "a list" : "a dictionary", describe(ref));
  }
  return growing_[static_cast<std::size_t>(values_[ref].number)];
}

inline void Pickle::tuple_of(ByteReader& reader, std::size_t count) {
  PickleRef items[3];
  for (std::size_t i = count; i-- > 0;) items[i] = pop(reader);
  push(add_fixed(PickleKind::tuple, {items, count}));
}

// collections.OrderedDict() and, as Python 2 wrote it, OrderedDict([[key, value], ...]) become a
// dict; every other call stays a description of itself.
inline void Pickle::reduce(ByteReader& reader) {
  const PickleRef arguments = pop(reader);
  const PickleRef callable = pop(reader);
  if (values_[callable].kind != PickleKind::global) {
    throw reader.error("an import to call", describe(callable));
  }
  if (values_[arguments].kind != PickleKind::tuple) {
    throw reader.error("a tuple of arguments", describe(arguments));
  }
  if (values_[callable].text != "collections.OrderedDict") {
    const PickleRef call[] = {callable, arguments};
    return push(add_fixed(PickleKind::call, call));
  }
  std::vector<PickleRef> members;
  if (const auto given = items(arguments); !given.empty()) {
    // One list given to many calls would be copied as often.
    num_members_copied_ += items(given[0]).size();
    if (num_members_copied_ > reader.position()) {
      throw reader.error("each member of a dictionary written out", "a list used many times");
    }
    for (const PickleRef pair : items(given[0])) {
      const auto key_and_value = items(pair);
      if (key_and_value.size() != 2) throw reader.error("key and value", describe(pair));
      members.insert(members.end(), key_and_value.begin(), key_and_value.end());
    }
  }
  push(add_growing(PickleKind::dict, std::move(members)));
}

inline void Pickle::recall(ByteReader& reader, std::uint32_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) throw reader.error("a remembered value", "none of that number");
  push(found->second);
}

}  // namespace semblance
