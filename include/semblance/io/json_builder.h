#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/core/function_ref.h"

namespace semblance {

struct JsonLimits {
  std::size_t max_bytes = std::size_t{64} << 20;
  std::size_t max_depth = 64;
};

// The object root[parent][key] where it is a large table of integers, such as a vocabulary: its
// members are handed on as they are read, in the file's order, and it stays empty in the document,
// where each would cost a node of a tree. Whoever takes them finds a key that comes twice.
struct JsonIntegerTable {
  std::string_view parent;
  std::string_view key;
  std::int64_t min;
  std::int64_t max;  // a member that is no integer from min to max throws ConfigError
  FunctionRef<void(std::string_view, std::int64_t)> member;
};

namespace detail {

// "file: line 3, column 7", counted in bytes from 1.
inline std::string json_position(std::string_view file, std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = before.size() - (newline == before.npos ? 0 : newline + 1);
  return std::string(file) + ": line " + std::to_string(line) + ", column " +
         std::to_string(std::max<std::size_t>(column, 1));
}

// What the parser says, without its own prefix:
// "[json.exception...] parse error at line 1, column 2: syntax error while parsing value - <what>".
inline FormatError json_syntax_error(std::string_view file, std::string_view text,
                                     std::size_t offset, const nlohmann::json::exception& error) {
  std::string found = error.what();
  if (const auto dash = found.find(" - "); dash != found.npos) {
    found.erase(0, dash + 3);
  } else if (const auto bracket = found.find("] "); bracket != found.npos) {
    found.erase(0, bracket + 2);
  }
  return FormatError(json_position(file, text, offset), "", "JSON", found);
}

// nlohmann takes a NUL for the end of the text; there is none in JSON, not even in strings.
inline void refuse_nul(std::string_view file, std::string_view text) {
  const std::size_t nul = text.find('\0');
  if (nul != text.npos)
    throw FormatError(json_position(file, text, nul + 1), "", "JSON", "a NUL byte");
}

// Empties a value from its leaves up. nlohmann's destructor allocates memory for the children of a
// container, and would end the program where there is none left; here there are no children any
// more. Recurses as deep as the value is nested.
inline void dismantle(nlohmann::json& value) noexcept {
  if (value.is_array()) {
    auto& array = value.get_ref<nlohmann::json::array_t&>();
    for (nlohmann::json& element : array) dismantle(element);
    array.clear();
  } else if (value.is_object()) {
    auto& object = value.get_ref<nlohmann::json::object_t&>();
    for (auto& [key, member] : object) dismantle(member);
    object.clear();
  }
}

// A scalar as it would be written, a container by its kind; short enough for a message.
inline std::string describe_json(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 80;
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return "\"" + (text.size() <= kLongest ? text : text.substr(0, kLongest) + "...") + "\"";
  }
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A number written without fraction or exponent, where it lies from min to max.
inline std::optional<std::int64_t> json_integer(const nlohmann::json& value, std::int64_t min,
                                                std::int64_t max) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() >
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  const auto integer = value.get<std::int64_t>();
  return integer >= min && integer <= max ? std::optional(integer) : std::nullopt;
}

// Receives the parser's events and makes something of them. Returning false from one would end the
// parse; errors are thrown instead. All readers stand behind nlohmann's one interface, so that a
// program holds one parser, not one for each.
class JsonReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonReader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  // Sends the events of the text. Throws FormatError where it is not JSON.
  void read() {
    refuse_nul(file_, text_);
    nlohmann::json::sax_parse(text_.begin(), text_.end(), static_cast<json_sax*>(this));
  }

  bool binary(binary_t&) final { return false; }
  bool parse_error(std::size_t offset, const std::string&,
                   const nlohmann::json::exception& error) final {
    throw json_syntax_error(file_, text_, offset, error);
  }

 protected:
  std::string_view text_;
  std::string_view file_;
};

// Builds the value, with limits that hold while parsing and not after.
class JsonBuilder final : public JsonReader {
 public:
  JsonBuilder(std::string_view text, std::string_view file, const JsonLimits& limits,
              const JsonIntegerTable* table)
      : JsonReader(text, file), limits_(limits), table_(table) {}
  JsonBuilder(const JsonBuilder&) = delete;
  JsonBuilder& operator=(const JsonBuilder&) = delete;
  ~JsonBuilder() final { dismantle(root_); }

  nlohmann::json take() { return std::move(root_); }

  bool null() final { return put(nullptr); }
  bool boolean(bool value) final { return put(value); }
  bool number_integer(number_integer_t value) final { return put(value); }
  bool number_unsigned(number_unsigned_t value) final { return put(value); }
  bool number_float(number_float_t value, const string_t&) final { return put(value); }
  bool string(string_t& value) final { return put(std::move(value)); }

  bool start_object(std::size_t) final { return open(nlohmann::json::object()); }
  bool end_object() final { return close(); }
  bool start_array(std::size_t) final { return open(nlohmann::json::array()); }
  bool end_array() final { return close(); }

  bool key(string_t& name) final {
    if (in_table_) {
      table_key_.swap(name);
      return true;
    }
    auto& object = open_.back()->get_ref<nlohmann::json::object_t&>();
    const auto [place, inserted] = object.emplace(std::move(name), nullptr);
    if (!inserted) {
      throw FormatError(file_, place->first, "each key once in an object", "it twice");
    }
    slot_ = &place->second;
    return true;
  }

 private:
  // The place for the next value: the member whose key came last, a new element, or the root.
  template <class Value>
  nlohmann::json* place(Value&& value) {
    if (open_.empty()) {
      root_ = std::forward<Value>(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<nlohmann::json::array_t&>();
      return &array.emplace_back(std::forward<Value>(value));
    }
    *slot_ = std::forward<Value>(value);
    return slot_;
  }
  template <class Value>
  bool put(Value&& value) {
    if (in_table_) {
      hand_on(std::forward<Value>(value));
    } else {
      place(std::forward<Value>(value));
    }
    return true;
  }
  void hand_on(const nlohmann::json& value) {
    const auto integer = json_integer(value, table_->min, table_->max);
    if (!integer) {
      throw ConfigError(
          file_, std::string(table_->parent) + '.' + std::string(table_->key) + '.' + table_key_,
          "an integer from " + std::to_string(table_->min) + " to " + std::to_string(table_->max),
          describe_json(value));
    }
    table_->member(table_key_, *integer);
  }
  // Whether the object that opens now is the table: its place is that of the key that came last.
  bool opens_table() const {
    if (table_ == nullptr || open_.size() != 2) return false;
    const auto member = [](const nlohmann::json& object, std::string_view key) {
      if (!object.is_object()) return static_cast<const nlohmann::json*>(nullptr);
      const auto found = object.find(key);
      return found == object.end() ? nullptr : &*found;
    };
    return open_[1] == member(root_, table_->parent) && slot_ == member(*open_[1], table_->key);
  }
  bool open(nlohmann::json container) {
    if (in_table_) hand_on(container);
    in_table_ = container.is_object() && opens_table();
    if (open_.size() >= limits_.max_depth) {
      throw FormatError(file_, "",
                        "JSON nested at most " + std::to_string(limits_.max_depth) + " deep",
                        "deeper nesting");
    }
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    in_table_ = false;
    open_.pop_back();
    return true;
  }

  JsonLimits limits_;
  nlohmann::json root_;
  std::vector<nlohmann::json*> open_;  // containers not yet closed; none is moved while open
  nlohmann::json* slot_ = nullptr;
  const JsonIntegerTable* table_;
  bool in_table_ = false;
  string_t table_key_;
};

inline nlohmann::json build_json(std::string_view text, std::string_view file,
                                 const JsonLimits& limits, const JsonIntegerTable* table) {
  if (text.size() > limits.max_bytes) {
    throw FormatError(file, "", "at most " + std::to_string(limits.max_bytes) + " bytes of JSON",
                      std::to_string(text.size()));
  }
  JsonBuilder builder(text, file, limits, table);
  builder.read();
  return builder.take();
}

// The way from `node` to `target` by keys and indices; found by search, since only errors ask.
inline bool find_json_path(const nlohmann::json& node, const nlohmann::json* target,
                           std::string& path) {
  if (&node == target) return true;
  const std::size_t length = path.size();
  if (node.is_object()) {
    for (const auto& [key, value] : node.get_ref<const nlohmann::json::object_t&>()) {
      if (length != 0) path += '.';
      path += key;
      if (find_json_path(value, target, path)) return true;
      path.resize(length);
    }
  } else if (node.is_array()) {
    std::size_t index = 0;
    for (const auto& value : node) {
      path += "[" + std::to_string(index++) + "]";
      if (find_json_path(value, target, path)) return true;
      path.resize(length);
    }
  }
  return false;
}

inline std::string json_path(const nlohmann::json& root, const nlohmann::json* target) {
  std::string path;
  find_json_path(root, target, path);
  return path;
}

}  // namespace detail
}  // namespace semblance
