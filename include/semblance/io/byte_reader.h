#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"

namespace semblance {

// Takes little-endian values off the front of untrusted bytes; running out of them is a FormatError
// that says where.
class ByteReader {
 public:
  // `what` names the bytes in messages: "pytorch_model.bin: data.pkl".
  ByteReader(std::span<const std::byte> bytes, std::string what, std::size_t position = 0)
      : bytes_(bytes), what_(std::move(what)), position_(position) {}

  std::size_t position() const noexcept { return position_; }
  std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  const std::string& what() const noexcept { return what_; }

  std::span<const std::byte> take(std::size_t count) {
    if (count > remaining()) {
      throw error(std::to_string(count) + " more bytes", "only " + std::to_string(remaining()));
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  std::string_view take_text(std::size_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  // Up to the next newline, which is taken too.
  std::string_view take_line() {
    const auto rest = bytes_.subspan(position_);
    const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) throw error("a line", "no end of it");
    position_ += newline + 1;
    return text.substr(0, newline);
  }

  std::uint8_t u8() { return integer<std::uint8_t>(); }
  std::uint16_t u16() { return integer<std::uint16_t>(); }
  std::uint32_t u32() { return integer<std::uint32_t>(); }
  std::uint64_t u64() { return integer<std::uint64_t>(); }

  FormatError error(std::string_view expected, std::string_view found) const {
    return FormatError(what_ + ": byte " + std::to_string(position_), "", expected, found);
  }

 private:
  template <class T>
  T integer() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> bytes_;
  std::string what_;
  std::size_t position_;
};

}  // namespace semblance
