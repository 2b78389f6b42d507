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
// - tokenizer_config.json names the special tokens ("cls_token": ...), null none;
// - added_tokens_decoder there settles how each is matched. Without it, special_tokens_map.json has
//   the last word on the names, and added_tokens.json and then tokenizer.json's added_tokens settle
//   the matching;
// - what tokenizer.json has already is not added again; then come added tokens by id,
//   special tokens in the order of their keys, and extra special tokens. Of those two kinds a
//   spelling may come again, to be matched in another way: the last one counts.
//
// Files may hold millions of tokens: every search is by tree, none runs over all of them.
class SpecialTokens {
 public:
  // `defaults` are special tokens that hold where no file names them.
  explicit SpecialTokens(const std::vector<std::pair<std::string, std::string>>& defaults) {
    for (const auto& [key, content] : defaults) set_default(key, content);
  }

  // Any file may be absent. `json_tokens` are tokenizer.json's, empty where there is no such file.
  void read(const std::optional<JsonValue>& tokenizer_config,
            const std::optional<JsonValue>& special_tokens_map,
            const std::optional<JsonValue>& added_tokens,
            const std::vector<std::pair<std::int32_t, AddedToken>>& json_tokens) {
    if (tokenizer_config) read_names(*tokenizer_config, false);
    const auto decoder =
        tokenizer_config ? tokenizer_config->find("added_tokens_decoder") : std::nullopt;
    if (decoder) {
      for (const auto& [key, token] : decoder->members()) {
        decoder_[id_from_key(key, *decoder)] = added_token_from_json(token);
      }
    } else {
      if (special_tokens_map) read_names(*special_tokens_map, true);
      if (added_tokens) {
        const std::set<std::string> names = contents_in_files();
        for (const auto& [content, id] : added_tokens->members()) {
          const bool special = names.contains(std::string(content));
          decoder_[token_id(id)] = {
              .content = std::string(content), .normalized = !special, .special = special};
        }
      }
      for (const auto& [id, token] : json_tokens) decoder_[id] = token;
    }
    if (!extra_) extra_ = older_extra_;
    std::map<std::string_view, const AddedToken*> known;  // of equal ones, that of the largest id
    for (const auto& [id, token] : decoder_) known[token.content] = &token;
    for (Named& named : named_) {
      const auto found = known.find(named.token.content);
      if (found != known.end()) named.token = *found->second;
    }
  }

  // For a key that no file has.
  void set_default(std::string_view key, std::string content) {
    if (!places_.contains(key)) place_of(key).token = plain(std::move(content));
  }

  // The spelling of a special token, such as "cls_token"; empty when none has that name.
  std::string content(std::string_view key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? std::string() : named_[found->second].token.content;
  }

  // Puts the tokens behind those that are there.
  void append_to(std::vector<AddedToken>& tokens) const {
    const std::set<AddedToken, Less> there(tokens.begin(), tokens.end());
    std::set<std::string> contents;
    for (const AddedToken& token : tokens) contents.insert(token.content);
    const auto append = [&](const AddedToken& token, bool special) {
      if (token.content.empty()) return;
      tokens.push_back(token);
      tokens.back().special |= special;
    };
    const std::set<std::string> names = named_contents();
    for (const auto& [id, token] : decoder_) {
      if (there.contains(token)) continue;
      append(token, names.contains(token.content));
      contents.insert(token.content);
    }
    std::set<AddedToken, Less> added;
    const auto is_new = [&](const AddedToken& token) {
      return !contents.contains(token.content) && added.insert(token).second;
    };
    for (const AddedToken* token : named_in_order()) {
      if (is_new(*token)) append(*token, true);
    }
    if (!extra_) return;
    for (const AddedToken& token : *extra_) {
      if (is_new(token)) append(token, names.contains(token.content));
    }
  }

 private:
  struct Less {
    bool operator()(const AddedToken& a, const AddedToken& b) const {
      return a.parts() < b.parts();
    }
  };
  struct Named {
    std::string key;
    AddedToken token;  // empty where a file says null
    bool in_file = false;
  };

  static AddedToken plain(std::string content) {
    return {.content = std::move(content), .normalized = false, .special = true};
  }
  std::set<std::string> named_contents() const {
    std::set<std::string> contents;
    for (const Named& named : named_) contents.insert(named.token.content);
    return contents;
  }
  // Those of BERT's seven keys, and the extra ones of the newer name.
  std::set<std::string> contents_in_files() const {
    std::set<std::string> contents;
    for (const std::string_view key : kSpecialTokenKeys) {
      const auto found = places_.find(key);
      if (found == places_.end() || !named_[found->second].in_file) continue;
      contents.insert(named_[found->second].token.content);
    }
    if (extra_) {
      for (const AddedToken& token : *extra_) contents.insert(token.content);
    }
    return contents;
  }
  // The seven of BERT's kind come first, in their own order.
  std::vector<const AddedToken*> named_in_order() const {
    std::vector<const AddedToken*> tokens;
    for (const std::string_view key : kSpecialTokenKeys) {
      const auto found = places_.find(key);
      if (found != places_.end()) tokens.push_back(&named_[found->second].token);
    }
    for (const Named& named : named_) {
      if (!is_known(named.key)) tokens.push_back(&named.token);
    }
    return tokens;
  }
  static bool is_known(std::string_view key) {
    return std::find(kSpecialTokenKeys.begin(), kSpecialTokenKeys.end(), key) !=
           kSpecialTokenKeys.end();
  }
  Named& place_of(std::string_view key) {
    const auto [place, inserted] = places_.emplace(key, named_.size());
    if (inserted) named_.push_back({.key = std::string(key), .token = {}});
    return named_[place->second];
  }
  void set(std::string_view key, AddedToken token) {
    Named& named = place_of(key);
    named.token = std::move(token);
    named.in_file = true;
  }

  // A string or an AddedToken object.
  static AddedToken from_json(const JsonValue& value, std::optional<bool> special) {
    if (value.is_string()) return plain(value.as_string());
    if (!value.is_object()) throw value.error("a string or an AddedToken object");
    return added_token_from_json(value, special);
  }

  void read_names(const JsonValue& root, bool from_map) {
    const auto special = from_map ? std::optional(true) : std::nullopt;
    std::optional<JsonValue> extra;
    std::optional<JsonValue> older;
    for (const auto& [key, value] : root.members()) {
      if (key == "extra_special_tokens") {
        extra = value;
      } else if (key == "additional_special_tokens") {
        older = value;
      } else if (key.ends_with("_token") && (value.is_string() || value.is_object())) {
        set(key, from_json(value, special));
      } else if (is_known(key) && value.is_null()) {
        set(key, {});
      }
    }
    // In tokenizer_config.json the older name counts where the newer is absent or empty. What the
    // special_tokens_map.json has by the older name counts where neither file has the newer.
    if (!from_map && older && (!extra || extra->is_null() || extra->size() == 0)) {
      extra = std::exchange(older, std::nullopt);
    }
    if (extra && extra->is_object()) {
      for (const auto& [name, token] : extra->members()) set(name, from_json(token, special));
      extra_.reset();
    } else if (extra) {
      extra_ = extended(std::move(extra_).value_or(std::vector<AddedToken>()), *extra, special);
    }
    if (older) older_extra_ = extended({}, *older, special);
  }
  // The tokens and those of a list, each once; null has none.
  static std::vector<AddedToken> extended(std::vector<AddedToken> tokens, const JsonValue& list,
                                          std::optional<bool> special) {
    if (list.is_null()) return tokens;
    std::set<AddedToken, Less> seen(tokens.begin(), tokens.end());
    for (const JsonValue& value : list.elements()) {
      AddedToken token = from_json(value, special);
      if (seen.insert(token).second) tokens.push_back(std::move(token));
    }
    return tokens;
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

  std::vector<Named> named_;                                // in the order they came
  std::map<std::string, std::size_t, std::less<>> places_;  // of each key in named_
  std::optional<std::vector<AddedToken>> extra_;        // extra_special_tokens, where it is a list
  std::optional<std::vector<AddedToken>> older_extra_;  // additional_special_tokens beside it
  std::map<std::int32_t, AddedToken> decoder_;
};

}  // namespace semblance::detail
