#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/utf8.h"
#include "semblance/text/word_dictionary.h"

namespace semblance {

// Cuts a text into words as jieba does without its hidden Markov model: of all ways to write a run
// of Chinese, Latin letters and digits as words of the dictionary and single characters, the one of
// the highest probability (the product of the words' frequencies). Equal to jieba-rs's
// cut(text, hmm = false) given the same dictionary.
//
// Immutable; cut() may run on many threads at once.
class WordSegmenter {
 public:
  // A word, as bytes [begin, end) of the text.
  struct Word {
    std::size_t begin = 0;
    std::size_t end = 0;
    friend bool operator==(const Word&, const Word&) = default;
  };

  explicit WordSegmenter(WordDictionary dictionary)
      : dictionary_(std::make_shared<const WordDictionary>(std::move(dictionary))) {}

  // The words end to end; together they are the whole text, white space and punctuation included.
  // What decode_utf8() replaces is a word by itself.
  std::vector<Word> cut(std::string_view text) const;

 private:
  // One of a run. What comes second is filled from the back.
  struct Character {
    std::size_t begin = 0;
    char32_t value = 0;
    double log_probability = 0;  // of the best way from here to the end of the run
    std::size_t next = 0;        // the character where the first word of that way ends
  };

  void cut_run(std::string_view text, Word run, std::vector<Word>& words) const;
  // Those of a run, and one past its end.
  static std::vector<Character> characters_of(std::string_view text, Word run);
  void find_best_way(std::string_view text, std::vector<Character>& characters,
                     std::size_t from) const;

  std::shared_ptr<const WordDictionary> dictionary_;  // shared by copies
};

namespace detail {

inline bool is_ascii_alphanumeric(char32_t c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// The characters of which jieba's dictionary words are made: a word is looked for only in a run of
// these, anything else is a word by itself.
inline bool is_jieba_word_character(char32_t c) noexcept {
  if (c < 0x80) {
    return is_ascii_alphanumeric(c) || c == '+' || c == '#' || c == '&' || c == '.' || c == '_' ||
           c == '%' || c == '-';
  }
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2EBEF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

}  // namespace detail

inline std::vector<WordSegmenter::Word> WordSegmenter::cut(std::string_view text) const {
  std::vector<Word> words;
  std::size_t at = 0;
  while (at < text.size()) {
    Word run{at, at};
    while (run.end < text.size()) {
      const auto [c, size] = decode_utf8(text.substr(run.end));
      if (!detail::is_jieba_word_character(c)) break;
      run.end += size;
    }
    if (run.end > run.begin) {
      cut_run(text, run, words);
      at = run.end;
      continue;
    }
    const std::string_view rest = text.substr(at);
    const std::size_t size = rest.starts_with("\r\n") ? 2 : decode_utf8(rest).length;
    words.push_back({at, at + size});
    at += size;
  }
  return words;
}

inline std::vector<WordSegmenter::Character> WordSegmenter::characters_of(std::string_view text,
                                                                          Word run) {
  std::vector<Character> characters;
  for (std::size_t at = run.begin; at < run.end;) {
    const auto [value, size] = decode_utf8(text.substr(at));
    characters.push_back({.begin = at, .value = value});
    at += size;
  }
  characters.push_back({.begin = run.end});
  return characters;
}

inline void WordSegmenter::find_best_way(std::string_view text, std::vector<Character>& characters,
                                         std::size_t from) const {
  const WordDictionary& dictionary = *dictionary_;
  Character& best = characters[from];
  WordDictionary::Range range;
  for (std::size_t last = from; last + 1 < characters.size(); ++last) {
    const std::size_t begin = characters[last].begin;
    const auto spelling = text.substr(begin, characters[last + 1].begin - begin);
    range = last == from ? dictionary.words_with(best.value, spelling)
                         : dictionary.narrow(range, spelling);
    if (range.first == range.last) break;
    if (!dictionary.is_word(range)) continue;
    const double log_probability =
        dictionary.log_probability(range.first) + characters[last + 1].log_probability;
    // Of equals the longer word wins.
    if (best.next == 0 || log_probability >= best.log_probability) {
      best.log_probability = log_probability;
      best.next = last + 1;
    }
  }
  if (best.next != 0) return;
  best.log_probability =
      dictionary.unknown_log_probability() + characters[from + 1].log_probability;
  best.next = from + 1;
}

inline void WordSegmenter::cut_run(std::string_view text, Word run,
                                   std::vector<Word>& words) const {
  std::vector<Character> characters = characters_of(text, run);
  const std::size_t length = characters.size() - 1;
  for (std::size_t i = length; i-- > 0;) find_best_way(text, characters, i);

  // Latin letters and digits that found no longer word stay together.
  const auto is_joined = [&](std::size_t i) {
    return characters[i].next == i + 1 && detail::is_ascii_alphanumeric(characters[i].value);
  };
  for (std::size_t i = 0; i < length;) {
    std::size_t end = characters[i].next;
    if (is_joined(i)) {
      while (end < length && is_joined(end)) ++end;
    }
    words.push_back({characters[i].begin, characters[end].begin});
    i = end;
  }
}

}  // namespace semblance
