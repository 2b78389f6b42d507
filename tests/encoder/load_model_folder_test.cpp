#include "semblance/load_model_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "semblance/core/error.h"
#include "semblance/sentence_encoder.h"
#include "support/golden_model.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::GoldenModel;
using testing::TempFolder;

// A golden folder's copy, whose files may be changed.
class ChangedFolder {
 public:
  explicit ChangedFolder(const std::string& model) {
    fs::copy(GoldenModel(model).folder(), path(), fs::copy_options::recursive);
  }

  std::string path() const { return temp_.path() + "/model"; }
  void write(const std::string& name, const json& document) const {
    temp_.write("model/" + name, document.dump());
  }
  json read(const std::string& name) const {
    std::ifstream file(path() + '/' + name);
    return json::parse(file);
  }
  void remove(const std::string& name) const { fs::remove(fs::path(path()) / name); }

  SentenceEncoder load(const LoadOptions& options = {}) const {
    return SentenceEncoder::load(path(), options);
  }
  // The error that load() ends in, without the folder's path; empty where it loads.
  std::string refusal() const {
    try {
      load();
    } catch (const ConfigError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with(path())) << message;
      return message.substr(path().size());
    }
    return "";
  }

 private:
  TempFolder temp_;
};

TEST(LoadModelFolder, WithoutModulesNothingElseOfSentenceTransformersCounts) {
  const ChangedFolder folder("st-cls-normalize-old");  // at most 12 tokens, in lower case
  EXPECT_EQ(folder.load().max_length(), 12U);
  const auto check = [](const SentenceEncoder& bare) {
    EXPECT_EQ(bare.max_length(), 48U);
    EXPECT_NE(bare.encode("HOW are you").values, bare.encode("how are you").values);
    EXPECT_EQ(bare.model().poolings, std::vector{Pooling::cls});
  };
  check(folder.load({.use_modules = false}));
  folder.remove("modules.json");
  check(folder.load());
}

TEST(LoadModelFolder, RefusesABiasThatADenseModuleSaysItHasNot) {
  const ChangedFolder folder("st-mean-dense-normalize");
  EXPECT_EQ(folder.refusal(), "");
  json dense = folder.read("2_Dense/config.json");
  dense["bias"] = false;
  folder.write("2_Dense/config.json", dense);
  EXPECT_EQ(
      folder.refusal(),
      "/2_Dense/config.json: \"bias\": expected true, as there is a linear.bias, found false");
}

TEST(LoadModelFolder, RefusesAnAdapterBesideTheWeights) {
  const ChangedFolder folder("bert-mlm");
  folder.write("adapter_config.json", {{"peft_type", "LORA"}});
  EXPECT_EQ(folder.refusal(),
            "/adapter_config.json: expected a model without an adapter, found an adapter of PEFT: "
            "merge it into the weights");
}

TEST(LoadModelFolder, RefusesAVocabularyBeyondTheTableOfEmbeddings) {
  const ChangedFolder folder("bert-mlm");
  const std::size_t size = folder.read("config.json").at("vocab_size");
  std::ofstream(folder.path() + "/vocab.txt", std::ios::app) << "another\n";
  EXPECT_EQ(folder.refusal(),
            "/config.json: \"vocab_size\": expected at least the " + std::to_string(size + 1) +
                " entries of the tokenizer's vocabulary, found " + std::to_string(size));
}

TEST(LoadModelFolder, AnAddedTokenBeyondTheTableIsRefusedInATextAlone) {
  const ChangedFolder folder("bert-mlm");
  json config = folder.read("tokenizer_config.json");
  config["additional_special_tokens"] = {"<new>"};
  folder.write("tokenizer_config.json", config);
  const SentenceEncoder encoder = folder.load();
  EXPECT_EQ(encoder.encode("fine").values,
            SentenceEncoder::load(GoldenModel("bert-mlm").folder()).encode("fine").values);
  const std::string size = std::to_string(encoder.model().config.vocab_size);
  try {
    encoder.encode(std::vector<std::string>{"fine", "a <new> one"});
    FAIL() << "encoded a token without an embedding";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.what(), folder.path() +
                                ": \"vocab_size\": expected an embedding for every token of a "
                                "text, found none for \"<new>\", id " +
                                size + " of " + size);
  }
}

TEST(LoadModelFolder, RefusesAClsTokenBeyondTheTableOfEmbeddings) {
  const ChangedFolder folder("bert-mlm");
  json config = folder.read("tokenizer_config.json");
  config["cls_token"] = "<new>";
  folder.write("tokenizer_config.json", config);
  EXPECT_TRUE(folder.refusal().starts_with("/config.json: \"vocab_size\": expected at least the "));
}

TEST(LoadModelFolder, RefusesALengthWithoutRoomForTheSpecialTokens) {
  const std::string expected = ": expected at least the 2 special tokens of a text, found 1";
  const ChangedFolder folder("bert-mlm");
  json config = folder.read("tokenizer_config.json");
  config["model_max_length"] = 1;
  folder.write("tokenizer_config.json", config);
  EXPECT_EQ(folder.refusal(), "/tokenizer_config.json: \"model_max_length\"" + expected);

  const ChangedFolder with_modules("st-cls-normalize-old");
  json settings = with_modules.read("sentence_bert_config.json");
  settings["max_seq_length"] = 1;
  with_modules.write("sentence_bert_config.json", settings);
  EXPECT_EQ(with_modules.refusal(), "/sentence_bert_config.json: \"max_seq_length\"" + expected);
}

TEST(LoadModelFolder, RefusesATemplateOfOtherTokenTypes) {
  const ChangedFolder folder("st-prompt-without-sep");
  json tokenizer = folder.read("tokenizer.json");
  tokenizer.at("/post_processor/single/1/Sequence/type_id"_json_pointer) = 1;
  folder.write("tokenizer.json", tokenizer);
  EXPECT_EQ(folder.refusal(),
            "/tokenizer.json: \"post_processor.single\": expected token type 0 for all of a text, "
            "found 1");
}

}  // namespace
}  // namespace semblance
