#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "semblance/text/bert_normalizer.h"

namespace semblance {

// Tells words apart in normalized text, in place of BERT's own rule (whitespace, and every
// punctuation mark a word by itself). Each word then goes to WordPiece, where one that the
// vocabulary holds stays whole. Called from many threads at once.
class WordSplitter {
 public:
  virtual ~WordSplitter() = default;
  // Appends, and changes nothing else: ranges [first, last) of indices into `text`, ascending, not
  // empty.
  virtual void split(const NormalizedText& text,
                     std::vector<std::pair<std::size_t, std::size_t>>& words) const = 0;
};

}  // namespace semblance
