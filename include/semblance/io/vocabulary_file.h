#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "semblance/core/error.h"
#include "semblance/core/utf8.h"
#include "semblance/io/file_bytes.h"
#include "semblance/text/unicode.h"
#include "semblance/text/vocabulary.h"

namespace semblance {

inline constexpr std::size_t kMaxVocabularySize = std::size_t{1} << 22;

// vocab.txt: a token a line, ids counted from 0.
//
// As the reference reads it (tokenizers, WordPiece::read_file): whitespace at a line's end, CR
// included, is no part of the token; a token given twice has the id of its last line; a blank line
// is the empty token, which takes its id and matches nothing. Beyond the reference, a byte-order
// mark is skipped. Throws FormatError with the line for bytes that are not UTF-8 and too many
// lines.
inline Vocabulary parse_vocabulary(std::string_view text, std::string_view file) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Vocabulary vocabulary;
  for (std::int32_t line = 0; !text.empty(); ++line) {
    const auto where = [&] { return std::string(file) + ": line " + std::to_string(line + 1); };
    if (static_cast<std::size_t>(line) >= kMaxVocabularySize) {
      throw FormatError(where(), "", "at most " + std::to_string(kMaxVocabularySize) + " tokens",
                        "more");
    }
    const std::size_t end = text.find('\n');
    std::string_view token = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t invalid = find_invalid_utf8(token);
    if (invalid != token.size()) {
      throw FormatError(where(), "", "UTF-8",
                        "other bytes at column " + std::to_string(invalid + 1));
    }
    while (!token.empty()) {
      std::size_t last = token.size() - 1;
      while ((static_cast<unsigned char>(token[last]) & 0xC0) == 0x80) --last;
      if (!is_whitespace(decode_utf8(token.substr(last)).value)) break;
      token = token.substr(0, last);
    }
    vocabulary.add(token, line);
  }
  return vocabulary;
}

// Throws FileError too.
inline Vocabulary read_vocabulary(const FileSource& source) {
  const std::string text = read_file_bytes(source);
  refuse_failed_download(source.path(), std::string_view(text).substr(0, 512));
  return parse_vocabulary(text, source.path());
}

}  // namespace semblance
