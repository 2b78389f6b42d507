#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "semblance/core/utf8.h"
#include "semblance/text/token_trie.h"
#include "semblance/text/unicode.h"
#include "semblance/text/vocabulary.h"

namespace semblance {

// A token that is found in the text before words are told apart.
struct AddedToken {
  std::string content = {};
  bool single_word = false;  // not beside a word character
  bool lstrip = false;       // takes the whitespace before it along
  bool rstrip = false;       // takes the whitespace after it along
  // Sought, normalized itself, in the normalized text; else in the text. Absent: so unless special.
  std::optional<bool> normalized = {};
  bool special = false;

  bool is_normalized() const noexcept { return normalized.value_or(!special); }
  // What tells one from another.
  auto parts() const noexcept {
    return std::tuple(std::string_view(content), single_word, lstrip, rstrip, is_normalized(),
                      special);
  }
  friend bool operator==(const AddedToken& a, const AddedToken& b) noexcept {
    return a.parts() == b.parts();
  }
};

// Drops empty tokens, lets a token given again replace the earlier one, and gives each its id: the
// vocabulary's, or else the next one counted from the number of the vocabulary's tokens (not from
// its largest id), as the reference does. Of two that come to one id so, the later one stays.
inline std::vector<std::int32_t> assign_ids(std::vector<AddedToken>& tokens,
                                            const Vocabulary& vocabulary) {
  std::vector<AddedToken> distinct;
  std::vector<std::int32_t> ids;
  Vocabulary places;
  std::unordered_map<std::int32_t, std::size_t> last_places;  // by id
  auto next = static_cast<std::int32_t>(vocabulary.size());
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    if (const std::optional<std::int32_t> place = places.id(token.content)) {
      const auto i = static_cast<std::size_t>(*place);
      distinct[i] = std::move(token);
      last_places[ids[i]] = i;
      continue;
    }
    const std::optional<std::int32_t> known = vocabulary.id(token.content);
    ids.push_back(known ? *known : next++);
    last_places[ids.back()] = distinct.size();
    places.add(token.content, static_cast<std::int32_t>(distinct.size()));
    distinct.push_back(std::move(token));
  }
  tokens.clear();
  std::vector<std::int32_t> token_ids;
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    if (last_places[ids[i]] != i) continue;
    tokens.push_back(std::move(distinct[i]));
    token_ids.push_back(ids[i]);
  }
  return token_ids;
}

// Finds added tokens: at each place the longest, from left to right without overlap.
// Semantics of tokenizer/added_vocabulary.rs of the `tokenizers` package.
class AddedTokenMatcher {
 public:
  struct Pattern {
    std::string_view text;  // not empty, each once
    std::int32_t id;
    bool single_word;
    bool lstrip;
    bool rstrip;
  };
  struct Split {
    std::size_t begin;  // bytes
    std::size_t end;
    std::int32_t id;  // -1: no token, but text between tokens
  };

  // Bytes of a token. A text takes time in proportion to its own length times the longest token's.
  static constexpr std::size_t kMaxTokenBytes = 4096;

  AddedTokenMatcher() = default;
  // Throws std::invalid_argument for a pattern that is empty, too long or given twice, and for
  // whitespace alone with rstrip: each of n in a row would take along all that follow it.
  explicit AddedTokenMatcher(const std::vector<Pattern>& patterns) {
    std::vector<std::pair<std::string_view, std::int32_t>> strings;
    for (const Pattern& pattern : patterns) {
      if (pattern.text.empty()) throw std::invalid_argument("one with nothing to match");
      if (pattern.text.size() > kMaxTokenBytes) {
        throw std::invalid_argument("one of " + std::to_string(pattern.text.size()) + " bytes");
      }
      if (pattern.rstrip && leading_whitespace(pattern.text) == pattern.text.size()) {
        throw std::invalid_argument("one of whitespace alone with rstrip");
      }
      strings.emplace_back(pattern.text, static_cast<std::int32_t>(rules_.size()));
      rules_.push_back({pattern.id, pattern.single_word, pattern.lstrip, pattern.rstrip});
      const char first = pattern.text.front();
      single_first_ = rules_.size() == 1 || (single_first_ && first == first_);
      first_ = first;
      begins_[static_cast<unsigned char>(first)] = true;
    }
    trie_ = TokenTrie(std::move(strings));
  }

  bool empty() const noexcept { return rules_.empty(); }

  // Calls visit(Split) for the parts of `text` from left to right, text between tokens included;
  // stops when it returns false. Parts overlap where a token's rstrip reached into the next match.
  template <class Visit>
  void for_each_split(std::string_view text, const Visit& visit) const {
    std::size_t done = 0;
    for (std::size_t at = next_candidate(text, 0); at < text.size();) {
      const TokenTrie::Match match = trie_.longest(TokenTrie::kRoot, text.substr(at));
      if (match.length == 0) {
        at = next_candidate(text, at + 1);
        continue;
      }
      std::size_t begin = at;
      std::size_t end = at + match.length;
      at = next_candidate(text, end);
      const Rule& rule = rules_[static_cast<std::size_t>(match.value)];
      if (rule.single_word &&
          (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) {
        continue;
      }
      if (rule.lstrip) begin = std::max(trailing_whitespace(text, done, begin), done);
      if (rule.rstrip) end += leading_whitespace(text.substr(end));
      if (begin > end) begin = end;
      if (done < begin && !visit(Split{done, begin, -1})) return;
      if (!visit(Split{begin, end, rule.id})) return;
      done = end;
    }
    if (done != text.size()) visit(Split{done, text.size(), -1});
  }

 private:
  struct Rule {
    std::int32_t id;
    bool single_word;
    bool lstrip;
    bool rstrip;
  };

  std::size_t next_candidate(std::string_view text, std::size_t from) const noexcept {
    if (rules_.empty() || from >= text.size()) return text.size();
    if (single_first_) {
      const void* found = std::memchr(text.data() + from, first_, text.size() - from);
      return found == nullptr
                 ? text.size()
                 : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    }
    while (from < text.size() && !begins_[static_cast<unsigned char>(text[from])]) ++from;
    return from;
  }

  // The code point that `text`, not empty, ends with.
  static DecodedCodePoint last_code_point(std::string_view text) noexcept {
    for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
      const DecodedCodePoint c = decode_utf8(text.substr(text.size() - length));
      if (c.length == length && c.value != kReplacementCharacter) return c;
    }
    return {kReplacementCharacter, 1};
  }
  static bool ends_with_word(std::string_view text) {
    return !text.empty() && is_word_character(last_code_point(text).value);
  }
  static bool starts_with_word(std::string_view text) {
    return !text.empty() && is_word_character(decode_utf8(text).value);
  }
  // Where the whitespace before `end` begins, not before `limit`.
  static std::size_t trailing_whitespace(std::string_view text, std::size_t limit,
                                         std::size_t end) {
    while (end > limit) {
      const DecodedCodePoint c = last_code_point(text.substr(0, end));
      if (!is_whitespace(c.value)) break;
      end -= c.length;
    }
    return end;
  }
  static std::size_t leading_whitespace(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size()) {
      const DecodedCodePoint c = decode_utf8(text.substr(length));
      if (!is_whitespace(c.value)) break;
      length += c.length;
    }
    return length;
  }

  TokenTrie trie_;
  std::vector<Rule> rules_;
  std::array<bool, 256> begins_{};  // bytes that some pattern begins with
  bool single_first_ = false;
  char first_ = 0;
};

}  // namespace semblance
