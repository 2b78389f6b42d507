#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/text/added_tokens.h"
#include "semblance/text/bert_normalizer.h"
#include "semblance/text/encoding.h"
#include "semblance/text/fast_path.h"
#include "semblance/text/plain_path.h"
#include "semblance/text/post_processor.h"
#include "semblance/text/vocabulary.h"
#include "semblance/text/word_splitter.h"
#include "semblance/text/wordpiece.h"

namespace semblance {

// All that decides what a BertTokenizer does. io/tokenizer_files.h fills it from a model's folder.
struct TokenizerConfig {
  Vocabulary vocabulary;
  WordPieceOptions wordpiece;
  BertNormalizerOptions normalizer;
  // One that the vocabulary holds keeps its id; others get the ids after the vocabulary's, in
  // order. A token given again replaces the earlier one.
  std::vector<AddedToken> added_tokens;
  PostProcessor post_processor;
  // Absent: BERT's own rule for words.
  std::shared_ptr<const WordSplitter> word_splitter;
};

// BERT's tokenizer: added tokens, normalization, words, WordPiece, special tokens, truncation; with
// the ids and offsets of the `tokenizers` package 0.23.
//
// Takes any bytes: each maximal ill-formed part of UTF-8 reads as U+FFFD, which clean_text removes.
// Time is linear in the text's length, times the longest token's at worst. Const members may be
// called from many threads at once.
class BertTokenizer {
 public:
  // Throws std::invalid_argument for what WordPiece and AddedTokenMatcher refuse: a vocabulary
  // without the unk_token, a token that is too long, an added token that is empty when normalized,
  // the same as another, or whitespace alone with rstrip.
  explicit BertTokenizer(TokenizerConfig config);

  // A text with everything there is to know about its tokens. Truncation keeps the front.
  Encoding encode(std::string_view text, const TokenizeOptions& options = {}) const;
  // Two texts; truncation takes tokens from the longer one first (longest_first).
  Encoding encode(std::string_view text, std::string_view pair,
                  const TokenizeOptions& options = {}) const;
  // A pair is two arguments: two pointers in braces would be one std::string_view.
  Encoding encode(std::initializer_list<std::string_view> texts,
                  const TokenizeOptions& options = {}) const = delete;

  // The fast way for encoders: appends the input_ids of one text, and its token_type_ids where
  // asked. Unless the tokenizer has a word_splitter or added tokens that are sought in normalized
  // text, or one with U+FFFD meets ill-formed bytes, it stops reading the text soon after that is
  // known to be truncated, and allocates nothing once `scratch` and the vectors have grown. Throws
  // std::invalid_argument for 4 GiB and more without a place to part them.
  TokenCount append_input_ids(std::string_view text, const TokenizeOptions& options,
                              TokenizerScratch& scratch, std::vector<std::int32_t>& input_ids,
                              std::vector<std::int32_t>* token_type_ids = nullptr) const;
  TokenCount append_input_ids(std::string_view text, const TokenizeOptions& options,
                              std::vector<std::int32_t>& input_ids) const {
    TokenizerScratch scratch;
    return append_input_ids(text, options, scratch, input_ids);
  }

  // Spelling of an id, empty when no token has it; and the other way round.
  std::string_view token(std::int32_t id) const noexcept;
  std::optional<std::int32_t> id(std::string_view token) const;

  // Largest id of any token, added or not, plus one: the rows of an embedding table for all of
  // them.
  std::size_t id_limit() const noexcept { return id_limit_; }
  // Special tokens around one text, or around two.
  std::size_t num_special_tokens(bool pair = false) const noexcept {
    return semblance::num_special_tokens(pair ? config_.post_processor.pair
                                              : config_.post_processor.single);
  }
  // Whether an added token that is special has this id.
  bool is_special(std::int32_t id) const noexcept;
  const TokenizerConfig& config() const noexcept { return config_; }

 private:
  // The text with every ill-formed part replaced, and where each of its bytes came from.
  struct Repaired {
    std::string text;
    std::vector<std::size_t> origin;  // [text.size() + 1]
  };
  static Repaired repair(std::string_view text);
  static bool has_replacement_character(std::string_view text) {
    return text.find("\xEF\xBF\xBD") != std::string_view::npos;
  }

  void list_spellings();
  AddedTokenMatcher make_matcher(bool normalized) const;
  // Tokens that the texts themselves may have, all together.
  std::size_t text_limit(const TokenizeOptions& options, bool pair) const;
  PlainTokens tokenize(std::string_view text, std::size_t limit) const;
  void append_text_ids(std::string_view text, std::size_t limit, TokenizerScratch& scratch,
                       std::vector<std::int32_t>& ids) const;
  Encoding assemble(const SequenceTemplate& pieces, const TokenizeOptions& options,
                    const PlainTokens& first, const PlainTokens& second) const;

  TokenizerConfig config_;
  std::vector<std::int32_t> added_ids_;  // one for each of config_.added_tokens
  // Every id once, ascending, with its place in the vocabulary or, beyond that, in added_tokens.
  std::vector<std::pair<std::int32_t, std::size_t>> spellings_;
  std::size_t id_limit_ = 0;
  WordPiece wordpiece_;
  BertNormalizer normalizer_;
  FastPath fast_path_;
  AddedTokenMatcher raw_matcher_;         // for added tokens sought in the text
  AddedTokenMatcher normalized_matcher_;  // for those sought in the normalized text
  bool raw_needs_repair_ = false;         // some token sought in the text has U+FFFD in it
};

inline BertTokenizer::BertTokenizer(TokenizerConfig config)
    : config_(std::move(config)),
      added_ids_(assign_ids(config_.added_tokens, config_.vocabulary)),
      wordpiece_(config_.vocabulary, config_.wordpiece),
      normalizer_(config_.normalizer),
      fast_path_(config_.normalizer, config_.vocabulary, wordpiece_) {
  list_spellings();
  raw_matcher_ = make_matcher(false);
  normalized_matcher_ = make_matcher(true);
  for (const AddedToken& token : config_.added_tokens) {
    raw_needs_repair_ |= !token.is_normalized() && has_replacement_character(token.content);
  }
}

inline void BertTokenizer::list_spellings() {
  const Vocabulary& vocabulary = config_.vocabulary;
  spellings_.reserve(vocabulary.size() + added_ids_.size());
  for (std::size_t i = 0; i < vocabulary.size(); ++i)
    spellings_.emplace_back(vocabulary[i].second, i);
  for (std::size_t i = 0; i < added_ids_.size(); ++i) {
    spellings_.emplace_back(added_ids_[i], vocabulary.size() + i);
  }
  // An added token goes before the vocabulary's token of the same id. Most vocabularies
  // come in the order of their ids.
  const auto before = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  };
  const auto added = spellings_.end() - static_cast<std::ptrdiff_t>(added_ids_.size());
  if (!std::is_sorted(spellings_.begin(), added, before)) {
    std::sort(spellings_.begin(), added, before);
  }
  std::sort(added, spellings_.end(), before);
  std::inplace_merge(spellings_.begin(), added, spellings_.end(), before);
  const auto same_id = [](const auto& a, const auto& b) { return a.first == b.first; };
  spellings_.erase(std::unique(spellings_.begin(), spellings_.end(), same_id), spellings_.end());
  id_limit_ = spellings_.empty() ? 0 : static_cast<std::size_t>(spellings_.back().first) + 1;
}

inline bool BertTokenizer::is_special(std::int32_t id) const noexcept {
  for (std::size_t i = 0; i < added_ids_.size(); ++i) {
    if (added_ids_[i] == id && config_.added_tokens[i].special) return true;
  }
  return false;
}

inline AddedTokenMatcher BertTokenizer::make_matcher(bool normalized) const {
  std::vector<std::string> texts;
  std::vector<AddedTokenMatcher::Pattern> patterns;
  for (std::size_t i = 0; i < config_.added_tokens.size(); ++i) {
    const AddedToken& token = config_.added_tokens[i];
    if (token.is_normalized() != normalized) continue;
    texts.push_back(normalized ? normalizer_.normalize(token.content) : token.content);
    patterns.push_back({{}, added_ids_[i], token.single_word, token.lstrip, token.rstrip});
  }
  for (std::size_t i = 0; i < texts.size(); ++i) patterns[i].text = texts[i];
  return AddedTokenMatcher(patterns);
}

inline std::size_t BertTokenizer::text_limit(const TokenizeOptions& options, bool pair) const {
  if (!options.max_length) return std::numeric_limits<std::size_t>::max();
  const std::size_t specials = options.add_special_tokens ? num_special_tokens(pair) : 0;
  if (*options.max_length < specials) {
    throw std::invalid_argument("max_length is " + std::to_string(*options.max_length) + ", but " +
                                std::to_string(specials) + " special tokens must have room");
  }
  return *options.max_length - specials;
}

inline BertTokenizer::Repaired BertTokenizer::repair(std::string_view text) {
  Repaired result;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = decode_utf8(text.substr(at));
    append_utf8(c.value, result.text);
    result.origin.resize(result.text.size(), at);
    at += c.length;
  }
  result.origin.push_back(text.size());
  return result;
}

inline PlainTokens BertTokenizer::tokenize(std::string_view text, std::size_t limit) const {
  if (find_invalid_utf8(text) != text.size()) {
    const Repaired repaired = repair(text);
    PlainTokens tokens = tokenize(repaired.text, limit);
    for (Offset& offset : tokens.offsets) {
      offset = {repaired.origin[offset.begin], repaired.origin[offset.end]};
    }
    return tokens;
  }
  PlainTokens tokens;
  const PlainPath path{normalizer_, normalized_matcher_, config_.word_splitter.get(), wordpiece_,
                       config_.wordpiece};
  raw_matcher_.for_each_split(text, [&](const AddedTokenMatcher::Split& split) {
    if (split.id < 0) {
      path.append(text, split.begin, split.end, limit, tokens);
    } else if (split.begin < split.end) {
      tokens.push(split.id, {split.begin, split.end},
                  std::string(text.substr(split.begin, split.end - split.begin)));
    }
    return tokens.ids.size() <= limit;
  });
  return tokens;
}

inline Encoding BertTokenizer::assemble(const SequenceTemplate& pieces,
                                        const TokenizeOptions& options, const PlainTokens& first,
                                        const PlainTokens& second) const {
  const bool pair = &pieces == &config_.post_processor.pair;
  const auto [keep_first, keep_second] =
      truncate_longest_first(first.ids.size(), second.ids.size(), text_limit(options, pair));
  Encoding encoding;
  encoding.truncated = keep_first < first.ids.size() || keep_second < second.ids.size();
  for (const TemplatePiece& piece : pieces) {
    if (piece.kind == TemplatePiece::Kind::token) {
      if (!options.add_special_tokens) continue;
      encoding.input_ids.push_back(piece.id);
      encoding.offsets.push_back({});
      encoding.tokens.push_back(piece.token);
    } else {
      const bool is_first = piece.kind == TemplatePiece::Kind::first;
      const PlainTokens& tokens = is_first ? first : second;
      const std::size_t count = is_first ? keep_first : keep_second;
      const auto copy = [count](const auto& from, auto& to) {
        to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
      };
      copy(tokens.ids, encoding.input_ids);
      copy(tokens.offsets, encoding.offsets);
      copy(tokens.spellings, encoding.tokens);
    }
    encoding.token_type_ids.resize(encoding.input_ids.size(), piece.token_type_id);
  }
  encoding.attention_mask.assign(encoding.input_ids.size(), 1);
  return encoding;
}

inline Encoding BertTokenizer::encode(std::string_view text, const TokenizeOptions& options) const {
  const PlainTokens tokens = tokenize(text, text_limit(options, false));
  return assemble(config_.post_processor.single, options, tokens, {});
}

inline Encoding BertTokenizer::encode(std::string_view text, std::string_view pair,
                                      const TokenizeOptions& options) const {
  text_limit(options, true);
  // How the two share the limit depends on the full length of both.
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  const PlainTokens first = tokenize(text, kAll);
  const PlainTokens second = tokenize(pair, kAll);
  return assemble(config_.post_processor.pair, options, first, second);
}

inline TokenCount BertTokenizer::append_input_ids(std::string_view text,
                                                  const TokenizeOptions& options,
                                                  TokenizerScratch& scratch,
                                                  std::vector<std::int32_t>& input_ids,
                                                  std::vector<std::int32_t>* token_type_ids) const {
  const std::size_t limit = text_limit(options, false);
  const std::size_t begin = input_ids.size();
  TokenCount count;
  for (const TemplatePiece& piece : config_.post_processor.single) {
    if (piece.kind == TemplatePiece::Kind::token) {
      if (options.add_special_tokens) input_ids.push_back(piece.id);
    } else {
      const std::size_t first = input_ids.size();
      append_text_ids(text, limit, scratch, input_ids);
      if (input_ids.size() - first > limit) {
        input_ids.resize(first + limit);
        count.truncated = true;
      }
    }
    if (token_type_ids != nullptr) {
      token_type_ids->resize(token_type_ids->size() + (input_ids.size() - begin) - count.num_tokens,
                             piece.token_type_id);
    }
    count.num_tokens = input_ids.size() - begin;
  }
  return count;
}

inline void BertTokenizer::append_text_ids(std::string_view text, std::size_t limit,
                                           TokenizerScratch& scratch,
                                           std::vector<std::int32_t>& ids) const {
  const bool plain = !normalized_matcher_.empty() || config_.word_splitter != nullptr;
  if (plain || (raw_needs_repair_ && find_invalid_utf8(text) != text.size())) {
    const PlainTokens tokens = tokenize(text, limit);
    ids.insert(ids.end(), tokens.ids.begin(), tokens.ids.end());
    return;
  }
  const std::size_t first = ids.size();
  raw_matcher_.for_each_split(text, [&](const AddedTokenMatcher::Split& split) {
    if (split.id < 0) {
      fast_path_.append_ids(text.substr(split.begin, split.end - split.begin), wordpiece_, first,
                            limit, scratch, ids);
    } else if (split.begin < split.end) {
      ids.push_back(split.id);
    }
    return ids.size() - first <= limit;
  });
}

inline std::string_view BertTokenizer::token(std::int32_t id) const noexcept {
  const auto found = std::lower_bound(
      spellings_.begin(), spellings_.end(), id,
      [](const auto& spelling, std::int32_t value) { return spelling.first < value; });
  if (found == spellings_.end() || found->first != id) return {};
  const std::size_t size = config_.vocabulary.size();
  return found->second < size
             ? config_.vocabulary[found->second].first
             : std::string_view(config_.added_tokens[found->second - size].content);
}

inline std::optional<std::int32_t> BertTokenizer::id(std::string_view token) const {
  for (std::size_t i = 0; i < added_ids_.size(); ++i) {
    if (config_.added_tokens[i].content == token) return added_ids_[i];
  }
  return config_.vocabulary.id(token);
}

}  // namespace semblance
