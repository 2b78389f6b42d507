#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/utf8.h"
#include "semblance/text/added_tokens.h"
#include "semblance/text/bert_normalizer.h"
#include "semblance/text/encoding.h"
#include "semblance/text/unicode.h"
#include "semblance/text/word_splitter.h"
#include "semblance/text/wordpiece.h"

namespace semblance {

// Tokens of one text before special tokens and truncation; vectors of equal length.
struct PlainTokens {
  std::vector<std::int32_t> ids;
  std::vector<Offset> offsets;
  std::vector<std::string> spellings;

  void push(std::int32_t id, Offset offset, std::string spelling) {
    ids.push_back(id);
    offsets.push_back(offset);
    spellings.push_back(std::move(spelling));
  }
};

// Gathers the words of normalized text and gives their pieces to a PlainTokens.
class WordCollector {
 public:
  WordCollector(const WordPiece& wordpiece, const WordPieceOptions& options, PlainTokens& tokens)
      : wordpiece_(wordpiece), options_(options), tokens_(tokens) {}

  // BERT's rule: whitespace parts words, a punctuation mark is one (pre_tokenizers/bert.rs).
  // Alignments of `c` count from byte `base` of the text.
  void add_by_bert_rule(const AlignedCodePoint& c, std::size_t base) {
    const bool space = is_whitespace(c.value);
    const bool alone = is_punctuation(c.value);
    if (space || alone) end_word();
    if (!space) add(c, base);
    if (alone) end_word();
  }

  void add(const AlignedCodePoint& c, std::size_t base) {
    const Offset place{base + c.begin, base + c.end};
    if (num_chars_ == 0) whole_.begin = place.begin;
    whole_.end = place.end;
    if (++num_chars_ > wordpiece_.max_input_chars_per_word()) return;
    append_utf8(c.value, word_);
    places_.resize(word_.size(), place);
  }

  void end_word() {
    if (num_chars_ == 0) return;
    const std::size_t before = tokens_.ids.size();
    const bool known =
        num_chars_ <= wordpiece_.max_input_chars_per_word() &&
        wordpiece_.split(word_, [&](std::int32_t id, std::size_t begin, std::size_t end) {
          std::string spelling = begin == 0 ? std::string() : options_.continuing_subword_prefix;
          spelling.append(word_, begin, end - begin);
          tokens_.push(id, {places_[begin].begin, places_[end - 1].end}, std::move(spelling));
        });
    if (!known) {
      tokens_.ids.resize(before);
      tokens_.offsets.resize(before);
      tokens_.spellings.resize(before);
      tokens_.push(wordpiece_.unk_id(), whole_, options_.unk_token);
    }
    word_.clear();
    places_.clear();
    num_chars_ = 0;
  }

 private:
  const WordPiece& wordpiece_;
  const WordPieceOptions& options_;
  PlainTokens& tokens_;
  std::string word_;
  std::vector<Offset> places_;  // one for each byte of word_
  Offset whole_;
  std::size_t num_chars_ = 0;
};

// Text between added tokens to tokens with offsets and spellings, step by step: BertNormalizer,
// then the added tokens that are sought in normalized text, then words, then WordPiece.
class PlainPath {
 public:
  const BertNormalizer& normalizer;
  const AddedTokenMatcher& normalized_matcher;
  const WordSplitter* word_splitter;  // null: BERT's rule
  const WordPiece& wordpiece;
  const WordPieceOptions& wordpiece_options;

  // Appends the tokens of text[begin, end); stops soon after there are more than `limit`.
  void append(std::string_view text, std::size_t begin, std::size_t end, std::size_t limit,
              PlainTokens& tokens) const {
    if (!normalized_matcher.empty() || word_splitter != nullptr) {
      append_whole(text.substr(begin, end - begin), begin, limit, tokens);
    } else {
      append_by_chunks(text.substr(0, end), begin, limit, tokens);
    }
  }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

  static NormalizedText decode(std::string_view text) {
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
      throw std::invalid_argument("a text of 4 GiB or more without a place to part it");
    }
    return decode_aligned(text);
  }

  // Memory stays small: chunks begin where no step looks back, though words may go on there.
  void append_by_chunks(std::string_view text, std::size_t begin, std::size_t limit,
                        PlainTokens& tokens) const {
    WordCollector words(wordpiece, wordpiece_options, tokens);
    while (begin < text.size() && tokens.ids.size() <= limit) {
      std::size_t end = std::min(begin + kChunkBytes, text.size());
      while (end < text.size() && !may_begin_chunk(text.substr(end))) ++end;
      NormalizedText normalized = decode(text.substr(begin, end - begin));
      normalizer.normalize(normalized);
      for (const AlignedCodePoint& c : normalized) {
        words.add_by_bert_rule(c, begin);
        if (tokens.ids.size() > limit) return;
      }
      begin = end;
    }
    words.end_word();
  }

  // Printable ASCII and the first block of ideographs: kept by every step, never reordered.
  static bool may_begin_chunk(std::string_view text) noexcept {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80) return first >= 0x20 && first < 0x7F;
    if (first < 0xE4 || first > 0xE9) return false;
    const DecodedCodePoint c = decode_utf8(text);
    return c.value >= 0x4E00 && c.value <= 0x9FFF;
  }

  void append_whole(std::string_view text, std::size_t base, std::size_t limit,
                    PlainTokens& tokens) const {
    NormalizedText normalized = decode(text);
    normalizer.normalize(normalized);
    if (normalized_matcher.empty()) {
      append_words(normalized, base, limit, tokens);
      return;
    }
    const NormalizedBytes bytes(normalized);
    normalized_matcher.for_each_split(bytes.text, [&](const AddedTokenMatcher::Split& split) {
      const std::size_t first = bytes.code_point[split.begin];
      const std::size_t last = bytes.code_point[split.end];
      if (split.id < 0) {
        append_words({normalized.begin() + static_cast<std::ptrdiff_t>(first),
                      normalized.begin() + static_cast<std::ptrdiff_t>(last)},
                     base, limit, tokens);
      } else if (first < last) {
        tokens.push(split.id, {base + normalized[first].begin, base + normalized[last - 1].end},
                    bytes.text.substr(split.begin, split.end - split.begin));
      }
      return tokens.ids.size() <= limit;
    });
  }

  void append_words(const NormalizedText& normalized, std::size_t base, std::size_t limit,
                    PlainTokens& tokens) const {
    WordCollector words(wordpiece, wordpiece_options, tokens);
    if (word_splitter == nullptr) {
      for (const AlignedCodePoint& c : normalized) {
        words.add_by_bert_rule(c, base);
        if (tokens.ids.size() > limit) return;
      }
      words.end_word();
      return;
    }
    std::vector<std::pair<std::size_t, std::size_t>> ranges;
    word_splitter->split(normalized, ranges);
    for (const auto& [first, last] : ranges) {
      for (std::size_t i = first; i < last; ++i) words.add(normalized[i], base);
      words.end_word();
      if (tokens.ids.size() > limit) return;
    }
  }
};

}  // namespace semblance
