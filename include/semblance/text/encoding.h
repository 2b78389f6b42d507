#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace semblance {

// A range of bytes [begin, end) in the text that was given; {0, 0} for a token that stands for no
// part of it. Where canonical reordering moves a base between marks, begin may exceed end, as in
// the reference.
struct Offset {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Offset&, const Offset&) = default;
};

// A tokenized text, or pair of texts. All vectors have the same length, [sequence_length].
struct Encoding {
  std::vector<std::int32_t> input_ids;
  std::vector<std::int32_t> token_type_ids;
  std::vector<std::int32_t> attention_mask;  // all 1: there is no padding here
  // Bytes of the text, or of the second text where the token comes from that one.
  std::vector<Offset> offsets;
  // Pieces as the vocabulary spells them; for an added token, the part of the text that it matched.
  std::vector<std::string> tokens;
  bool truncated = false;  // some token of a text was left out
};

struct TokenizeOptions {
  // Absent means no limit. Counts the special tokens; must leave room for them, else
  // std::invalid_argument.
  std::optional<std::size_t> max_length = std::nullopt;
  bool add_special_tokens = true;
};

struct TokenCount {
  std::size_t num_tokens = 0;  // appended, special tokens included
  bool truncated = false;      // some token of the text was left out
};

}  // namespace semblance
