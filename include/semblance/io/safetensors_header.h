#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/json_builder.h"
#include "semblance/tensor/dtype.h"
#include "semblance/tensor/shape.h"

namespace semblance::detail {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in file order
  std::map<std::string, std::string> metadata;
};

inline std::optional<DType> safetensors_dtype(std::string_view name) noexcept {
  for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32,
                            DType::i16, DType::i8, DType::u8, DType::boolean}) {
    if (name == name_of(dtype)) return dtype;
  }
  return std::nullopt;
}

// Reads the header straight from the parser's events: no tree of JSON values is built, a header of
// tens of megabytes costs only what its entries hold.
class SafetensorsHeaderReader final : public JsonReader {
 public:
  using JsonReader::JsonReader;

  SafetensorsHeader take() { return std::move(header_); }

  bool null() final {
    if (place_ == Place::top && in_metadata_) {
      in_metadata_ = false;
      return true;
    }
    return other("null");
  }
  bool boolean(bool value) final { return other(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) final { return other(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) final { return other(text); }

  bool number_unsigned(number_unsigned_t value) final {
    if (place_ == Place::shape) {
      if (value > std::numeric_limits<std::size_t>::max()) return other(std::to_string(value));
      sizes_.push_back(static_cast<std::size_t>(value));
      return true;
    }
    if (place_ == Place::offsets && num_offsets_ < 2) {
      (num_offsets_ == 0 ? entry_.begin : entry_.end) = value;
      ++num_offsets_;
      return true;
    }
    return other(std::to_string(value));
  }

  bool string(string_t& value) final {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (place_ == Place::entry && field_ == Field::dtype) {
      const auto dtype = safetensors_dtype(value);
      if (!dtype) {
        throw FormatError(file_, entry_.name + ".dtype",
                          "one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL",
                          "\"" + value + "\"");
      }
      entry_.dtype = *dtype;
      return true;
    }
    return other("a string");
  }

  bool start_object(std::size_t) final {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && in_metadata_) {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::entry;
      std::fill(std::begin(seen_), std::end(seen_), false);
    } else {
      return other("an object");
    }
    return true;
  }

  bool key(string_t& name) final {
    key_ = name;
    if (place_ == Place::top) {
      in_metadata_ = name == "__metadata__";
      if (in_metadata_ && std::exchange(metadata_seen_, true)) throw twice(name);
      if (!in_metadata_) {
        entry_ = {};
        entry_.name = std::move(name);
      }
    } else if (place_ == Place::metadata) {
      if (header_.metadata.contains(name)) throw twice("__metadata__." + name);
    } else {
      field_ = name == "dtype"          ? Field::dtype
               : name == "shape"        ? Field::shape
               : name == "data_offsets" ? Field::offsets
                                        : Field::unknown;
      if (field_ == Field::unknown) {
        throw FormatError(file_, entry_.name, "only dtype, shape and data_offsets",
                          "\"" + name + "\"");
      }
      bool& seen = seen_[static_cast<std::size_t>(field_)];
      if (std::exchange(seen, true)) throw twice(entry_.name + "." + name);
    }
    return true;
  }

  bool end_object() final {
    if (place_ == Place::entry) {
      constexpr const char* kNames[] = {"dtype", "shape", "data_offsets"};
      for (std::size_t i = 0; i < 3; ++i) {
        if (!seen_[i]) {
          throw FormatError(file_, entry_.name + "." + kNames[i], "a value", "no such key");
        }
      }
      header_.entries.push_back(std::move(entry_));
      place_ = Place::top;
    } else if (place_ == Place::metadata) {
      place_ = Place::top;
    } else {
      place_ = Place::outside;
    }
    return true;
  }

  bool start_array(std::size_t) final {
    if (place_ == Place::entry && field_ == Field::shape) {
      place_ = Place::shape;
      sizes_.clear();
    } else if (place_ == Place::entry && field_ == Field::offsets) {
      place_ = Place::offsets;
      num_offsets_ = 0;
    } else {
      return other("an array");
    }
    return true;
  }

  bool end_array() final {
    if (place_ == Place::shape) {
      entry_.shape = Shape(sizes_);
    } else if (num_offsets_ != 2) {
      throw FormatError(file_, entry_.name + ".data_offsets", "two offsets",
                        std::to_string(num_offsets_));
    }
    place_ = Place::entry;
    return true;
  }

 private:
  enum class Place { outside, top, metadata, entry, shape, offsets };
  enum class Field : std::size_t { dtype, shape, offsets, unknown };

  FormatError twice(const std::string& name) const {
    return FormatError(file_, name, "each key once in an object", "it twice");
  }

  // A value of a kind that has no place where the parser is.
  bool other(const std::string& found) const {
    switch (place_) {
      case Place::outside: throw FormatError(file_, "", "a safetensors header: an object", found);
      case Place::metadata: throw FormatError(file_, "__metadata__." + key_, "a string", found);
      case Place::top:
        throw FormatError(file_, key_, in_metadata_ ? "an object of strings" : "an object", found);
      case Place::entry:
        throw FormatError(file_, entry_.name + "." + key_,
                          field_ == Field::dtype ? "a string" : "an array of integers", found);
      case Place::shape:
      case Place::offsets:
        throw FormatError(file_, entry_.name + "." + key_,
                          place_ == Place::shape ? "integers from 0" : "two integers from 0",
                          found);
    }
    return false;
  }

  SafetensorsHeader header_;

  Place place_ = Place::outside;
  Field field_ = Field::unknown;
  std::string key_;
  bool in_metadata_ = false;
  bool metadata_seen_ = false;
  SafetensorsEntry entry_;
  bool seen_[3] = {};
  std::vector<std::size_t> sizes_;
  std::size_t num_offsets_ = 0;
};

inline SafetensorsHeader parse_safetensors_header(std::string_view header, std::string_view file) {
  SafetensorsHeaderReader reader(header, file);
  reader.read();
  return reader.take();
}

}  // namespace semblance::detail
