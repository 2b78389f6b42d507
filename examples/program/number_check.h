#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

namespace program {

// A number for which good(value) holds. CLI11's own ranges take NaN for a number in them, and name
// the largest double in full.
template <class Good>
CLI::Validator number_check(std::string expected, Good good) {
  const auto complaint = [expected = std::move(expected), good](const std::string& text) {
    double value = 0;
    const bool taken = CLI::detail::lexical_cast(text, value) && good(value);
    return taken ? std::string() : "expected " + expected + ", found \"" + text + '"';
  };
  return CLI::Validator(complaint, "");
}

inline const CLI::Validator kPositive =
    number_check("a number above 0", [](double value) { return value > 0; });
inline const CLI::Validator kNotNegative =
    number_check("a number from 0", [](double value) { return value >= 0; });

}  // namespace program
