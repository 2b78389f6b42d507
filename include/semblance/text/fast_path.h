#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "semblance/core/utf8.h"
#include "semblance/text/bert_normalizer.h"
#include "semblance/text/unicode.h"
#include "semblance/text/vocabulary.h"
#include "semblance/text/wordpiece.h"

namespace semblance {

// Memory that tokenizing a text needs beside its result. Kept between calls, it makes them free of
// heap allocation; one thread at a time.
struct TokenizerScratch {
  struct Pending {
    char32_t value;
    std::uint8_t combining_class;
  };
  std::vector<char> word;        // the word so far, normalized
  std::vector<Pending> pending;  // combining code points whose order is not settled yet
  std::vector<Pending> spare;
};

// Text between added tokens to ids, in one pass, without alignments: normalization, BERT's word
// rule and WordPiece at once. Gives the same ids as the plain steps.
//
// A table holds what becomes of each code point of the basic plane under the given options:
// nothing, a space, a word of its own (then its id too), or one code point of a word. Whatever
// takes more (expansion, canonical reordering) goes through the plain functions of unicode.h.
class FastPath {
 public:
  FastPath(const BertNormalizerOptions& options, const Vocabulary& vocabulary,
           const WordPiece& wordpiece)
      : options_(options), max_chars_(wordpiece.max_input_chars_per_word()) {
    actions_.resize(kTableSize);
    const std::vector<std::int32_t> ids = ids_of_code_points(vocabulary);
    const auto id_of = [&](char32_t c) {
      if (c < kTableSize) return ids[c];
      char bytes[4];
      return vocabulary.id({bytes, encode_utf8(c, bytes)}).value_or(kNoToken);
    };
    for (char32_t c = 0; c < kTableSize; ++c) actions_[c] = action_of(c, id_of, wordpiece.unk_id());
  }

  // Appends the ids of `text`. Stops early when more than `limit` have been appended in all,
  // counted from `first`.
  void append_ids(std::string_view text, const WordPiece& wordpiece, std::size_t first,
                  std::size_t limit, TokenizerScratch& scratch,
                  std::vector<std::int32_t>& ids) const {
    Run run{wordpiece, scratch, ids, 0, 0};
    scratch.pending.clear();
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
      DecodedCodePoint c{static_cast<unsigned char>(*at), 1};
      if (c.value >= 0x80) c = decode_utf8(at, end);
      at += c.length;
      std::uint32_t action = c.value < kTableSize ? actions_[c.value] : std::uint32_t{kSlow};
      if (!scratch.pending.empty()) action = kSlow;
      switch (action & kKindMask) {
        case kInWord: append_to_word(run, action >> kKindBits); continue;
        case kNothing: continue;
        case kSpace: end_word(run); break;
        case kWordOfItsOwn:
          end_word(run);
          ids.push_back(static_cast<std::int32_t>(action >> kKindBits));
          break;
        default: resolve(run, c.value); break;
      }
      if (ids.size() - first > limit) return;
    }
    flush_pending(run);
    end_word(run);
  }

 private:
  static constexpr char32_t kTableSize = 0x10000;
  static constexpr std::int32_t kNoToken = -1;
  static constexpr unsigned kKindBits = 3;
  static constexpr std::uint32_t kKindMask = (1U << kKindBits) - 1;
  static constexpr std::uint32_t kMaxPayload = ~std::uint32_t{0} >> kKindBits;
  enum Kind : std::uint32_t { kNothing, kSpace, kInWord, kWordOfItsOwn, kSlow };

  struct Run {
    const WordPiece& wordpiece;
    TokenizerScratch& scratch;
    std::vector<std::int32_t>& ids;
    std::size_t word_bytes;
    std::size_t word_chars;
  };

  // Calls visit(value, combining_class, chinese) for what `c` becomes before reordering and the
  // last lower-casing; stripped marks included, since even those part what is reordered.
  template <class Visit>
  void for_each_element(char32_t c, const Visit& visit) const {
    for (char32_t value : options_.lowercase_first ? to_lower(c) : CodePoints{{c}, 1}) {
      if (options_.clean_text) {
        if (is_other(value)) continue;
        if (is_whitespace(value)) value = ' ';
      }
      const bool chinese = options_.handle_chinese_chars && is_chinese_character(value);
      if (!options_.strips_accents()) {
        visit(value, std::uint8_t{0}, chinese);
        continue;
      }
      for (const char32_t element : canonical_decomposition(value)) {
        visit(element, canonical_combining_class(element), chinese);
      }
    }
  }
  bool is_stripped(char32_t c) const { return options_.strips_accents() && is_nonspacing_mark(c); }
  CodePoints last_step(char32_t c) const {
    return options_.lowercase ? to_lower(c) : CodePoints{{c}, 1};
  }

  // The ids of the tokens that are one code point of the table, by code point: one walk through the
  // vocabulary instead of a search for each.
  static std::vector<std::int32_t> ids_of_code_points(const Vocabulary& vocabulary) {
    std::vector<std::int32_t> ids(kTableSize, kNoToken);
    for (std::size_t i = 0; i < vocabulary.size(); ++i) {
      const auto [token, id] = vocabulary[i];
      if (token.empty() || token.size() > 3) continue;
      const DecodedCodePoint c = decode_utf8(token);
      // U+FFFD, which ill-formed bytes read as, is no word of its own.
      if (c.length == token.size() && c.value != kReplacementCharacter) ids[c.value] = id;
    }
    return ids;
  }

  template <class IdOf>
  std::uint32_t action_of(char32_t c, const IdOf& id_of, std::int32_t unk_id) const {
    if (c >= 0xD800 && c < 0xE000) return kSlow;
    std::uint32_t action = kNothing;
    for_each_element(c, [&](char32_t element, std::uint8_t combining_class, bool chinese) {
      if (is_stripped(element)) return;
      const CodePoints values = last_step(element);
      if (action != kNothing || combining_class != 0 || values.count != 1) {
        action = kSlow;
        return;
      }
      const char32_t value = values.values[0];
      if (is_whitespace(value)) {
        action = kSpace;
      } else if (chinese || is_punctuation(value)) {
        const std::int32_t id = max_chars_ == 0 ? kNoToken : id_of(value);
        const auto payload = static_cast<std::uint32_t>(id == kNoToken ? unk_id : id);
        action = payload > kMaxPayload ? kSlow : kWordOfItsOwn | (payload << kKindBits);
      } else {
        action = kInWord | (static_cast<std::uint32_t>(value) << kKindBits);
      }
    });
    return action;
  }

  // What a code point does, without the table.
  void resolve(Run& run, char32_t c) const {
    for_each_element(c, [&](char32_t element, std::uint8_t combining_class, bool chinese) {
      if (combining_class == 0) flush_pending(run);
      if (chinese) end_word(run);
      if (!is_stripped(element)) {
        if (combining_class == 0) {
          put(run, element);
        } else {
          run.scratch.pending.push_back({element, combining_class});
          // These alone are more than a word may have: it is unknown in whatever order they come,
          // and memory stays bounded.
          if (run.scratch.pending.size() > max_chars_) flush_pending(run);
        }
      }
      if (chinese) end_word(run);
    });
  }

  void flush_pending(Run& run) const {
    auto& pending = run.scratch.pending;
    if (pending.empty()) return;
    sort_by_combining_class(pending, run.scratch.spare);
    for (const auto& element : pending) put(run, element.value);
    pending.clear();
  }

  void put(Run& run, char32_t element) const {
    for (const char32_t value : last_step(element)) {
      const bool alone = is_punctuation(value);
      if (alone || is_whitespace(value)) end_word(run);
      if (!is_whitespace(value)) append_to_word(run, value);
      if (alone) end_word(run);
    }
  }

  void append_to_word(Run& run, char32_t value) const {
    if (++run.word_chars > max_chars_) return;
    auto& word = run.scratch.word;
    if (run.word_bytes + 4 > word.size()) word.resize(2 * word.size() + 512);
    run.word_bytes += encode_utf8(value, word.data() + run.word_bytes);
  }

  void end_word(Run& run) const {
    if (run.word_chars == 0) return;
    const std::size_t before = run.ids.size();
    const std::string_view word(run.scratch.word.data(), run.word_bytes);
    const bool known = run.word_chars <= max_chars_ &&
                       run.wordpiece.split(word, [&](std::int32_t id, std::size_t, std::size_t) {
                         run.ids.push_back(id);
                       });
    if (!known) {
      run.ids.resize(before);
      run.ids.push_back(run.wordpiece.unk_id());
    }
    run.word_bytes = 0;
    run.word_chars = 0;
  }

  BertNormalizerOptions options_;
  std::size_t max_chars_;
  std::vector<std::uint32_t> actions_;  // [kTableSize], kind in the low bits, payload above
};

}  // namespace semblance
