#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "semblance/core/error.h"

namespace semblance::testing {

inline std::string golden(std::string_view name) {
  return std::string(SEMBLANCE_TEST_DATA) + "/golden/io/" + std::string(name);
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// An integer as little-endian bytes.
template <class T>
std::string le(T value) {
  std::string bytes(sizeof(T), '\0');
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  return bytes;
}

// What the Expected error says that `action` throws. Fails the test when it throws another or none,
// or when the message is not one short printable line.
template <class Expected, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Expected& error) {
    const std::string message = error.what();
    EXPECT_LE(message.size(), kMaxErrorBytes);
    EXPECT_FALSE(message.empty());
    for (const char c : message) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << "a control character in: " << message;
    }
    return message;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace semblance::testing
