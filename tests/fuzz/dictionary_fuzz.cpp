// A dictionary in jieba's format, and a text cut with it.

#include "fuzz/target.h"
#include "semblance/text/word_dictionary.h"
#include "semblance/text/word_segmenter.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("dictionary", [](std::string_view bytes) {
  const WordSegmenter segmenter(WordDictionary::parse(bytes, "dict.txt"));
  std::size_t done = 0;
  for (const WordSegmenter::Word& word : segmenter.cut(bytes)) {
    require(word.begin == done && word.end > word.begin, "words end to end");
    done = word.end;
  }
  require(done == bytes.size(), "words of the whole text");
});

}  // namespace
}  // namespace semblance::fuzz
