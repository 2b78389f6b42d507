#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace program {

// CLI11's own ranges take NaN for a number in them, and name the largest double in full.
inline const CLI::Validator kPositive(
    [](const std::string& text) {
      double value = 0;
      const bool good = CLI::detail::lexical_cast(text, value) && value > 0;
      return good ? std::string() : "expected a number above 0, found \"" + text + '"';
    },
    "");
inline const CLI::Validator kNotNegative(
    [](const std::string& text) {
      double value = 0;
      const bool good = CLI::detail::lexical_cast(text, value) && value >= 0;
      return good ? std::string() : "expected a number from 0, found \"" + text + '"';
    },
    "");

}  // namespace program
