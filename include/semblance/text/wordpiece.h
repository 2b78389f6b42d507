#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/text/token_trie.h"
#include "semblance/text/vocabulary.h"

namespace semblance {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  std::size_t max_input_chars_per_word = 100;  // code points; a longer word becomes unk_token
};

// Greedy longest-match-first word pieces (Wu et al. 2016; google-research/bert,
// WordpieceTokenizer). A word with a part that no piece matches becomes unk_token whole. Time is at
// most the word's length times that of the longest token that a word can have.
class WordPiece {
 public:
  // Bytes of a token that a word can have, by max_input_chars_per_word.
  static constexpr std::size_t kMaxTokenBytes = 4096;

  // Whether words may have a token of so many bytes that time is no longer linear in practice.
  static bool is_too_long(std::string_view token, const WordPieceOptions& options) noexcept {
    return token.size() > kMaxTokenBytes && options.max_input_chars_per_word > kMaxTokenBytes / 4;
  }

  // Throws std::invalid_argument when the vocabulary has no unk_token (the reference fails at the
  // first unknown word), and for a token that is too long.
  WordPiece(const Vocabulary& vocabulary, const WordPieceOptions& options)
      : max_chars_(options.max_input_chars_per_word) {
    const std::optional<std::int32_t> unk = vocabulary.id(options.unk_token);
    if (!unk) {
      throw std::invalid_argument("WordPiece: the vocabulary has no \"" + options.unk_token + "\"");
    }
    unk_id_ = *unk;
    std::vector<std::pair<std::string_view, std::int32_t>> tokens;
    tokens.reserve(vocabulary.size());
    for (std::size_t i = 0; i < vocabulary.size(); ++i) {
      const std::string_view token = vocabulary[i].first;
      if (is_too_long(token, options)) {
        throw std::invalid_argument("WordPiece: a token of " + std::to_string(token.size()) +
                                    " bytes where a word may be as long");
      }
      if (!token.empty()) tokens.push_back(vocabulary[i]);
    }
    trie_ = TokenTrie(std::move(tokens));
    continuation_ = trie_.walk(TokenTrie::kRoot, options.continuing_subword_prefix);
  }

  std::int32_t unk_id() const noexcept { return unk_id_; }
  std::size_t max_input_chars_per_word() const noexcept { return max_chars_; }

  // Calls emit(id, begin, end) for each piece of a word of UTF-8 that is not too long, and returns
  // true; or returns false when the word is unknown, perhaps after some calls.
  template <class Emit>
  bool split(std::string_view word, const Emit& emit) const {
    TokenTrie::Match match = trie_.longest(TokenTrie::kRoot, word);
    for (std::size_t begin = 0; match.length != 0;) {
      emit(match.value, begin, begin + match.length);
      begin += match.length;
      if (begin == word.size()) return true;
      if (!continuation_) return false;
      match = trie_.longest(*continuation_, word.substr(begin));
    }
    return false;
  }

 private:
  std::size_t max_chars_;
  std::int32_t unk_id_ = 0;
  TokenTrie trie_;
  std::optional<TokenTrie::Node> continuation_;  // where the prefix leads; none: no piece continues
};

}  // namespace semblance
