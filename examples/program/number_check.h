#pragma once

#include <CLI/CLI.hpp>
#include <cctype>
#include <cmath>
#include <string>
#include <utility>

#include "json_text.h"

namespace program {

// CLI11 reads whole numbers as C does: 010 as 8, and 0x10 too, with blanks in front or not.
inline bool is_decimal(const std::string& text) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text.front())) != 0) return false;
  const std::size_t first = text.find_first_not_of("+-");
  return first == text.npos || text[first] != '0' || first + 1 == text.size() ||
         std::isalnum(static_cast<unsigned char>(text[first + 1])) == 0;
}

// A decimal number for which good(value) holds and whose whole part a double has exactly: no count
// is larger, and CLI11 makes the largest integer of what does not fit one. Its own ranges take NaN
// for a number in them, and name the largest double in full.
template <class Good>
CLI::Validator number_check(std::string expected, Good good) {
  const auto complaint = [expected = std::move(expected), good](const std::string& text) {
    double value = 0;
    const bool taken = is_decimal(text) && CLI::detail::lexical_cast(text, value) &&
                       std::fabs(value) <= 0x1p53 && good(value);
    return taken ? std::string() : "expected " + expected + ", found \"" + text + '"';
  };
  return CLI::Validator(complaint, "");
}

inline const CLI::Validator kPositive =
    number_check("a number above 0", [](double value) { return value > 0; });
inline const CLI::Validator kNotNegative =
    number_check("a number from 0", [](double value) { return value >= 0; });

inline CLI::Validator number_between(double low, double high) {
  std::string range = "a number from ";
  append_number(range, low);
  range += " to ";
  append_number(range, high);
  return number_check(range, [=](double value) { return value >= low && value <= high; });
}

}  // namespace program
