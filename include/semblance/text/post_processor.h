#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace semblance {

// One part of what the model sees: the first text, the second, or a token of its own.
struct TemplatePiece {
  enum class Kind : std::uint8_t { first, second, token };
  Kind kind = Kind::first;
  std::int32_t token_type_id = 0;
  std::int32_t id = 0;  // of a token
  std::string token;    // its spelling

  static TemplatePiece first(std::int32_t type = 0) { return {Kind::first, type, 0, {}}; }
  static TemplatePiece second(std::int32_t type = 1) { return {Kind::second, type, 0, {}}; }
  static TemplatePiece special(std::string spelling, std::int32_t id, std::int32_t type = 0) {
    return {Kind::token, type, id, std::move(spelling)};
  }
};
using SequenceTemplate = std::vector<TemplatePiece>;

inline std::size_t num_special_tokens(const SequenceTemplate& pieces) {
  std::size_t count = 0;
  for (const TemplatePiece& piece : pieces) count += piece.kind == TemplatePiece::Kind::token;
  return count;
}

// What stands around one text and around two; by default nothing.
struct PostProcessor {
  SequenceTemplate single{TemplatePiece::first()};
  SequenceTemplate pair{TemplatePiece::first(), TemplatePiece::second()};

  // [CLS] A [SEP] for one text, [CLS] A [SEP] B [SEP] for two.
  static PostProcessor bert(const std::string& cls_token, std::int32_t cls_id,
                            const std::string& sep_token, std::int32_t sep_id) {
    using P = TemplatePiece;
    return {{P::special(cls_token, cls_id), P::first(), P::special(sep_token, sep_id)},
            {P::special(cls_token, cls_id), P::first(), P::special(sep_token, sep_id), P::second(),
             P::special(sep_token, sep_id, 1)}};
  }
};

// How many tokens of each text stay within `limit` in all: the reference's longest_first, which
// gives a short text its whole length and the longer one the rest, and halves the limit where both
// are long (tokenizers, utils/truncation.rs).
inline std::pair<std::size_t, std::size_t> truncate_longest_first(std::size_t first,
                                                                  std::size_t second,
                                                                  std::size_t limit) {
  if (first + second <= limit) return {first, second};
  const bool swap = first > second;
  std::size_t shorter = swap ? second : first;
  std::size_t longer = shorter > limit ? shorter : std::max(shorter, limit - shorter);
  if (shorter + longer > limit) {
    shorter = limit / 2;
    longer = shorter + limit % 2;
  }
  return swap ? std::pair(longer, shorter) : std::pair(shorter, longer);
}

}  // namespace semblance
