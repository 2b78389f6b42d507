#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/file_bytes.h"
#include "semblance/io/json_builder.h"

namespace semblance {

// A value inside a JsonDocument, which must outlive it. Every accessor that finds another type than
// asked for, or a value out of range, throws ConfigError naming file, key, expected and found.
//
// A key whose value is null counts as absent, except for contains() and is_null().
class JsonValue {
 public:
  static constexpr auto kMaxSize =
      static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());

  bool is_null() const noexcept { return value_->is_null(); }
  bool is_string() const noexcept { return value_->is_string(); }
  bool is_boolean() const noexcept { return value_->is_boolean(); }
  bool is_number() const noexcept { return value_->is_number(); }
  bool is_array() const noexcept { return value_->is_array(); }
  bool is_object() const noexcept { return value_->is_object(); }

  const std::string& as_string() const;
  bool as_boolean() const;
  // A number written without fraction or exponent. 768.0 is refused, as is true.
  std::int64_t as_integer(std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                          std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  std::size_t as_size(std::size_t min = 0, std::size_t max = kMaxSize) const;
  // Any finite number; integers beyond 64 bits are rounded.
  double as_number() const;

  // Elements of an array.
  std::vector<JsonValue> elements() const;
  // Members of an object, sorted by key (bytewise). The keys live as long as the document.
  std::vector<std::pair<std::string_view, JsonValue>> members() const;
  // Number of elements or members; 0 for anything else.
  std::size_t size() const noexcept {
    return value_->is_array() || value_->is_object() ? value_->size() : 0;
  }

  // Members of an object by key.
  bool contains(std::string_view key) const { return lookup(key) != nullptr; }
  std::optional<JsonValue> find(std::string_view key) const;
  JsonValue require(std::string_view key, std::string_view expected = "a value") const;

  std::string require_string(std::string_view key) const {
    return require(key, "a string").as_string();
  }
  bool require_boolean(std::string_view key) const {
    return require(key, "true or false").as_boolean();
  }
  std::size_t require_size(std::string_view key, std::size_t min, std::size_t max) const {
    return require(key, "an integer").as_size(min, max);
  }

  std::optional<std::string> optional_string(std::string_view key) const;
  std::optional<bool> optional_boolean(std::string_view key) const;
  std::optional<std::size_t> optional_size(std::string_view key, std::size_t min,
                                           std::size_t max) const;
  std::optional<double> optional_number(std::string_view key) const;

  // The file as the caller named it, and the way to this value: "normalizer.lowercase",
  // "added_tokens[3].id"; empty for the root.
  const std::string& file() const noexcept;
  std::string path() const;

  // For checks that JsonValue does not know: the error at this value, saying what was found.
  ConfigError error(std::string_view expected) const;
  // A scalar about as it is written, a container by its kind; short enough for an error message.
  std::string describe() const;

 private:
  friend class JsonDocument;
  struct Document;
  JsonValue(const nlohmann::json* value, const Document* document) noexcept
      : value_(value), document_(document) {}
  const nlohmann::json* lookup(std::string_view key) const;

  const nlohmann::json* value_;
  const Document* document_;
};

struct JsonValue::Document {
  Document() = default;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  ~Document() { detail::dismantle(root); }

  std::string file;
  nlohmann::json root;
};

// A parsed JSON text, at most as large as the limits allow.
//
// One outcome each: not UTF-8, trailing text, nesting deeper than max_depth, a number too large for
// a double, NaN and Infinity, or a key twice in one object (readers disagree about which counts)
// throw FormatError, with line and column where the syntax is at fault. A byte-order mark at the
// front is skipped.
class JsonDocument {
 public:
  JsonValue root() const noexcept { return {&document_->root, document_.get()}; }
  const std::string& file() const noexcept { return document_->file; }

  static JsonDocument parse(std::string_view text, std::string_view file,
                            const JsonLimits& limits = {},
                            const JsonIntegerTable* table = nullptr) {
    JsonDocument result;
    result.document_->file = file;
    result.document_->root = detail::build_json(text, file, limits, table);
    return result;
  }
  // Throws FileError, FormatError.
  static JsonDocument read(const FileSource& source, const JsonLimits& limits = {},
                           const JsonIntegerTable* table = nullptr) {
    const std::string text = read_file_bytes(source, limits.max_bytes);
    refuse_failed_download(source.path(), text);
    return parse(text, source.path(), limits, table);
  }

 private:
  JsonDocument() : document_(std::make_unique<JsonValue::Document>()) {}
  std::unique_ptr<JsonValue::Document> document_;
};

inline const std::string& JsonValue::file() const noexcept { return document_->file; }

inline const std::string& JsonValue::as_string() const {
  if (!value_->is_string()) throw error("a string");
  return value_->get_ref<const std::string&>();
}

inline bool JsonValue::as_boolean() const {
  if (!value_->is_boolean()) throw error("true or false");
  return value_->get<bool>();
}

inline std::int64_t JsonValue::as_integer(std::int64_t min, std::int64_t max) const {
  if (const auto integer = detail::json_integer(*value_, min, max)) return *integer;
  if (min == std::numeric_limits<std::int64_t>::min()) throw error("an integer");
  if (max == std::numeric_limits<std::int64_t>::max()) {
    throw error("an integer, at least " + std::to_string(min));
  }
  throw error("an integer from " + std::to_string(min) + " to " + std::to_string(max));
}

inline std::size_t JsonValue::as_size(std::size_t min, std::size_t max) const {
  constexpr auto kMax = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::size_t>(as_integer(static_cast<std::int64_t>(min < kMax ? min : kMax),
                                             static_cast<std::int64_t>(max < kMax ? max : kMax)));
}

inline double JsonValue::as_number() const {
  if (!value_->is_number() || !std::isfinite(value_->get<double>())) throw error("a number");
  return value_->get<double>();
}

inline std::vector<JsonValue> JsonValue::elements() const {
  if (!value_->is_array()) throw error("an array");
  std::vector<JsonValue> result;
  result.reserve(value_->size());
  for (const auto& element : *value_) result.push_back({&element, document_});
  return result;
}

inline std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
  if (!value_->is_object()) throw error("an object");
  std::vector<std::pair<std::string_view, JsonValue>> result;
  result.reserve(value_->size());
  for (const auto& [key, value] : value_->get_ref<const nlohmann::json::object_t&>()) {
    result.emplace_back(key, JsonValue(&value, document_));
  }
  return result;
}

inline const nlohmann::json* JsonValue::lookup(std::string_view key) const {
  if (!value_->is_object()) throw error("an object");
  const auto& object = value_->get_ref<const nlohmann::json::object_t&>();
  const auto found = object.find(std::string(key));
  return found == object.end() ? nullptr : &found->second;
}

inline std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  const nlohmann::json* found = lookup(key);
  if (found == nullptr || found->is_null()) return std::nullopt;
  return JsonValue(found, document_);
}

inline JsonValue JsonValue::require(std::string_view key, std::string_view expected) const {
  if (const auto found = find(key)) return *found;
  const std::string parent = path();
  throw ConfigError(file(), (parent.empty() ? "" : parent + ".") + std::string(key), expected,
                    contains(key) ? "null" : "no such key");
}

inline std::optional<std::string> JsonValue::optional_string(std::string_view key) const {
  const auto found = find(key);
  return found ? std::optional(found->as_string()) : std::nullopt;
}

inline std::optional<bool> JsonValue::optional_boolean(std::string_view key) const {
  const auto found = find(key);
  return found ? std::optional(found->as_boolean()) : std::nullopt;
}

inline std::optional<std::size_t> JsonValue::optional_size(std::string_view key, std::size_t min,
                                                           std::size_t max) const {
  const auto found = find(key);
  return found ? std::optional(found->as_size(min, max)) : std::nullopt;
}

inline std::optional<double> JsonValue::optional_number(std::string_view key) const {
  const auto found = find(key);
  return found ? std::optional(found->as_number()) : std::nullopt;
}

inline std::string JsonValue::path() const { return detail::json_path(document_->root, value_); }

inline ConfigError JsonValue::error(std::string_view expected) const {
  return ConfigError(file(), path(), expected, describe());
}

inline std::string JsonValue::describe() const { return detail::describe_json(*value_); }

}  // namespace semblance
