#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "semblance/text/bert_tokenizer.h"

namespace semblance::testing {

inline nlohmann::json read_tokenizer_golden(const std::string& name) {
  std::ifstream file(std::string(SEMBLANCE_TEST_DATA) + "/golden/tokenizer/" + name);
  if (!file) throw std::runtime_error("golden file missing: " + name);
  return nlohmann::json::parse(file);
}

inline BertNormalizerOptions normalizer_of(const nlohmann::json& setting) {
  const auto& object = setting.at("normalizer");
  BertNormalizerOptions options;
  options.lowercase_first = setting.value("lowercase_first", false);
  options.clean_text = object.at("clean_text");
  options.handle_chinese_chars = object.at("handle_chinese_chars");
  if (!object.at("strip_accents").is_null()) options.strip_accents = object.at("strip_accents");
  options.lowercase = object.at("lowercase");
  return options;
}

// The tokenizer of one of the settings in cases.json.
inline TokenizerConfig config_of(const nlohmann::json& setting) {
  TokenizerConfig config;
  std::int32_t id = 0;
  for (const std::string token : setting.at("vocab")) config.vocabulary.add(token, id++);
  config.wordpiece.continuing_subword_prefix = setting.value("prefix", "##");
  config.wordpiece.max_input_chars_per_word = setting.value("max_input_chars_per_word", 100U);
  config.normalizer = normalizer_of(setting);
  for (const auto& token : setting.at("added")) {
    config.added_tokens.push_back({.content = token.at("content"),
                                   .single_word = token.at("single_word"),
                                   .lstrip = token.at("lstrip"),
                                   .rstrip = token.at("rstrip"),
                                   .normalized = token.at("normalized").get<bool>(),
                                   .special = token.at("special")});
  }
  if (!setting.value("bare", false)) {
    config.post_processor = PostProcessor::bert("[CLS]", config.vocabulary.id("[CLS]").value(),
                                                "[SEP]", config.vocabulary.id("[SEP]").value());
  }
  return config;
}

// Letters and digits of a setting's name, for a parameterized test.
inline std::string setting_name(const ::testing::TestParamInfo<nlohmann::json>& info) {
  std::string name;
  for (const char c : info.param.at("name").get<std::string>()) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
  }
  return name;
}

}  // namespace semblance::testing
