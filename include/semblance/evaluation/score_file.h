#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/file_bytes.h"

namespace semblance {

// Two sentences and how alike people found them.
struct ScoredPair {
  std::string sentence1;
  std::string sentence2;
  double score = 0.0;
};

// Reads sentence1 TAB sentence2 TAB score, a pair a line, no header: LF or CRLF, a byte-order mark
// and a missing final newline are fine, an empty sentence is a sentence, blanks around the score do
// not count. Throws FileError, and FormatError with the line number for a line with fewer or more
// columns (an empty line has one) or a score that is not a finite number, and for a file without
// lines.
std::vector<ScoredPair> read_score_file(const std::string& path);

// The same from memory; `name` stands in error messages.
std::vector<ScoredPair> parse_scored_pairs(std::string_view text, std::string_view name);

namespace detail {

inline std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \r") - begin + 1);
}

inline ScoredPair parse_scored_pair(std::string_view line, std::string_view where) {
  const std::size_t tab1 = line.find('\t');
  const std::size_t tab2 = tab1 == std::string_view::npos ? tab1 : line.find('\t', tab1 + 1);
  if (tab2 == std::string_view::npos || line.find('\t', tab2 + 1) != std::string_view::npos) {
    std::size_t columns = 1;
    for (const char c : line) columns += c == '\t';
    throw FormatError(where, "", "sentence1, sentence2 and score with tabs between",
                      line.empty()
                          ? "an empty line"
                          : std::to_string(columns) + (columns == 1 ? " column" : " columns"));
  }
  const std::string_view text = trimmed(line.substr(tab2 + 1));
  double score = 0.0;
  // from_chars knows no '+'.
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, score);
  if (text.starts_with("+-") || parsed.ec != std::errc{} || parsed.ptr != end ||
      !std::isfinite(score)) {
    throw FormatError(where, "", "a number as score", "\"" + std::string(text) + "\"");
  }
  return {std::string(line.substr(0, tab1)), std::string(line.substr(tab1 + 1, tab2 - tab1 - 1)),
          score};
}

}  // namespace detail

inline std::vector<ScoredPair> parse_scored_pairs(std::string_view text, std::string_view name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<ScoredPair> pairs;
  std::size_t line_number = 0;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++line_number;
    pairs.push_back(detail::parse_scored_pair(
        line, std::string(name) + ": line " + std::to_string(line_number)));
  }
  if (pairs.empty()) throw FormatError(name, "", "scored pairs of sentences", "an empty file");
  return pairs;
}

inline std::vector<ScoredPair> read_score_file(const std::string& path) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;
  return parse_scored_pairs(read_file_bytes(path, kMaxBytes), path);
}

}  // namespace semblance
