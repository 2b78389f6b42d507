#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
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
//
// Files may hold millions of tokens: every search is by tree, none runs over all of them.
class SpecialTokens {
 public:
  // `defaults` are special tokens that hold where no file names them.
  explicit SpecialTokens(const std::vector<std::pair<std::string, std::string>>& defaults) {
    for (const auto& [key, content] : defaults) set(key, plain(content));
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
        const std::set<std::string> names = named_contents();
        for (const auto& [content, id] : added_tokens->members()) {
          const bool special = names.contains(std::string(content));
          decoder_[token_id(id)] = {
              .content = std::string(content), .normalized = !special, .special = special};
        }
      }
      for (const auto& [id, token] : json_tokens) decoder_[id] = token;
    }
    std::map<std::string_view, const AddedToken*> known;  // of equal ones, that of the largest id
    for (const auto& [id, token] : decoder_) known[token.content] = &token;
    for (auto& [key, token] : named_) {
      const auto found = known.find(token.content);
      if (found != known.end()) token = *found->second;
    }
  }

  // The spelling of a special token, such as "cls_token"; empty when none has that name.
  std::string content(std::string_view key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? std::string() : named_[found->second].second.content;
  }

  // Puts the tokens behind those that are there.
  void append_to(std::vector<AddedToken>& tokens) const {
    const std::set<AddedToken, Less> there(tokens.begin(), tokens.end());
    std::set<std::string> contents;
    for (const AddedToken& token : tokens) contents.insert(token.content);
    const auto append = [&](const AddedToken& token, bool special) {
      tokens.push_back(token);
      tokens.back().special |= special;
      contents.insert(token.content);
    };
    const std::set<std::string> names = named_contents();
    for (const auto& [id, token] : decoder_) {
      if (!there.contains(token)) append(token, names.contains(token.content));
    }
    for (const AddedToken* token : named_in_order()) {
      if (!contents.contains(token->content)) append(*token, true);
    }
    for (const AddedToken& token : extra_) {
      if (!contents.contains(token.content)) append(token, false);
    }
  }

 private:
  struct Less {
    static auto parts(const AddedToken& t) {
      return std::tie(t.content, t.single_word, t.lstrip, t.rstrip, t.normalized, t.special);
    }
    bool operator()(const AddedToken& a, const AddedToken& b) const { return parts(a) < parts(b); }
  };

  static AddedToken plain(std::string content) {
    return {.content = std::move(content), .normalized = false, .special = true};
  }
  std::set<std::string> named_contents() const {
    std::set<std::string> contents;
    for (const auto& [key, token] : named_) contents.insert(token.content);
    return contents;
  }
  // The seven of BERT's kind come first, in their own order.
  std::vector<const AddedToken*> named_in_order() const {
    std::vector<const AddedToken*> tokens;
    for (const std::string_view key : kSpecialTokenKeys) {
      const auto found = places_.find(key);
      if (found != places_.end()) tokens.push_back(&named_[found->second].second);
    }
    for (const auto& [key, token] : named_) {
      const auto known = std::find(kSpecialTokenKeys.begin(), kSpecialTokenKeys.end(), key);
      if (known == kSpecialTokenKeys.end()) tokens.push_back(&token);
    }
    return tokens;
  }
  void set(std::string_view key, AddedToken token) {
    const auto [place, inserted] = places_.emplace(key, named_.size());
    if (inserted) {
      named_.emplace_back(key, std::move(token));
    } else {
      named_[place->second].second = std::move(token);
    }
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
      if (extra_seen_.insert(extra).second) extra_.push_back(std::move(extra));
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

  std::vector<std::pair<std::string, AddedToken>> named_;   // in the order they came
  std::map<std::string, std::size_t, std::less<>> places_;  // of each key in named_
  std::vector<AddedToken> extra_;
  std::set<AddedToken, Less> extra_seen_;
  std::map<std::int32_t, AddedToken> decoder_;
};

}  // namespace semblance::detail
