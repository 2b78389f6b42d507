#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/core/utf8.h"

namespace semblance {

// Words with their frequencies, in jieba's format: a line holds a word, a count and, optionally, a
// tag, with spaces or tabs between them. Empty lines, a byte-order mark, CRLF and a missing final
// newline are fine; of a word that comes twice the later count holds, as in jieba-rs.
class WordDictionary {
 public:
  // A text may take time in proportion to its own length times the longest word's.
  static constexpr std::size_t kMaxWordBytes = 256;

  // `text` is a whole file and `file` its name in messages. Memory is linear in the text. Throws
  // FormatError with the line: invalid UTF-8, a missing or impossible count, a fourth column, a
  // word longer than kMaxWordBytes; or no word at all.
  static WordDictionary parse(std::string_view text, std::string_view file);

  std::size_t size() const noexcept { return log_probabilities_.size(); }
  bool contains(std::string_view word) const noexcept;

  // ln(count) - ln(sum of all counts); a count of 0 gives -infinity.
  double log_probability(std::size_t word) const noexcept { return log_probabilities_[word]; }
  // What a character that is no word counts as: ln(1) - ln(sum of all counts).
  double unknown_log_probability() const noexcept { return unknown_log_probability_; }

  // The words that begin with some prefix, [first, last) in byte order; the prefix itself, where it
  // is a word, comes first.
  struct Range {
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t prefix_size = 0;  // bytes
  };
  Range all_words() const noexcept { return {0, size(), 0}; }
  // The words that begin with the character `c`, spelt `spelling` in UTF-8.
  Range words_with(char32_t c, std::string_view spelling) const noexcept {
    if (c >= kNumTabled) return narrow({first_words_[kNumTabled], size(), 0}, spelling);
    return {first_words_[c], first_words_[c + 1], spelling.size()};
  }
  // Lengthens the prefix of a non-empty range by `more`; the result may be empty.
  Range narrow(const Range& range, std::string_view more) const noexcept;
  bool is_word(const Range& range) const noexcept {
    return range.first < range.last && word(range.first).size() == range.prefix_size;
  }

 private:
  WordDictionary() = default;

  std::string_view word(std::size_t i) const noexcept {
    return std::string_view(words_).substr(starts_[i], starts_[i + 1] - starts_[i]);
  }

  static constexpr std::size_t kNumTabled = 0x10000;  // the Basic Multilingual Plane

  std::string words_;  // end to end, in byte order
  std::vector<std::size_t> starts_;
  // first_words_[c]: the first word that begins with a character of at least c.
  std::vector<std::size_t> first_words_;
  std::vector<double> log_probabilities_;
  double unknown_log_probability_ = 0;
};

namespace detail {

struct DictionaryEntry {
  std::string_view word;
  std::uint64_t count;
};

// Takes the next column off the front of a line; empty at its end.
inline std::string_view take_column(std::string_view& line) noexcept {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
  const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
  const std::string_view column = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return column;
}

// An empty word for a line without columns.
inline DictionaryEntry parse_dictionary_line(std::string_view line, std::size_t number,
                                             std::string_view file) {
  const auto fail = [&](std::string_view expected, std::string_view found) -> FormatError {
    return FormatError(std::string(file) + ": line " + std::to_string(number), "", expected, found);
  };
  if (const std::size_t invalid = find_invalid_utf8(line); invalid < line.size()) {
    throw fail("UTF-8", "other bytes after " + std::to_string(invalid));
  }
  const std::string_view word = take_column(line);
  if (word.empty()) return {};
  if (word.size() > WordDictionary::kMaxWordBytes) {
    throw fail("a word of at most " + std::to_string(WordDictionary::kMaxWordBytes) + " bytes",
               std::to_string(word.size()));
  }
  const std::string_view digits = take_column(line);
  std::uint64_t count = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (status != std::errc() || end != digits.data() + digits.size()) {
    throw fail("a word and its count",
               digits.empty() ? "nothing after \"" + std::string(word.substr(0, 60)) + '"'
                              : '"' + std::string(digits) + "\" for the count");
  }
  take_column(line);  // the tag
  if (!take_column(line).empty()) throw fail("a word, its count and a tag", "a fourth column");
  return {word, count};
}

}  // namespace detail

inline WordDictionary WordDictionary::parse(std::string_view text, std::string_view file) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<detail::DictionaryEntry> entries;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto entry = detail::parse_dictionary_line(line, number, file);
    if (!entry.word.empty()) entries.push_back(entry);
  }
  if (entries.empty()) throw FormatError(file, "", "a dictionary with at least one word", "none");

  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.word < b.word; });
  WordDictionary dictionary;
  std::uint64_t total = 0;
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 < entries.size() && entries[i + 1].word == entries[i].word) continue;
    if (entries[i].count > std::numeric_limits<std::uint64_t>::max() - total) {
      throw FormatError(file, "", "counts whose sum fits 64 bits", "a larger sum");
    }
    total += entries[i].count;
    counts.push_back(entries[i].count);
    dictionary.starts_.push_back(dictionary.words_.size());
    dictionary.words_ += entries[i].word;
  }
  dictionary.starts_.push_back(dictionary.words_.size());
  dictionary.first_words_.reserve(kNumTabled + 1);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const char32_t c = decode_utf8(dictionary.word(i)).value;
    const std::size_t next = std::min<std::size_t>(c, kNumTabled) + 1;
    if (next > dictionary.first_words_.size()) dictionary.first_words_.resize(next, i);
  }
  dictionary.first_words_.resize(kNumTabled + 1, counts.size());
  if (total == 0) throw FormatError(file, "", "a count above 0", "only counts of 0");

  const double log_total = std::log(static_cast<double>(total));
  dictionary.unknown_log_probability_ = 0.0 - log_total;
  dictionary.log_probabilities_.reserve(counts.size());
  for (const std::uint64_t count : counts) {
    dictionary.log_probabilities_.push_back(std::log(static_cast<double>(count)) - log_total);
  }
  return dictionary;
}

inline WordDictionary::Range WordDictionary::narrow(const Range& range,
                                                    std::string_view more) const noexcept {
  const auto next = [&](std::size_t i) { return word(i).substr(range.prefix_size, more.size()); };
  // The first word of [first, last) for which `before` no longer holds.
  const auto partition = [](std::size_t first, std::size_t last, auto before) {
    while (first < last) {
      const std::size_t middle = first + (last - first) / 2;
      if (before(middle)) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return first;
  };
  const auto first =
      partition(range.first, range.last, [&](std::size_t i) { return next(i) < more; });
  const auto last = partition(first, range.last, [&](std::size_t i) { return next(i) == more; });
  return {first, last, range.prefix_size + more.size()};
}

inline bool WordDictionary::contains(std::string_view word) const noexcept {
  return !word.empty() && is_word(narrow(all_words(), word));
}

}  // namespace semblance
