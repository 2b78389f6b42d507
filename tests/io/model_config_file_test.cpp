#include "semblance/io/model_config_file.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/reader_test.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::message_of;
using testing::TempFolder;

ModelConfig parse(const nlohmann::json& config) {
  const auto document = JsonDocument::parse(config.dump(), "config.json");
  return parse_model_config(document.root());
}

std::string refusal(const nlohmann::json& config) {
  return message_of<ConfigError>([&] { parse(config); });
}

// As bert-base-chinese has it.
nlohmann::json bert() {
  return nlohmann::json::parse(R"({
    "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi", "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768,
    "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "model_type": "bert", "num_attention_heads": 12,
    "num_hidden_layers": 12, "pad_token_id": 0, "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3, "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform", "type_vocab_size": 2, "vocab_size": 21128})");
}

nlohmann::json with(std::string_view key, const nlohmann::json& value,
                    nlohmann::json config = bert()) {
  config[std::string(key)] = value;
  return config;
}

nlohmann::json without(std::string_view key) {
  nlohmann::json config = bert();
  config.erase(std::string(key));
  return config;
}

nlohmann::json roformer() { return with("rotary_value", false, with("model_type", "roformer")); }

nlohmann::json distilbert() {
  return nlohmann::json::parse(R"({
    "activation": "gelu", "architectures": ["DistilBertForMaskedLM"], "attention_dropout": 0.1,
    "dim": 768, "dropout": 0.1, "hidden_dim": 3072, "initializer_range": 0.02,
    "max_position_embeddings": 512, "model_type": "distilbert", "n_heads": 12, "n_layers": 6,
    "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": false,
    "tie_weights_": true, "vocab_size": 30522})");
}

TEST(ModelConfig, ReadsBert) {
  const ModelConfig config = parse(bert());
  EXPECT_EQ(config.model_type, "bert");
  EXPECT_EQ(config.architectures, std::vector<std::string>{"BertForMaskedLM"});
  EXPECT_EQ(config.vocab_size, 21128u);
  EXPECT_EQ(config.hidden_size, 768u);
  EXPECT_EQ(config.num_hidden_layers, 12u);
  EXPECT_EQ(config.num_attention_heads, 12u);
  EXPECT_EQ(config.head_dim(), 64u);
  EXPECT_EQ(config.intermediate_size, 3072u);
  EXPECT_EQ(config.max_position_embeddings, 512u);
  EXPECT_EQ(config.type_vocab_size, 2u);
  EXPECT_EQ(config.embedding_size, 768u);
  EXPECT_EQ(config.hidden_act, "gelu");
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_FALSE(config.use_task_id);
}

TEST(ModelConfig, AbsentValuesAreTheFamiliesOwnDefaults) {
  nlohmann::json config = bert();
  for (const char* key : {"hidden_act", "layer_norm_eps", "type_vocab_size", "architectures"}) {
    config.erase(key);
  }
  const ModelConfig parsed = parse(config);
  EXPECT_EQ(parsed.hidden_act, "gelu");
  EXPECT_EQ(parsed.layer_norm_eps, 1e-12);
  EXPECT_EQ(parsed.type_vocab_size, 2u);
}

TEST(ModelConfig, ReadsRoFormer) {
  const ModelConfig plain = parse(roformer());
  EXPECT_EQ(plain.embedding_size, 768u);
  EXPECT_FALSE(plain.rotary_value);
  const ModelConfig other =
      parse(with("embedding_size", 384, with("rotary_value", true, roformer())));
  EXPECT_EQ(other.embedding_size, 384u);
  EXPECT_TRUE(other.rotary_value);
  EXPECT_EQ(parse(with("embedding_size", nullptr, roformer())).embedding_size, 768u);
  // Rotary positions turn pairs of values.
  refusal(with("num_attention_heads", 256, roformer()));
  // Their table lies in no file that could bound it.
  EXPECT_EQ(
      refusal(with("max_position_embeddings", 1 << 20, roformer())),
      "config.json: \"max_position_embeddings\": expected at most 262144 rotary positions for "
      "heads this wide, found 1048576");
  EXPECT_EQ(parse(with("max_position_embeddings", 1 << 18, roformer())).max_position_embeddings,
            1u << 18);
  // RoFormerV2 goes by the same name.
  EXPECT_EQ(refusal(with("use_bias", false, roformer())),
            "config.json: \"use_bias\": expected true, found false");
  refusal(with("norm_type", "rms_norm", roformer()));
}

TEST(ModelConfig, TakesTheEncoderOfRoFormerSimOutOfItsCausalLanguageModel) {
  const auto causal =
      with("is_decoder", true, with("architectures", {"RoFormerForCausalLM"}, roformer()));
  EXPECT_EQ(parse(causal).pooler_activation, "tanh");
  EXPECT_EQ(parse(with("pooler_activation", "linear", causal)).pooler_activation, "linear");
  EXPECT_EQ(refusal(with("pooler_activation", "relu", causal)),
            "config.json: \"pooler_activation\": expected tanh or linear, found \"relu\"");
  EXPECT_EQ(refusal(with("is_decoder", true, roformer())),
            "config.json: \"is_decoder\": expected nothing, or false, found true");
  refusal(with("add_cross_attention", true, causal));
}

TEST(ModelConfig, ReadsSimBertSmallWithEmbeddingsNarrowerThanItsLayers) {
  EXPECT_EQ(parse(with("embedding_size", 128)).embedding_size, 128u);
  refusal(with("embedding_size", 128, with("model_type", "ernie")));
}

TEST(ModelConfig, ReadsDistilBertByItsOwnNames) {
  const ModelConfig config = parse(distilbert());
  EXPECT_EQ(config.hidden_size, 768u);
  EXPECT_EQ(config.num_hidden_layers, 6u);
  EXPECT_EQ(config.num_attention_heads, 12u);
  EXPECT_EQ(config.intermediate_size, 3072u);
  EXPECT_EQ(config.hidden_act, "gelu");
  EXPECT_EQ(config.type_vocab_size, 0u);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(refusal(with("n_heads", 7, distilbert())),
            "config.json: \"n_heads\": expected a divisor of dim 768, found 7");
  EXPECT_EQ(refusal(with("activation", "mish", distilbert())),
            "config.json: \"activation\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, "
            "silu, tanh, found \"mish\"");
}

// As transformers' attribute_map of it has it.
TEST(ModelConfig, TheNamesThatFamiliesShareGoBeforeDistilBertsOwn) {
  const ModelConfig both = parse(with("num_attention_heads", 6, distilbert()));
  EXPECT_EQ(both.num_attention_heads, 6u);
  EXPECT_EQ(both.num_hidden_layers, 6u);
  nlohmann::json shared = with("num_hidden_layers", 2, with("hidden_size", 384, distilbert()));
  shared.erase("dim");
  shared.erase("n_layers");
  EXPECT_EQ(parse(shared).hidden_size, 384u);
  EXPECT_EQ(parse(shared).num_hidden_layers, 2u);
  EXPECT_EQ(parse(with("hidden_size", nullptr, distilbert())).hidden_size, 768u);
  EXPECT_EQ(parse(with("intermediate_size", 8, distilbert())).intermediate_size, 3072u);
  EXPECT_EQ(refusal(with("num_attention_heads", 7, distilbert())),
            "config.json: \"num_attention_heads\": expected a divisor of dim 768, found 7");
}

TEST(ModelConfig, ReadsErnieWithAndWithoutTaskIds) {
  EXPECT_FALSE(parse(with("model_type", "ernie")).use_task_id);
  const ModelConfig config = parse(
      with("task_type_vocab_size", 16, with("use_task_id", true, with("model_type", "ernie"))));
  EXPECT_TRUE(config.use_task_id);
  EXPECT_EQ(config.task_type_vocab_size, 16u);
}

TEST(ModelConfig, OtherFamiliesAreRefusedByName) {
  EXPECT_EQ(refusal(with("model_type", "roberta")),
            "config.json: \"model_type\": expected one of bert, roformer, distilbert, ernie, found "
            "\"roberta\"");
  for (const char* other : {"xlm-roberta", "albert", "electra", "mpnet", "nomic_bert", "modernbert",
                            "new", "deberta-v2", "BERT", "", "bert ", "t5"}) {
    refusal(with("model_type", other));
  }
  EXPECT_EQ(refusal(without("model_type")),
            "config.json: \"model_type\": expected one of bert, roformer, distilbert, ernie, found "
            "no such key");
  refusal(with("model_type", 3));
  refusal(with("model_type", nlohmann::json::array({"bert"})));
}

TEST(ModelConfig, WhatOnlyLooksLikeBertIsRefusedByItsKey) {
  EXPECT_EQ(refusal(with("position_embedding_type", "relative_key")),
            "config.json: \"position_embedding_type\": expected absolute, found \"relative_key\"");
  EXPECT_EQ(refusal(with("alibi_starting_size", 512)),
            "config.json: \"alibi_starting_size\": expected nothing, or false, found 512");
  const std::pair<const char*, nlohmann::json> foreign[] = {
      {"position_embedding_type", "relative_key_query"},
      {"position_embedding_type", "alibi"},
      {"position_embedding_type", "rotary"},
      {"position_embedding_type", ""},
      {"position_embedding_type", 1},
      {"feed_forward_type", "geglu"},
      {"feed_forward_type", "reglu"},
      {"use_glu", true},
      {"gated_mlp", true},
      {"relative_attention", true},
      {"relative_attention_num_buckets", 32},
      {"rope_theta", 10000.0},
      {"rotary_emb_base", 1000},
      {"rotary_emb_fraction", 1.0},
      {"rope_parameters", {{"rope_type", "default"}}},
      {"use_rms_norm", true},
      {"prenorm", true},
      {"parallel_block", true},
      {"qkv_proj_bias", false},
      {"is_decoder", true},
      {"is_encoder_decoder", true},
      {"add_cross_attention", true},
      {"quantization_config", {{"quant_method", "gptq"}}},
      {"pruned_heads", {{"0", {1, 2}}}},
      {"transformers_weights", "other.safetensors"},
      {"auto_map", {{"AutoModel", "modeling_bert.JinaBertModel"}}},
      {"num_key_value_heads", 4},
      {"head_dim", 32},
      {"attention_window", {512}},
      {"num_experts", 8},
  };
  for (const auto& [key, value] : foreign) {
    EXPECT_EQ(
        refusal(with(key, value)).find("config.json: \"" + std::string(key) + "\": expected "), 0u)
        << key;
  }
}

TEST(ModelConfig, TheSameKeysWithHarmlessValuesAreFine) {
  const std::pair<const char*, nlohmann::json> harmless[] = {
      {"position_embedding_type", "absolute"},
      {"position_embedding_type", nullptr},
      {"feed_forward_type", "original"},
      {"is_decoder", false},
      {"add_cross_attention", false},
      {"pruned_heads", nlohmann::json::object()},
      {"auto_map", nlohmann::json::object()},
      {"quantization_config", nullptr},
      {"quantization_config", {{"quant_method", "semblance"}}},
      {"relative_attention", false},
      {"alibi_starting_size", nullptr},
      {"rotary_emb_fraction", 0.0},
      {"use_bias", true},
      {"use_cache", true},
      {"classifier_dropout", nullptr},
      {"gradient_checkpointing", false},
      {"id2label", {{"0", "LABEL_0"}}},
      {"torch_dtype", "float16"},
      {"transformers_version", "4.8.2"},
      {"num_key_value_heads", 12},
      {"head_dim", 64},
      {"some_new_key", {1, {2}}},
  };
  for (const auto& [key, value] : harmless) EXPECT_NO_THROW(parse(with(key, value))) << key;
}

TEST(ModelConfig, ActivationsAreTheKnownSix) {
  for (const char* name : {"gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh"}) {
    EXPECT_EQ(parse(with("hidden_act", name)).hidden_act, name);
  }
  EXPECT_EQ(parse(with("hidden_act", "swish")).hidden_act, "silu");
  EXPECT_EQ(parse(with("hidden_act", "gelu_python")).hidden_act, "gelu");
  EXPECT_EQ(refusal(with("hidden_act", "mish")),
            "config.json: \"hidden_act\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, "
            "silu, tanh, found \"mish\"");
  refusal(with("hidden_act", "GELU"));
  refusal(with("hidden_act", ""));
  refusal(with("hidden_act", 1));
}

TEST(ModelConfig, SizesArePresentPositiveAndBounded) {
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                          "intermediate_size", "max_position_embeddings"}) {
    EXPECT_NE(refusal(without(key)).find("found no such key"), std::string::npos);
    for (const nlohmann::json& bad :
         {nlohmann::json(0), nlohmann::json(-1), nlohmann::json(768.0), nlohmann::json("768"),
          nlohmann::json(true), nlohmann::json(nullptr), nlohmann::json(std::int64_t{1} << 40),
          nlohmann::json(~std::uint64_t{0}), nlohmann::json(1e30), nlohmann::json::array({768})}) {
      EXPECT_EQ(refusal(with(key, bad)).find("config.json: \"" + std::string(key) + "\": "), 0u)
          << bad;
    }
  }
  EXPECT_EQ(refusal(with("num_attention_heads", 7)),
            "config.json: \"num_attention_heads\": expected a divisor of hidden_size 768, found 7");
  refusal(with("type_vocab_size", 0));
  refusal(with("type_vocab_size", -1));
  EXPECT_EQ(parse(with("type_vocab_size", 1)).type_vocab_size, 1u);
}

TEST(ModelConfig, TheEpsilonIsASmallPositiveNumber) {
  EXPECT_EQ(parse(with("layer_norm_eps", 1e-5)).layer_norm_eps, 1e-5);
  for (const nlohmann::json& bad : {nlohmann::json(0), nlohmann::json(-1e-12), nlohmann::json(1),
                                    nlohmann::json("1e-12"), nlohmann::json(1e300)}) {
    EXPECT_EQ(refusal(with("layer_norm_eps", bad)).find("config.json: \"layer_norm_eps\": "), 0u);
  }
}

TEST(ModelConfig, OtherJsonIsRefused) {
  for (const char* text : {"[]", "\"bert\"", "3", "null"}) {
    const auto document = JsonDocument::parse(text, "config.json");
    message_of<ConfigError>([&] { parse_model_config(document.root()); });
  }
  refusal(with("architectures", "BertModel"));
  refusal(with("architectures", {1}));
}

TEST(ModelConfig, TheFileIsNamedAsTheCallerNamedTheFolder) {
  const TempFolder folder;
  EXPECT_EQ(message_of<FileError>([&] { read_model_config(ModelFolder(folder.path())); }),
            folder.path() + "/config.json: expected a file, found nothing of that name");
  folder.write("config.json", with("hidden_act", "mish").dump());
  EXPECT_EQ(message_of<ConfigError>([&] {
              read_model_config(ModelFolder(folder.path()));
            }).find(folder.path() + "/config.json: \"hidden_act\": "),
            0u);
  folder.write("config.json", "\xEF\xBB\xBF" + bert().dump(2));
  EXPECT_EQ(read_model_config(ModelFolder(folder.path())).hidden_size, 768u);
}

}  // namespace
}  // namespace semblance
