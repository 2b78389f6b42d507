#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/json.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/special_tokens_files.h"
#include "semblance/io/tokenizer_json.h"
#include "semblance/io/vocabulary_file.h"
#include "semblance/text/bert_tokenizer.h"

namespace semblance {

struct TokenizerFilesOptions {
  // A plain lower-casing step before the normalizer, as sentence_bert_config.json's do_lower_case
  // asks for.
  bool lowercase_first = false;
  // Called with a tokenizer_class that is not one of BERT's. True: the class is taken for BERT's,
  // with the changes made to the config. Absent or false: the class is refused by name.
  std::function<bool(std::string_view tokenizer_class, TokenizerConfig& config)> adapt = nullptr;
};

struct LoadedTokenizer {
  BertTokenizer tokenizer;
  // tokenizer_config.json's; absent where it is missing or astronomically large, which means none.
  std::optional<std::size_t> model_max_length;
  std::string tokenizer_class;
  std::string file;  // what the vocabulary came from: "tokenizer.json" or "vocab.txt"
};

// The tokenizer of a model's folder, as transformers 5 loads it with AutoTokenizer:
//
// - the vocabulary from tokenizer.json, else from vocab.txt;
// - tokenizer_class BertTokenizer or one like it (also where no file names a class): all the
//   rest from tokenizer_config.json or BertTokenizer's defaults. tokenizer.json's normalizer,
//   pre-tokenizer, post-processor and WordPiece parameters do not count then, whatever they are;
// - tokenizer_class PreTrainedTokenizerFast, TokenizersBackend or one of some that transformers no
//   longer knows (ErnieTokenizer, NezhaTokenizer): tokenizer.json as it is written.
//
// never_split counts for neither, as there. Throws FileError, FormatError, and ConfigError for what
// is not supported: another class, truncation_side "left", split_special_tokens.
LoadedTokenizer load_tokenizer(const ModelFolder& folder,
                               const TokenizerFilesOptions& options = {});
inline LoadedTokenizer load_tokenizer(const std::string& folder,
                                      const TokenizerFilesOptions& options = {}) {
  return load_tokenizer(ModelFolder(folder), options);
}

// A tokenizer from a vocab.txt alone: [CLS] A [SEP], and those of [UNK], [SEP], [CLS], [PAD] and
// [MASK] that the vocabulary has are found in the text. lowercase_first is not looked at. Throws
// FileError, FormatError, ConfigError.
BertTokenizer load_tokenizer_from_vocab(const std::string& path,
                                        const BertNormalizerOptions& normalizer = {});

namespace detail {

enum class TokenizerKind : std::uint8_t { bert, as_written, other };

// What transformers' AutoTokenizer makes of a class name.
inline TokenizerKind tokenizer_kind(std::string_view tokenizer_class) {
  std::string_view stem = tokenizer_class;
  if (stem.ends_with("Fast")) stem.remove_suffix(4);
  constexpr std::array<std::string_view, 7> kLikeBert = {
      "BertTokenizer",   "DistilBertTokenizer", "ElectraTokenizer",    "LayoutLMTokenizer",
      "LxmertTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer"};
  // Where transformers does not know the class, as it does not the last five, it takes
  // tokenizer.json as written.
  constexpr std::array<std::string_view, 7> kAsWritten = {
      "PreTrainedTokenizer", "TokenizersBackend", "", "ErnieTokenizer", "NezhaTokenizer",
      "RealmTokenizer",      "RetriBertTokenizer"};
  const auto is_in = [stem](const auto& names) {
    return std::find(names.begin(), names.end(), stem) != names.end();
  };
  if (is_in(kLikeBert)) return TokenizerKind::bert;
  return is_in(kAsWritten) ? TokenizerKind::as_written : TokenizerKind::other;
}

// The JSON files that say how the vocabulary is used; any may be absent.
struct TokenizerSettings {
  explicit TokenizerSettings(const ModelFolder& folder) {
    const auto read = [&](std::string_view name, std::optional<JsonValue>& root) {
      const auto path = folder.find(name);
      if (path) root = documents.emplace_back(JsonDocument::read(*path)).root();
    };
    read("tokenizer_config.json", config);
    read("special_tokens_map.json", special_tokens_map);
    read("added_tokens.json", added_tokens);
  }

  std::vector<JsonDocument> documents;  // what the others lie in
  std::optional<JsonValue> config;      // tokenizer_config.json
  std::optional<JsonValue> special_tokens_map;
  std::optional<JsonValue> added_tokens;
};

// The class that a folder asks for: tokenizer_config.json's, else config.json's, else the one that
// goes with config.json's model_type.
inline std::string tokenizer_class_of(const ModelFolder& folder,
                                      const std::optional<JsonValue>& tokenizer_config) {
  constexpr const char* kKey = "tokenizer_class";
  if (tokenizer_config) {
    if (const auto name = tokenizer_config->optional_string(kKey)) return *name;
  }
  if (const auto path = folder.find("config.json")) {
    const auto document = JsonDocument::read(*path);
    const JsonValue config = document.root();
    if (const auto name = config.optional_string(kKey)) return *name;
    if (config.optional_string("model_type") == "roformer") return "RoFormerTokenizer";
  }
  return "BertTokenizer";
}

// model_max_length is often 1e30, written as an integer or not.
inline std::optional<std::size_t> model_max_length_from(const JsonValue& config) {
  constexpr double kAstronomical = 1e15;
  for (const char* key : {"model_max_length", "max_len"}) {
    if (!config.contains(key)) continue;
    const auto value = config.find(key);
    if (!value) return std::nullopt;  // null: no limit, whatever the older key says
    const double length = value->as_number();
    if (length >= kAstronomical) return std::nullopt;
    if (length < 1 || length != std::floor(length)) throw value->error("a positive integer");
    return static_cast<std::size_t>(length);
  }
  return std::nullopt;
}

inline void refuse_unsupported(const JsonValue& config) {
  if (const auto side = config.find("truncation_side")) {
    if (side->as_string() != "right") throw side->error("\"right\"");
  }
  if (const auto split = config.find("split_special_tokens")) {
    if (split->as_boolean()) throw split->error("false");
  }
}

// BertTokenizer's constructor, by tokenizer_config.json.
inline BertNormalizerOptions normalizer_from_config(const std::optional<JsonValue>& config) {
  BertNormalizerOptions options;
  if (!config) return options;
  options.lowercase = config->optional_boolean("do_lower_case").value_or(true);
  options.strip_accents = config->optional_boolean("strip_accents");
  options.handle_chinese_chars = config->optional_boolean("tokenize_chinese_chars").value_or(true);
  return options;
}

// Builds the tokenizer; what it complains about is what `file` says.
inline BertTokenizer make_tokenizer(TokenizerConfig config, const std::string& file) {
  if (!config.vocabulary.id(config.wordpiece.unk_token)) {
    throw ConfigError(file, "unk_token", "a token of the vocabulary",
                      "\"" + config.wordpiece.unk_token + "\"");
  }
  for (std::size_t i = 0; i < config.vocabulary.size(); ++i) {
    const std::string_view token = config.vocabulary[i].first;
    if (!WordPiece::is_too_long(token, config.wordpiece)) continue;
    throw ConfigError(file, "max_input_chars_per_word",
                      "at most " + std::to_string(WordPiece::kMaxTokenBytes / 4) +
                          " where a token has more than " +
                          std::to_string(WordPiece::kMaxTokenBytes) + " bytes",
                      std::to_string(config.wordpiece.max_input_chars_per_word));
  }
  try {
    return BertTokenizer(std::move(config));
  } catch (const std::invalid_argument& error) {
    throw ConfigError(file, "added_tokens",
                      "tokens that differ when normalized, of 1 to " +
                          std::to_string(AddedTokenMatcher::kMaxTokenBytes) +
                          " bytes, with rstrip not of whitespace alone",
                      error.what());
  }
}

// [CLS] A [SEP], by the names that the folder gives to the two. ids[i] is that of added_tokens[i].
inline PostProcessor bert_template(const SpecialTokens& tokens,
                                   const std::vector<AddedToken>& added_tokens,
                                   const std::vector<std::int32_t>& ids,
                                   const ModelFolder& folder) {
  const auto id_of = [&](const std::string& content) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (added_tokens[i].content == content) return ids[i];
    }
    throw ConfigError(folder.join("tokenizer_config.json"), "cls_token, sep_token",
                      "tokens that are not empty", "\"" + content + "\"");
  };
  const std::string cls = tokens.content("cls_token");
  const std::string sep = tokens.content("sep_token");
  return PostProcessor::bert(cls, id_of(cls), sep, id_of(sep));
}

// BertTokenizer's config: of the vocabulary's file only the vocabulary and the added tokens count.
inline TokenizerConfig bert_config(TokenizerJson json, const TokenizerSettings& settings,
                                   const ModelFolder& folder) {
  SpecialTokens tokens({{"unk_token", "[UNK]"},
                        {"sep_token", "[SEP]"},
                        {"pad_token", "[PAD]"},
                        {"cls_token", "[CLS]"},
                        {"mask_token", "[MASK]"}});
  tokens.read(settings.config, settings.special_tokens_map, settings.added_tokens,
              json.added_tokens);
  TokenizerConfig config = std::move(json.config);
  config.added_tokens.clear();
  tokens.append_to(config.added_tokens);
  config.normalizer = normalizer_from_config(settings.config);
  config.wordpiece = WordPieceOptions{.unk_token = tokens.content("unk_token")};
  std::vector<AddedToken> added_tokens = config.added_tokens;
  const std::vector<std::int32_t> ids = assign_ids(added_tokens, config.vocabulary);
  config.post_processor = bert_template(tokens, added_tokens, ids, folder);
  return config;
}

// tokenizer.json's config, with the tokens that the other files add.
inline TokenizerConfig config_as_written(TokenizerJson json, const TokenizerSettings& settings) {
  SpecialTokens tokens({});
  tokens.read(settings.config, settings.special_tokens_map, settings.added_tokens,
              json.added_tokens);
  if (json.pad_token) tokens.set_default("pad_token", *json.pad_token);
  TokenizerConfig config = std::move(json.config);
  tokens.append_to(config.added_tokens);
  return config;
}

}  // namespace detail

inline LoadedTokenizer load_tokenizer(const ModelFolder& folder,
                                      const TokenizerFilesOptions& options) {
  using detail::TokenizerKind;
  const detail::TokenizerSettings settings(folder);
  if (settings.config) detail::refuse_unsupported(*settings.config);

  std::string tokenizer_class = detail::tokenizer_class_of(folder, settings.config);
  const TokenizerKind kind = detail::tokenizer_kind(tokenizer_class);
  const auto refuse_class = [&](std::string_view expected) {
    throw ConfigError(folder.join("tokenizer_config.json"), "tokenizer_class", expected,
                      "\"" + tokenizer_class + "\"");
  };
  if (kind == TokenizerKind::other && !options.adapt) refuse_class("BertTokenizer");

  const auto json_path = folder.find("tokenizer.json");
  const FileSource source = json_path ? *json_path : folder.require("vocab.txt");
  if (!json_path && kind == TokenizerKind::as_written) {
    refuse_class("BertTokenizer where there is no tokenizer.json");
  }
  TokenizerJson json;
  if (json_path) {
    json = kind == TokenizerKind::as_written ? read_tokenizer_json(source)
                                             : read_tokenizer_json_vocabulary(source);
  } else {
    json.config.vocabulary = read_vocabulary(source);
  }
  TokenizerConfig config = kind == TokenizerKind::as_written
                               ? detail::config_as_written(std::move(json), settings)
                               : detail::bert_config(std::move(json), settings, folder);
  if (kind == TokenizerKind::other && !options.adapt(tokenizer_class, config)) {
    refuse_class("BertTokenizer");
  }
  config.normalizer.lowercase_first |= options.lowercase_first;
  return {.tokenizer = detail::make_tokenizer(std::move(config), source.path()),
          .model_max_length =
              settings.config ? detail::model_max_length_from(*settings.config) : std::nullopt,
          .tokenizer_class = std::move(tokenizer_class),
          .file = json_path ? "tokenizer.json" : "vocab.txt"};
}

inline BertTokenizer load_tokenizer_from_vocab(const std::string& path,
                                               const BertNormalizerOptions& normalizer) {
  TokenizerConfig config;
  config.vocabulary = read_vocabulary(path);
  config.normalizer = normalizer;
  config.normalizer.lowercase_first = false;
  const auto require_id = [&](const char* token) {
    if (const auto id = config.vocabulary.id(token)) return *id;
    throw ConfigError(path, token, "a line with this token", "none");
  };
  config.post_processor =
      PostProcessor::bert("[CLS]", require_id("[CLS]"), "[SEP]", require_id("[SEP]"));
  for (const char* token : {"[UNK]", "[SEP]", "[CLS]", "[PAD]", "[MASK]"}) {
    if (!config.vocabulary.id(token)) continue;
    config.added_tokens.push_back({.content = token, .normalized = false, .special = true});
  }
  return detail::make_tokenizer(std::move(config), path);
}

}  // namespace semblance
