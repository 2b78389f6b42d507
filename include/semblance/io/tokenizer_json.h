#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/json.h"
#include "semblance/io/vocabulary_file.h"
#include "semblance/text/bert_tokenizer.h"

namespace semblance {

// What tokenizer.json (the `tokenizers` package's own file) says.
struct TokenizerJson {
  TokenizerConfig config;
  std::vector<std::pair<std::int32_t, AddedToken>> added_tokens;  // in the file's order, as written
  std::optional<std::string> pad_token;                           // of its padding
};

namespace detail {

inline constexpr std::int32_t kMaxTokenId = std::numeric_limits<std::int32_t>::max() - 1;

inline std::int32_t token_id(const JsonValue& value) {
  return static_cast<std::int32_t>(value.as_integer(0, kMaxTokenId));
}

// The one kind of part that is read here; any other is refused by name.
inline void require_type(const JsonValue& part, std::string_view type) {
  const JsonValue found = part.require("type", type);
  if (found.as_string() != type) throw found.error(type);
}

// {"content": ..., "lstrip": ..., ...}; what is absent is false, but for `normalized`, which is
// then settled when it is known whether the token is special, as in the package's AddedToken.
inline AddedToken added_token_from_json(const JsonValue& object,
                                        std::optional<bool> special = std::nullopt) {
  AddedToken token;
  token.content = object.require_string("content");
  token.single_word = object.optional_boolean("single_word").value_or(false);
  token.lstrip = object.optional_boolean("lstrip").value_or(false);
  token.rstrip = object.optional_boolean("rstrip").value_or(false);
  token.special = special ? *special : object.optional_boolean("special").value_or(false);
  token.normalized = object.optional_boolean("normalized");
  return token;
}

inline void read_bert_normalizer(const JsonValue& object, BertNormalizerOptions& options) {
  require_type(object, "BertNormalizer");
  options.clean_text = object.require_boolean("clean_text");
  options.handle_chinese_chars = object.require_boolean("handle_chinese_chars");
  options.strip_accents = object.optional_boolean("strip_accents");
  options.lowercase = object.require_boolean("lowercase");
}

// BertNormalizer, or a Sequence of it after any number of Lowercase.
inline BertNormalizerOptions normalizer_from_json(const JsonValue& root) {
  const JsonValue normalizer = root.require("normalizer", "BertNormalizer");
  BertNormalizerOptions options;
  const JsonValue type = normalizer.require("type", "BertNormalizer");
  if (type.as_string() != "Sequence") {
    read_bert_normalizer(normalizer, options);
    return options;
  }
  const JsonValue list = normalizer.require("normalizers", "an array");
  const std::vector<JsonValue> steps = list.elements();
  if (steps.empty()) throw list.error("a BertNormalizer");
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    require_type(steps[i], "Lowercase");
    options.lowercase_first = true;
  }
  read_bert_normalizer(steps.back(), options);
  return options;
}

inline SequenceTemplate template_from_json(const JsonValue& list, const JsonValue& special_tokens,
                                           bool pair) {
  // One token's list of ids used by many pieces would be copied as often.
  constexpr std::size_t kMaxPieces = 1024;
  SequenceTemplate result;
  int firsts = 0;
  int seconds = 0;
  if (list.size() > kMaxPieces) {
    throw list.error("at most " + std::to_string(kMaxPieces) + " tokens");
  }
  for (const JsonValue& piece : list.elements()) {
    if (const auto sequence = piece.find("Sequence")) {
      const JsonValue id = sequence->require("id", "A or B");
      const auto type = token_id(sequence->require("type_id", "an integer"));
      if (id.as_string() == "A") {
        ++firsts;
        result.push_back(TemplatePiece::first(type));
      } else if (id.as_string() == "B" && pair) {
        ++seconds;
        result.push_back(TemplatePiece::second(type));
      } else {
        throw id.error(pair ? "A or B" : "A");
      }
      continue;
    }
    const JsonValue special = piece.require("SpecialToken", "a Sequence or a SpecialToken");
    const auto type = token_id(special.require("type_id", "an integer"));
    const JsonValue token = special_tokens.require(special.require_string("id"), "a special token");
    const std::vector<JsonValue> ids = token.require("ids", "an array").elements();
    const std::vector<JsonValue> names = token.require("tokens", "an array").elements();
    if (ids.size() != names.size()) throw token.error("as many ids as tokens");
    if (ids.size() > kMaxPieces - std::min(result.size(), kMaxPieces)) {
      throw list.error("at most " + std::to_string(kMaxPieces) + " tokens");
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      result.push_back(TemplatePiece::special(names[i].as_string(), token_id(ids[i]), type));
    }
  }
  if (firsts != 1 || seconds != (pair ? 1 : 0)) {
    throw list.error(pair ? "each of the two sequences once" : "the sequence A once");
  }
  return result;
}

inline PostProcessor post_processor_from_json(const JsonValue& root) {
  const auto processor = root.find("post_processor");
  if (!processor) return {};
  const JsonValue type = processor->require("type", "TemplateProcessing or BertProcessing");
  if (type.as_string() == "BertProcessing") {
    const auto token = [&](const char* key) {
      const JsonValue value = processor->require(key, "a token and its id");
      const std::vector<JsonValue> parts = value.elements();
      if (parts.size() != 2) throw value.error("a token and its id");
      return std::pair(parts[0].as_string(), token_id(parts[1]));
    };
    const auto [cls, cls_id] = token("cls");
    const auto [sep, sep_id] = token("sep");
    return PostProcessor::bert(cls, cls_id, sep, sep_id);
  }
  if (type.as_string() != "TemplateProcessing") {
    throw type.error("TemplateProcessing or BertProcessing");
  }
  const JsonValue special_tokens = processor->require("special_tokens", "an object");
  return {template_from_json(processor->require("single", "an array"), special_tokens, false),
          template_from_json(processor->require("pair", "an array"), special_tokens, true)};
}

// The document without the tokens of its vocabulary, and these.
inline JsonDocument read_with_vocabulary(const FileSource& source, Vocabulary& vocabulary) {
  std::vector<std::int32_t> ids;
  const auto add = [&](std::string_view token, std::int64_t id) {
    ids.push_back(static_cast<std::int32_t>(id));
    vocabulary.add(token, ids.back());
    if (vocabulary.size() != ids.size()) {
      throw FormatError(source.path(), token, "each key once in an object", "it twice");
    }
    if (ids.size() > kMaxVocabularySize) {
      throw ConfigError(source.path(), "model.vocab",
                        "at most " + std::to_string(kMaxVocabularySize) + " tokens", "more");
    }
  };
  const JsonIntegerTable table{"model", "vocab", 0, kMaxTokenId, add};
  JsonDocument document = JsonDocument::read(source, {}, &table);
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) {
    throw ConfigError(source.path(), "model.vocab", "each id once",
                      std::to_string(*twice) + " twice");
  }
  return document;
}

inline void require_vocabulary(const JsonValue& model) {
  const JsonValue vocab = model.require("vocab", "an object of tokens and their ids");
  if (!vocab.is_object()) throw vocab.error("an object");
}

inline void read_wordpiece_model(const JsonValue& model, TokenizerConfig& config) {
  if (const auto type = model.find("type"); type && type->as_string() != "WordPiece") {
    throw type->error("WordPiece");
  }
  config.wordpiece.unk_token = model.require_string("unk_token");
  config.wordpiece.continuing_subword_prefix = model.require_string("continuing_subword_prefix");
  config.wordpiece.max_input_chars_per_word =
      model.require_size("max_input_chars_per_word", 0, std::numeric_limits<std::int64_t>::max());
}

inline void refuse_truncation_of_the_front(const JsonValue& root) {
  const auto truncation = root.find("truncation");
  const auto direction = truncation ? truncation->find("direction") : std::nullopt;
  if (direction && direction->as_string() != "Right") throw direction->error("\"Right\"");
}

inline void read_added_tokens(const JsonValue& root, TokenizerJson& json) {
  const auto added = root.find("added_tokens");
  if (!added) return;
  for (const JsonValue& value : added->elements()) {
    AddedToken token = added_token_from_json(value);
    json.config.added_tokens.push_back(token);
    json.added_tokens.emplace_back(token_id(value.require("id", "an integer")), std::move(token));
  }
}

}  // namespace detail

// Throws FileError, FormatError, and ConfigError for any kind of model, normalizer, pre-tokenizer
// or post-processor other than BERT's. Truncation and padding are left to the caller of the
// tokenizer, but truncation that keeps the end of a text is refused. The decoder is not looked at.
inline TokenizerJson read_tokenizer_json(const FileSource& source) {
  TokenizerJson result;
  const JsonDocument document = detail::read_with_vocabulary(source, result.config.vocabulary);
  const JsonValue root = document.root();
  const JsonValue model = root.require("model", "a WordPiece model");
  detail::read_wordpiece_model(model, result.config);
  detail::require_vocabulary(model);
  result.config.normalizer = detail::normalizer_from_json(root);
  detail::require_type(root.require("pre_tokenizer", "BertPreTokenizer"), "BertPreTokenizer");
  result.config.post_processor = detail::post_processor_from_json(root);
  detail::refuse_truncation_of_the_front(root);
  if (const auto padding = root.find("padding")) {
    result.pad_token = padding->optional_string("pad_token");
  }
  detail::read_added_tokens(root, result);
  return result;
}

// The vocabulary and the added tokens alone, which is all that transformers' BertTokenizer and
// RoFormerTokenizer take of the file: its other parts may be of any kind, but for truncation as
// above and a model of pieces that are no words. Throws FileError, FormatError, ConfigError.
inline TokenizerJson read_tokenizer_json_vocabulary(const FileSource& source) {
  TokenizerJson result;
  const JsonDocument document = detail::read_with_vocabulary(source, result.config.vocabulary);
  const JsonValue root = document.root();
  const JsonValue model = root.require("model", "a WordPiece model");
  const auto type = model.find("type");
  if (type && type->as_string() != "WordPiece" && type->as_string() != "WordLevel") {
    throw type->error("WordPiece");
  }
  detail::require_vocabulary(model);
  detail::refuse_truncation_of_the_front(root);
  detail::read_added_tokens(root, result);
  return result;
}

}  // namespace semblance
