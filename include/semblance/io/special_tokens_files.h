#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/json.h"
#include "semblance/io/tokenizer_json.h"
#include "semblance/text/added_tokens.h"

namespace semblance::detail {

inline constexpr std::array<std::string_view, 7> kSpecialTokenKeys = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

// The special and added tokens of a model's folder, put together as transformers 5 does when it
// loads a tokenizer (tokenization_utils_base.py, _from_pretrained;
// tokenization_utils_tokenizers.py, TokenizersBackend.__init__):
//
// - tokenizer_config.json names the special tokens ("cls_token": ...);
// - added_tokens_decoder there settles how each is matched. Without it, special_tokens_map.json has
//   the last word on the names, and added_tokens.json and then tokenizer.json's added_tokens settle
//   the matching;
// - what tokenizer.json has already is not added again; then come added tokens by id, special
// tokens
//   in the order of their keys, and extra special tokens.
class SpecialTokens {
 public:
  // `defaults` are special tokens that hold where no file names them.
  explicit SpecialTokens(std::vector<std::pair<std::string, std::string>> defaults) {
    for (auto& [key, content] : defaults) set(key, plain(std::move(content)));
  }

  // Any file may be absent. `json_tokens` are tokenizer.json's, empty where there is no such file.
  void read(const JsonValue* tokenizer_config, const JsonValue* special_tokens_map,
            const JsonValue* added_tokens,
            const std::vector<std::pair<std::int32_t, AddedToken>>& json_tokens) {
    if (tokenizer_config != nullptr) read_names(*tokenizer_config, false);
    const auto decoder =
        tokenizer_config == nullptr ? std::nullopt : tokenizer_config->find("added_tokens_decoder");
    if (decoder) {
      for (const auto& [key, token] : decoder->members()) {
        decoder_[id_from_key(key, *decoder)] = added_token_from_json(token);
      }
    } else {
      if (special_tokens_map != nullptr) read_names(*special_tokens_map, true);
      if (added_tokens != nullptr) {
        for (const auto& [content, id] : added_tokens->members()) {
          const bool special = is_named(content);
          decoder_[token_id(id)] = {
              .content = std::string(content), .normalized = !special, .special = special};
        }
      }
      for (const auto& [id, token] : json_tokens) decoder_[id] = token;
    }
    for (auto& [key, token] : named_) {
      for (const auto& [id, known] : decoder_) {
        if (known.content == token.content) token = known;
      }
    }
  }

  // The spelling of a special token, such as "cls_token"; empty when none has that name.
  std::string content(std::string_view key) const {
    const auto found = find(key);
    return found == named_.end() ? std::string() : found->second.content;
  }

  // Puts the tokens behind those that are there.
  void append_to(std::vector<AddedToken>& tokens) const {
    const std::vector<AddedToken> there = tokens;
    const auto has_content = [&tokens](const std::string& content) {
      return std::any_of(tokens.begin(), tokens.end(),
                         [&](const AddedToken& token) { return token.content == content; });
    };
    for (const auto& [id, token] : decoder_) {
      if (std::find(there.begin(), there.end(), token) != there.end()) continue;
      tokens.push_back(token);
      if (is_named(token.content)) tokens.back().special = true;
    }
    for (const auto& [key, token] : named_) {
      if (has_content(token.content)) continue;
      tokens.push_back(token);
      tokens.back().special = true;
    }
    for (const AddedToken& token : extra_) {
      if (!has_content(token.content)) tokens.push_back(token);
    }
  }

 private:
  using Named = std::vector<std::pair<std::string, AddedToken>>;

  static AddedToken plain(std::string content) {
    return {.content = std::move(content), .normalized = false, .special = true};
  }
  Named::const_iterator find(std::string_view key) const {
    return std::find_if(named_.begin(), named_.end(),
                        [key](const auto& entry) { return entry.first == key; });
  }
  bool is_named(std::string_view content) const {
    return std::any_of(named_.begin(), named_.end(),
                       [content](const auto& entry) { return entry.second.content == content; });
  }
  void set(std::string_view key, AddedToken token) {
    const auto found = find(key);
    if (found != named_.end()) {
      named_[static_cast<std::size_t>(found - named_.begin())].second = std::move(token);
    } else {
      named_.emplace_back(key, std::move(token));
    }
    // The seven of BERT's kind come first, in their own order.
    const auto rank = [](const auto& entry) {
      return std::find(kSpecialTokenKeys.begin(), kSpecialTokenKeys.end(), entry.first) -
             kSpecialTokenKeys.begin();
    };
    std::stable_sort(named_.begin(), named_.end(),
                     [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  }

  // A string or an AddedToken object.
  static AddedToken from_json(const JsonValue& value, std::optional<bool> special) {
    if (value.is_string()) return plain(value.as_string());
    if (!value.is_object()) throw value.error("a string or an AddedToken object");
    return added_token_from_json(value, special);
  }

  void read_names(const JsonValue& root, bool from_map) {
    const auto special = from_map ? std::optional(true) : std::nullopt;
    for (const auto& [key, value] : root.members()) {
      if (key == "extra_special_tokens" || key == "additional_special_tokens") continue;
      if (key.ends_with("_token") && (value.is_string() || value.is_object())) {
        set(key, from_json(value, special));
      }
    }
    // The older name counts where the newer is absent or empty, here and in the file read before.
    const auto extra = root.find("extra_special_tokens");
    const auto older = root.find("additional_special_tokens");
    if (extra && (extra->size() != 0 || !older)) {
      read_extra(*extra, special);
    } else if (older && extra_.empty()) {
      read_extra(*older, special);
    }
  }
  void read_extra(const JsonValue& tokens, std::optional<bool> special) {
    if (tokens.is_object()) {
      for (const auto& [name, token] : tokens.members()) set(name, from_json(token, special));
      return;
    }
    for (const JsonValue& token : tokens.elements()) {
      AddedToken extra = from_json(token, special);
      if (std::find(extra_.begin(), extra_.end(), extra) == extra_.end()) {
        extra_.push_back(std::move(extra));
      }
    }
  }

  static std::int32_t id_from_key(std::string_view key, const JsonValue& decoder) {
    std::int64_t id = 0;
    for (const char digit : key) {
      if (digit < '0' || digit > '9' || id > kMaxTokenId) {
        id = kMaxTokenId + std::int64_t{1};
        break;
      }
      id = 10 * id + (digit - '0');
    }
    if (key.empty() || id > kMaxTokenId) {
      throw ConfigError(decoder.file(), decoder.path(), "ids as keys",
                        "\"" + std::string(key) + "\"");
    }
    return static_cast<std::int32_t>(id);
  }

  Named named_;
  std::vector<AddedToken> extra_;
  std::map<std::int32_t, AddedToken> decoder_;
};

}  // namespace semblance::detail
