#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/io/file_bytes.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/tokenizer_files.h"
#include "semblance/text/bert_tokenizer.h"
#include "semblance/text/jieba_word_splitter.h"
#include "semblance/text/word_dictionary.h"
#include "semblance/text/word_segmenter.h"

namespace semblance {

// Throws FileError, FormatError.
inline WordDictionary read_word_dictionary(const std::string& path) {
  const std::string text = read_file_bytes(path);
  refuse_failed_download(path, text);
  return WordDictionary::parse(text, path);
}

// TokenizerFilesOptions::adapt for the folder of a model with a RoFormerTokenizer: BERT's, but for
// words, which jieba tells apart with the dictionary in the file of that name, and for
// tokenize_chinese_chars, which the class passes over. Throws ConfigError where the class is that
// and the name is empty.
inline auto roformer_tokenizer(const ModelFolder& folder, std::string dictionary) {
  const std::string file = folder.join("tokenizer_config.json");
  return [file, dictionary = std::move(dictionary)](std::string_view tokenizer_class,
                                                    TokenizerConfig& config) {
    if (tokenizer_class != "RoFormerTokenizer" && tokenizer_class != "RoFormerTokenizerFast") {
      return false;
    }
    if (dictionary.empty()) {
      throw ConfigError(file, "tokenizer_class",
                        "a dictionary of words in jieba's format beside " +
                            std::string(tokenizer_class) +
                            " (LoadOptions::dictionary, --dictionary FILE)",
                        "none");
    }
    config.normalizer.handle_chinese_chars = false;
    config.word_splitter = std::make_shared<const JiebaWordSplitter>(
        WordSegmenter(read_word_dictionary(dictionary)), config.vocabulary);
    return true;
  };
}

}  // namespace semblance
