#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/utf8.h"
#include "semblance/text/unicode.h"

namespace semblance {

// The steps before words are told apart, in this order.
struct BertNormalizerOptions {
  bool lowercase_first = false;      // a plain lower-casing step of its own; strips no accents
  bool clean_text = true;            // drops control characters, makes whitespace U+0020
  bool handle_chinese_chars = true;  // spaces around CJK ideographs
  // NFD without nonspacing marks; unset means: as `lowercase`.
  std::optional<bool> strip_accents = {};
  bool lowercase = true;

  bool strips_accents() const noexcept { return strip_accents.value_or(lowercase); }
  friend bool operator==(const BertNormalizerOptions&, const BertNormalizerOptions&) = default;
};

// A code point of the normalized text and the bytes of the text that it came from.
struct AlignedCodePoint {
  char32_t value;
  std::uint32_t begin;
  std::uint32_t end;
};
using NormalizedText = std::vector<AlignedCodePoint>;

// Normalized text as UTF-8, for what is sought in bytes.
struct NormalizedBytes {
  explicit NormalizedBytes(const NormalizedText& normalized) {
    for (std::size_t i = 0; i < normalized.size(); ++i) {
      append_utf8(normalized[i].value, text);
      code_point.resize(text.size(), i);
    }
    code_point.push_back(normalized.size());
  }

  std::string text;
  std::vector<std::size_t> code_point;  // that each byte is of, and how many there are for the end
};

// Code points of `text`, aligned to their own bytes counted from the front of `text`. Ill-formed
// bytes read as U+FFFD, see decode_utf8(). `text` is shorter than 4 GiB.
inline NormalizedText decode_aligned(std::string_view text) {
  NormalizedText result;
  result.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = decode_utf8(text.substr(at));
    result.push_back(
        {c.value, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + c.length)});
    at += c.length;
  }
  return result;
}

// BERT's normalization with the alignments of the `tokenizers` package (normalizers/bert.rs,
// tokenizer/normalizer.rs), one plain step after the other. Linear in the text's length.
//
// The fast path of BertTokenizer does the same without alignments; tests hold one against the
// other.
class BertNormalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options) : options_(options) {}

  void normalize(NormalizedText& text) const {
    if (options_.lowercase_first) lowercase(text);
    if (options_.clean_text) clean(text);
    if (options_.handle_chinese_chars) put_spaces_around_chinese(text);
    if (options_.strips_accents()) strip_accents(text);
    if (options_.lowercase) lowercase(text);
  }
  // The normalized form of a text on its own, as UTF-8.
  std::string normalize(std::string_view text) const {
    NormalizedText aligned = decode_aligned(text);
    normalize(aligned);
    std::string result;
    for (const AlignedCodePoint& c : aligned) append_utf8(c.value, result);
    return result;
  }

 private:
  static void clean(NormalizedText& text) {
    std::erase_if(text, [](const AlignedCodePoint& c) { return is_other(c.value); });
    for (AlignedCodePoint& c : text) {
      if (is_whitespace(c.value)) c.value = ' ';
    }
  }

  static void put_spaces_around_chinese(NormalizedText& text) {
    const auto chinese = [](const AlignedCodePoint& c) { return is_chinese_character(c.value); };
    const auto count = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), chinese));
    if (count == 0) return;
    NormalizedText result;
    result.reserve(text.size() + 2 * count);
    for (const AlignedCodePoint& c : text) {
      if (!chinese(c)) {
        result.push_back(c);
        continue;
      }
      const AlignedCodePoint space{' ', c.begin, c.end};
      result.insert(result.end(), {space, c, space});
    }
    text = std::move(result);
  }

  static void lowercase(NormalizedText& text) {
    const auto expands = [](const AlignedCodePoint& c) { return to_lower(c.value).count > 1; };
    if (std::none_of(text.begin(), text.end(), expands)) {
      for (AlignedCodePoint& c : text) c.value = to_lower(c.value).values[0];
      return;
    }
    NormalizedText result;
    result.reserve(text.size() + text.size() / 2);
    for (const AlignedCodePoint& c : text) {
      for (const char32_t value : to_lower(c.value)) result.push_back({value, c.begin, c.end});
    }
    text = std::move(result);
  }

  static void strip_accents(NormalizedText& text) {
    decompose(text);
    std::erase_if(text, [](const AlignedCodePoint& c) { return is_nonspacing_mark(c.value); });
  }

  // NFD. Alignment follows position, not origin, as in the reference: the first element of each
  // decomposition takes the place of the next code point of the input, in output order, and every
  // further one shares the place before it. So after reordering, marks may be aligned to each
  // other's bytes; and where such a further element comes before all, it is aligned to [0, 0).
  static void decompose(NormalizedText& text) {
    struct Element {
      char32_t value;
      std::uint8_t combining_class;
      bool first;
    };
    const auto plain = [](const AlignedCodePoint& c) {
      return (code_point_flags(c.value) & (kCombines | kDecomposes)) == 0;
    };
    if (std::all_of(text.begin(), text.end(), plain)) return;
    NormalizedText result;
    result.reserve(text.size() + text.size() / 2);
    std::vector<Element> pending;  // from one starter up to the next
    std::vector<Element> spare;
    std::size_t source = 0;  // next code point of the input to give its place away
    const auto flush = [&] {
      sort_by_combining_class(pending, spare);
      for (const Element& element : pending) {
        if (element.first) ++source;
        const AlignedCodePoint place = source == 0 ? AlignedCodePoint{} : text[source - 1];
        result.push_back({element.value, place.begin, place.end});
      }
      pending.clear();
    };
    for (const AlignedCodePoint& c : text) {
      bool first = true;
      for (const char32_t value : canonical_decomposition(c.value)) {
        const std::uint8_t combining_class = canonical_combining_class(value);
        if (combining_class == 0) flush();
        pending.push_back({value, combining_class, first});
        first = false;
      }
    }
    flush();
    text = std::move(result);
  }

  BertNormalizerOptions options_;
};

}  // namespace semblance
