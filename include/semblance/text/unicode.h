#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "semblance/core/utf8.h"
#include "semblance/text/unicode_data.h"

namespace semblance {

// What a tokenizer asks about a code point, as the released `tokenizers` package 0.23 answers it.
// That package mixes three Unicode versions: categories and NFD of Unicode 9, lower-casing and
// whitespace of its compiler, word characters of its regular expressions. utf8proc answers first;
// unicode_data.h holds the code points where it would answer differently.
enum CodePointFlag : std::uint8_t {
  kWhitespace = 1,       // White_Space
  kOther = 2,            // Cc, Cf, Co without TAB, LF, CR; and U+FFFD: what clean_text removes
  kPunctuation = 4,      // P*, and the ASCII symbols that BERT counts as punctuation
  kNonspacingMark = 8,   // Mn: what strip_accents removes
  kCombines = 16,        // canonical combining class other than 0
  kDecomposes = 32,      // has a canonical decomposition
  kChangesInLower = 64,  // is not its own lower-case
  kWordCharacter = 128,  // \w of UTS 18: letters, marks, digits, connectors
};

// The first question to this or any of the functions below builds a table, and may end in
// std::bad_alloc; later ones do not.
std::uint8_t code_point_flags(char32_t c);

inline bool is_whitespace(char32_t c) { return (code_point_flags(c) & kWhitespace) != 0; }
inline bool is_other(char32_t c) { return (code_point_flags(c) & kOther) != 0; }
inline bool is_punctuation(char32_t c) {
  return (code_point_flags(c) & kPunctuation) != 0;
}
inline bool is_nonspacing_mark(char32_t c) {
  return (code_point_flags(c) & kNonspacingMark) != 0;
}
inline bool is_word_character(char32_t c) {
  return (code_point_flags(c) & kWordCharacter) != 0;
}

// The blocks that BERT sets apart. CJK Extension E begins at U+2B920 there, 256 code points late;
// later extensions are absent (google-research/bert, tokenization.py, and tokenizers alike).
inline bool is_chinese_character(char32_t c) noexcept {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

// Some code points: at most as many as one code point becomes in any step here.
struct CodePoints {
  std::array<char32_t, 4> values;
  std::size_t count;
  const char32_t* begin() const noexcept { return values.data(); }
  const char32_t* end() const noexcept { return values.data() + count; }
};

// Full lower-case without context: U+0130 becomes two code points, U+03A3 always U+03C3.
CodePoints to_lower(char32_t c);
// Full canonical decomposition, elements of one code point in canonical order (UAX 15).
CodePoints canonical_decomposition(char32_t c);
// Orders neighbours in NFD; meaningful for what canonical_decomposition() gives.
std::uint8_t canonical_combining_class(char32_t c);

// Sorts, stably and in linear time, a run of anything with a member combining_class (UAX 15,
// canonical ordering). `spare` is memory to work in.
template <class Element>
void sort_by_combining_class(std::vector<Element>& run, std::vector<Element>& spare) {
  const auto less = [](const Element& a, const Element& b) {
    return a.combining_class < b.combining_class;
  };
  if (std::is_sorted(run.begin(), run.end(), less)) return;
  std::array<std::size_t, 257> place{};
  for (const Element& element : run) ++place[element.combining_class + std::size_t{1}];
  std::partial_sum(place.begin(), place.end(), place.begin());
  spare.resize(run.size());
  for (const Element& element : run) spare[place[element.combining_class]++] = element;
  run.swap(spare);
}

namespace detail {

inline const LowercaseRange* find_lowercase(char32_t c) noexcept {
  for (const LowercaseRange& range : kLowercaseToo) {
    if (c >= range.first && c <= range.last) return &range;
  }
  return nullptr;
}

// utf8proc's own answer.
inline std::uint8_t flags_from_utf8proc(char32_t c) noexcept {
  const auto code = static_cast<utf8proc_int32_t>(c);
  const utf8proc_property_t* property = utf8proc_get_property(code);
  const int category = property->category;
  const auto between = [category](int first, int last) {
    return category >= first && category <= last;
  };
  const bool ascii_symbol = c < 0x80 && between(UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SO);
  const bool other = category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
                     category == UTF8PROC_CATEGORY_CO;
  const bool hangul_syllable = c >= 0xAC00 && c <= 0xD7A3;
  const bool letter_like =
      between(UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) || category == UTF8PROC_CATEGORY_PC;
  // Alphabetic although So: circled and squared letters. U+200C and U+200D join.
  const bool alphabetic_symbol = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                                 (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  unsigned flags = 0;
  if ((c >= 9 && c <= 13) || c == 0x85 || between(UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP)) {
    flags |= kWhitespace;
  }
  if (c == kReplacementCharacter || (other && c != 9 && c != 10 && c != 13)) flags |= kOther;
  if (ascii_symbol || between(UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO)) flags |= kPunctuation;
  if (category == UTF8PROC_CATEGORY_MN) flags |= kNonspacingMark;
  if (property->combining_class != 0) flags |= kCombines;
  if (hangul_syllable || (property->decomp_seqindex != UINT16_MAX && property->decomp_type == 0)) {
    flags |= kDecomposes;
  }
  if (property->lowercase_seqindex != UINT16_MAX && utf8proc_tolower(code) != code) {
    flags |= kChangesInLower;
  }
  if (letter_like || alphabetic_symbol || c == 0x200C || c == 0x200D) flags |= kWordCharacter;
  return static_cast<std::uint8_t>(flags);
}

// The flags of every code point, gathered once. Outside private use nothing is assigned beyond
// planes 0 to 2, the start of plane 3 and the start of plane 14.
class UnicodeFlags {
 public:
  static const UnicodeFlags& instance() {
    static const UnicodeFlags flags;
    return flags;
  }
  std::uint8_t operator[](char32_t c) const noexcept {
    if (c < kPlanes) return flags_[c];
    if (c >= kTags && c < kTags + kTagCount) return flags_[c - kTags + kPlanes];
    const bool private_use = c >= 0xF0000 && c <= 0x10FFFD && (c & 0xFFFF) <= 0xFFFD;
    return private_use ? std::uint8_t{kOther} : std::uint8_t{0};
  }

 private:
  static constexpr char32_t kPlanes = 0x33480;
  static constexpr char32_t kTags = 0xE0000;
  static constexpr char32_t kTagCount = 0x200;

  UnicodeFlags() : flags_(kPlanes + kTagCount) {
    for (char32_t c = 0; c < kPlanes; ++c) flags_[c] = flags_from_utf8proc(c);
    for (char32_t c = 0; c < kTagCount; ++c) flags_[c + kPlanes] = flags_from_utf8proc(c + kTags);
    keep_only(kUnassigned, 0);
    keep_only(kNotOther, ~unsigned{kOther});
    keep_only(kNotPunctuation, ~unsigned{kPunctuation});
    keep_only(kNotMark, ~unsigned{kNonspacingMark});
    keep_only(kStarter, ~unsigned{kCombines});
    keep_only(kNotDecomposed, ~unsigned{kDecomposes});
    set(kPunctuationToo, kPunctuation);
    set(kMarkToo, kNonspacingMark);
    set(kWordToo, kWordCharacter);
    set(kLowercaseToo, kChangesInLower);
  }
  template <class Range, std::size_t N, class Change>
  void change(const Range (&ranges)[N], const Change& change) {
    for (const Range& range : ranges) {
      const bool tags = range.first >= kTags;
      const char32_t shift = tags ? kTags - kPlanes : 0;
      const char32_t limit = tags ? kTags + kTagCount : kPlanes;
      for (char32_t c = range.first; c <= range.last && c < limit; ++c) change(flags_[c - shift]);
    }
  }
  template <class Range, std::size_t N>
  void keep_only(const Range (&ranges)[N], unsigned mask) {
    change(ranges, [mask](std::uint8_t& f) { f = static_cast<std::uint8_t>(f & mask); });
  }
  template <class Range, std::size_t N>
  void set(const Range (&ranges)[N], unsigned flag) {
    change(ranges, [flag](std::uint8_t& f) { f = static_cast<std::uint8_t>(f | flag); });
  }
  std::vector<std::uint8_t> flags_;
};

}  // namespace detail

inline std::uint8_t code_point_flags(char32_t c) {
  return detail::UnicodeFlags::instance()[c];
}

inline CodePoints to_lower(char32_t c) {
  if ((code_point_flags(c) & kChangesInLower) == 0) return {{c}, 1};
  if (c == 0x130) return {{0x69, 0x307}, 2};
  if (const detail::LowercaseRange* range = detail::find_lowercase(c)) {
    return {{static_cast<char32_t>(static_cast<int>(c) + range->distance)}, 1};
  }
  return {{static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)))}, 1};
}

inline CodePoints canonical_decomposition(char32_t c) {
  if ((code_point_flags(c) & kDecomposes) == 0) return {{c}, 1};
  utf8proc_int32_t buffer[4];
  int boundary = 0;
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), buffer, 4,
                                             UTF8PROC_DECOMPOSE, &boundary);
  CodePoints result{};
  if (count < 1 || count > 4) return {{c}, 1};
  result.count = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < result.count; ++i) {
    result.values[i] = static_cast<char32_t>(buffer[i]);
  }
  return result;
}

inline std::uint8_t canonical_combining_class(char32_t c) {
  if ((code_point_flags(c) & kCombines) == 0) return 0;
  return static_cast<std::uint8_t>(
      utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

}  // namespace semblance
