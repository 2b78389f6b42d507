#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/text/bert_normalizer.h"
#include "semblance/text/unicode.h"
#include "semblance/text/vocabulary.h"
#include "semblance/text/word_segmenter.h"
#include "semblance/text/word_splitter.h"

namespace semblance {

// RoFormer's rule for words (transformers, models/roformer/tokenization_utils.py,
// JiebaPreTokenizer): jieba cuts the normalized text; a word that the vocabulary holds stays whole,
// of any other each ideograph is a word and so is what stands between ideographs and whitespace.
// There is no rule for punctuation, since jieba makes every mark a word, except + # & . _ % -
// inside a word of its dictionary.
//
// The normalizer must leave ideographs without spaces around them (handle_chinese_chars = false).
class JiebaWordSplitter final : public WordSplitter {
 public:
  JiebaWordSplitter(WordSegmenter segmenter, Vocabulary vocabulary)
      : segmenter_(std::move(segmenter)), vocabulary_(std::move(vocabulary)) {}

  void split(const NormalizedText& text,
             std::vector<std::pair<std::size_t, std::size_t>>& words) const override {
    const NormalizedBytes bytes(text);
    for (const WordSegmenter::Word& word : segmenter_.cut(bytes.text)) {
      const std::size_t first = bytes.code_point[word.begin];
      const std::size_t last = bytes.code_point[word.end];
      const auto spelling = std::string_view(bytes.text).substr(word.begin, word.end - word.begin);
      if (vocabulary_.id(spelling)) {
        words.emplace_back(first, last);
      } else {
        split_unknown(text, first, last, words);
      }
    }
  }

 private:
  static void split_unknown(const NormalizedText& text, std::size_t first, std::size_t last,
                            std::vector<std::pair<std::size_t, std::size_t>>& words) {
    for (std::size_t begin = first; begin < last;) {
      const auto ends_word = [&](std::size_t i) {
        return is_chinese_character(text[i].value) || is_whitespace(text[i].value);
      };
      std::size_t end = begin;
      while (end < last && !ends_word(end)) ++end;
      if (end == begin) ++end;
      if (!is_whitespace(text[begin].value)) words.emplace_back(begin, end);
      begin = end;
    }
  }

  WordSegmenter segmenter_;
  Vocabulary vocabulary_;
};

}  // namespace semblance
