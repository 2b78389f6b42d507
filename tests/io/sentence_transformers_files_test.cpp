#include "semblance/io/sentence_transformers_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/reader_test.h"
#include "support/links.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::message_of;
using testing::TempFolder;

constexpr std::string_view kOld = "sentence_transformers.models.";

std::string module(int index, const std::string& type, const std::string& path) {
  const std::string number = std::to_string(index);
  return "{\"idx\": " + number + ", \"name\": \"" + number + "\", \"path\": \"" + path +
         "\", \"type\": \"" + type + "\"}";
}

class SentenceTransformersFolder : public ::testing::Test {
 protected:
  SentenceTransformersFolder() { write("1_Pooling/config.json", kPooling); }

  void write(const std::string& name, std::string_view text) { folder_.write(name, text); }
  void write_modules(const std::vector<std::pair<std::string, std::string>>& modules) {
    std::string text = "[";
    for (std::size_t i = 0; i < modules.size(); ++i) {
      text +=
          (i == 0 ? "" : ", ") + module(static_cast<int>(i), modules[i].first, modules[i].second);
    }
    write("modules.json", text + "]");
  }
  // Transformer and Pooling, then `more`.
  void write_chain(std::vector<std::pair<std::string, std::string>> more) {
    more.insert(more.begin(), {{std::string(kOld) + "Transformer", ""},
                               {std::string(kOld) + "Pooling", "1_Pooling"}});
    write_modules(more);
  }
  SentenceTransformersConfig read() const {
    return *read_sentence_transformers_config(ModelFolder(folder_.path()));
  }
  std::string refusal() const {
    const std::string message = message_of<ConfigError>([&] { read(); });
    EXPECT_EQ(message.find(folder_.path() + "/"), 0u);
    return message.substr(std::min(message.size(), folder_.path().size() + 1));
  }
  PoolingModule pooling(const std::string& config) {
    write("1_Pooling/config.json", config);
    write_chain({});
    return std::get<PoolingModule>(read().modules.at(0));
  }
  std::string pooling_refusal(const std::string& config) {
    write("1_Pooling/config.json", config);
    write_chain({});
    return refusal();
  }
  DenseModule dense(const std::string& config) {
    write("2_Dense/config.json", config);
    write_chain({{std::string(kOld) + "Dense", "2_Dense"}});
    return std::get<DenseModule>(read().modules.at(1));
  }
  std::string dense_refusal(const std::string& config) {
    write("2_Dense/config.json", config);
    write_chain({{std::string(kOld) + "Dense", "2_Dense"}});
    return refusal();
  }
  SentenceTransformersConfig options(const std::string& config,
                                     const std::string& name = "sentence_bert_config.json") {
    write(name, config);
    write_chain({});
    return read();
  }
  std::string options_refusal(const std::string& config) {
    write("sentence_bert_config.json", config);
    write_chain({});
    return refusal();
  }
  SentenceTransformersConfig model_options(const std::string& config) {
    write("config_sentence_transformers.json", config);
    write_chain({});
    return read();
  }
  std::string model_options_refusal(const std::string& config) {
    write("config_sentence_transformers.json", config);
    write_chain({});
    return refusal();
  }

  static constexpr const char* kPooling =
      R"({"word_embedding_dimension": 8, "pooling_mode_cls_token": true,
          "pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": false,
          "pooling_mode_mean_sqrt_len_tokens": false})";
  TempFolder folder_;
};

TEST_F(SentenceTransformersFolder, AFolderWithoutModulesIsNotOne) {
  EXPECT_EQ(read_sentence_transformers_config(ModelFolder(folder_.path())), std::nullopt);
}

TEST_F(SentenceTransformersFolder, TheOldSchemaIsRead) {
  write("sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": true})");
  write_chain({{std::string(kOld) + "Normalize", "2_Normalize"}});
  const auto config = read();
  EXPECT_EQ(config.transformer_folder, "");
  EXPECT_EQ(config.max_seq_length, 256u);
  EXPECT_TRUE(config.do_lower_case);
  ASSERT_EQ(config.modules.size(), 2u);
  const auto& pooling = std::get<PoolingModule>(config.modules[0]);
  EXPECT_EQ(pooling.modes, std::vector<std::string>{"cls"});
  EXPECT_EQ(pooling.embedding_dimension, 8u);
  EXPECT_TRUE(pooling.include_prompt);
  EXPECT_TRUE(std::holds_alternative<NormalizeModule>(config.modules[1]));
  EXPECT_EQ(config.similarity_fn_name, "cosine");
  EXPECT_EQ(config.prompts, (std::map<std::string, std::string>{{"document", ""}, {"query", ""}}));
  EXPECT_EQ(config.default_prompt_name, std::nullopt);
}

TEST_F(SentenceTransformersFolder, TheSchemaOfReleaseSixIsRead) {
  write("1_Pooling/config.json",
        R"({"embedding_dimension": 8, "pooling_mode": "mean", "include_prompt": false})");
  write("2_Dense/config.json",
        R"({"in_features": 8, "out_features": 4, "bias": false,
            "activation_function": "torch.nn.modules.linear.Identity",
            "module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"})");
  write("3_LayerNorm/config.json", R"({"dimension": 4})");
  write(
      "4_Normalize/config.json",
      R"({"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"})");
  write("sentence_bert_config.json",
        R"({"transformer_task": "feature-extraction", "modality_config": {"text":
            {"method": "forward", "method_output_name": "last_hidden_state"}},
            "module_output_name": "token_embeddings", "unpad_inputs": true})");
  write_modules(
      {{"sentence_transformers.base.modules.transformer.Transformer", ""},
       {"sentence_transformers.sentence_transformer.modules.pooling.Pooling", "1_Pooling"},
       {"sentence_transformers.base.modules.dense.Dense", "2_Dense"},
       {"sentence_transformers.sentence_transformer.modules.layer_norm.LayerNorm", "3_LayerNorm"},
       {"sentence_transformers.base.modules.normalize.Normalize", "4_Normalize"}});
  const auto config = read();
  EXPECT_EQ(config.max_seq_length, std::nullopt);
  ASSERT_EQ(config.modules.size(), 4u);
  EXPECT_FALSE(std::get<PoolingModule>(config.modules[0]).include_prompt);
  const auto& dense = std::get<DenseModule>(config.modules[1]);
  EXPECT_EQ(dense.in_features, 8u);
  EXPECT_EQ(dense.out_features, 4u);
  EXPECT_FALSE(dense.bias);
  EXPECT_EQ(dense.activation, "identity");
  EXPECT_FALSE(dense.use_residual);
  EXPECT_EQ(dense.folder, "2_Dense");
  const auto& norm = std::get<LayerNormModule>(config.modules[2]);
  EXPECT_EQ(norm.dimension, 4u);
  EXPECT_EQ(norm.folder, "3_LayerNorm");
}

TEST_F(SentenceTransformersFolder, ATransformerMayHaveAFolderOfItsOwn) {
  write("0_Transformer/sentence_bert_config.json", R"({"max_seq_length": 64})");
  write("sentence_bert_config.json", R"({"max_seq_length": 32})");
  write_modules({{std::string(kOld) + "Transformer.Transformer", "0_Transformer"},
                 {std::string(kOld) + "Pooling.Pooling", "1_Pooling"}});
  EXPECT_EQ(read().transformer_folder, "0_Transformer");
  EXPECT_EQ(read().max_seq_length, 64u);
}

TEST_F(SentenceTransformersFolder, ANormalizeNeedsNoFolderAndDropoutDoesNothing) {
  write_chain({{std::string(kOld) + "Dropout", "2_Dropout"},
               {std::string(kOld) + "Normalize", "3_Normalize"}});
  EXPECT_EQ(read().modules.size(), 2u);
}

TEST_F(SentenceTransformersFolder, UnknownModulesAreRefusedByName) {
  write_chain({{"sentence_transformers.models.CNN", "2_CNN"}});
  EXPECT_EQ(refusal(),
            "modules.json: \"[2].type\": expected a module of sentence-transformers: Transformer, "
            "Pooling, Dense, Normalize, LayerNorm or Dropout, found "
            "\"sentence_transformers.models.CNN\"");
  for (const char* type :
       {"Pooling", "models.Pooling", "sentence_transformers.models.Poolings",
        "sentence_transformers.models.normalize.Pooling", "sentence_transformers.models.",
        "sentence_transformers.base.modules.router.Router", "custom_st.Transformer",
        "sentence_transformers.models.pooling.x.Pooling", "modeling.Normalize", ""}) {
    write_chain({{type, "2_X"}});
    refusal();
  }
}

TEST_F(SentenceTransformersFolder, ModulesComeInTheirOrder) {
  const std::string transformer = std::string(kOld) + "Transformer";
  const std::string pooling = std::string(kOld) + "Pooling";
  const std::string normalize = std::string(kOld) + "Normalize";
  write_modules({{pooling, "1_Pooling"}, {transformer, ""}});
  EXPECT_EQ(refusal(),
            "modules.json: \"[0].type\": expected the Transformer first, found "
            "\"sentence_transformers.models.Pooling\"");
  write_modules({{transformer, ""}, {transformer, ""}});
  refusal();
  write_modules({{transformer, ""}, {normalize, "2_Normalize"}, {pooling, "1_Pooling"}});
  refusal();
  write_modules({{transformer, ""}, {pooling, "1_Pooling"}, {pooling, "1_Pooling"}});
  refusal();
  write_modules({{transformer, ""}});
  refusal();
  write_modules({});
  refusal();
}

TEST_F(SentenceTransformersFolder, BrokenModuleListsAreRefused) {
  for (const char* text :
       {"{}", "[1]", "[{}]",
        R"([{"name": "0", "type": "sentence_transformers.models.Transformer"}])",
        R"([{"name": 0, "path": "", "type": "sentence_transformers.models.Transformer"}])",
        R"([{"name": "0", "path": null, "type": "sentence_transformers.models.Transformer"}])",
        R"([{"name": "0", "path": "", "type": null}])"}) {
    write("modules.json", text);
    refusal();
  }
  write("modules.json", "[" + module(0, std::string(kOld) + "Transformer", "") + "," +
                            module(0, std::string(kOld) + "Pooling", "1_Pooling") + "]");
  EXPECT_EQ(refusal(), "modules.json: \"[1].name\": expected each name once, found \"0\"");
}

TEST_F(SentenceTransformersFolder, MoreModulesThanAFolderHasAreRefused) {
  std::string modules = "[" + module(0, std::string(kOld) + "Transformer", "");
  for (int i = 1; i <= 64; ++i) {
    modules += "," + module(i, std::string(kOld) + "Dense", "2_Dense");
  }
  write("modules.json", modules + "]");
  EXPECT_EQ(refusal(), "modules.json: expected at most 64 modules, found an array");
}

TEST_F(SentenceTransformersFolder, ModulePathsThatLeaveTheFolderAreRefused) {
  const TempFolder outside;
  outside.write("config.json", kPooling);
  for (const std::string& path :
       {std::string("../1_Pooling"), outside.path(), std::string("1_Pooling/../../x"),
        std::string("..\\\\x"), std::string("C:\\\\x"), std::string("1_Pooling\\u0000")}) {
    write_modules({{std::string(kOld) + "Transformer", ""}, {std::string(kOld) + "Pooling", path}});
    EXPECT_EQ(refusal().find("modules.json: \"[1].path\": expected a path inside the folder"), 0u);
  }
  if (!testing::make_link(outside.path(), folder_.path() + "/link")) return;
  write_modules({{std::string(kOld) + "Transformer", ""}, {std::string(kOld) + "Pooling", "link"}});
  message_of<FileError>([&] { read(); });
}

TEST_F(SentenceTransformersFolder, ModulesWithoutTheirFilesAreFileErrors) {
  write_chain({{std::string(kOld) + "Dense", "2_Dense"}});
  EXPECT_EQ(message_of<FileError>([&] { read(); }),
            folder_.path() + "/2_Dense: expected a folder, found none");
  write("2_Dense/model.safetensors", "");
  EXPECT_EQ(message_of<FileError>([&] { read(); }),
            folder_.path() + "/2_Dense/config.json: expected a file, found nothing of that name");
  write("3_File", "");
  write_chain({{std::string(kOld) + "Normalize", "3_File"}});
  message_of<FileError>([&] { read(); });
}

TEST_F(SentenceTransformersFolder, SeveralPoolingModesKeepTheLibrarysOrder) {
  EXPECT_EQ(pooling(R"({"word_embedding_dimension": 8, "pooling_mode_lasttoken": true,
                        "pooling_mode_mean_sqrt_len_tokens": true, "pooling_mode_mean_tokens": true,
                        "pooling_mode_max_tokens": true, "pooling_mode_cls_token": true,
                        "pooling_mode_weightedmean_tokens": true})")
                .modes,
            (std::vector<std::string>{"cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean",
                                      "lasttoken"}));
  EXPECT_EQ(pooling(R"({"embedding_dimension": 8, "pooling_mode": ["mean", "cls", "mean"]})").modes,
            (std::vector<std::string>{"mean", "cls", "mean"}));
  // The name counts before the booleans; without either it is the mean.
  EXPECT_EQ(pooling(R"({"embedding_dimension": 8, "pooling_mode": "max",
                        "pooling_mode_cls_token": true})")
                .modes,
            std::vector<std::string>{"max"});
  EXPECT_EQ(pooling(R"({"embedding_dimension": 8})").modes, std::vector<std::string>{"mean"});
  EXPECT_EQ(pooling(R"({"embedding_dimension": 8, "pooling_mode_cls_token": false})").modes,
            std::vector<std::string>{"mean"});
}

TEST_F(SentenceTransformersFolder, BrokenPoolingsAreRefused) {
  EXPECT_EQ(pooling_refusal(R"({"embedding_dimension": 8, "pooling_mode": "median"})"),
            "1_Pooling/config.json: \"pooling_mode\": expected one of cls, max, mean, "
            "mean_sqrt_len_tokens, weightedmean, lasttoken, found \"median\"");
  EXPECT_EQ(pooling_refusal(R"({"embedding_dimension": 8, "pooling_mode": ["cls", "median"]})")
                .find("1_Pooling/config.json: \"pooling_mode[1]\": "),
            0u);
  EXPECT_EQ(pooling_refusal(R"({"embedding_dimension": 8, "pooling_mode_median": true})"),
            "1_Pooling/config.json: \"pooling_mode_median\": expected no such key, found true");
  for (const char* text :
       {"[]", "{}", R"({"embedding_dimension": 0})", R"({"embedding_dimension": "8"})",
        R"({"embedding_dimension": 8, "pooling_mode": []})",
        R"({"embedding_dimension": 8, "pooling_mode": 1})",
        R"({"embedding_dimension": 8, "pooling_mode": {}})",
        R"({"embedding_dimension": 8, "pooling_mode_cls_token": 1})",
        R"({"embedding_dimension": 8, "include_prompt": "no"})",
        R"({"embedding_dimension": 99999999999})"}) {
    pooling_refusal(text);
  }
}

TEST_F(SentenceTransformersFolder, DenseActivationsAreClassesOfTorch) {
  const auto activation = [&](const std::string& path) {
    return dense(R"({"in_features": 8, "out_features": 4, "activation_function": ")" + path + "\"}")
        .activation;
  };
  EXPECT_EQ(activation("torch.nn.modules.activation.Tanh"), "tanh");
  EXPECT_EQ(activation("torch.nn.modules.linear.Identity"), "identity");
  EXPECT_EQ(activation("torch.nn.modules.activation.ReLU"), "relu");
  EXPECT_EQ(activation("torch.nn.modules.activation.GELU"), "gelu");
  EXPECT_EQ(activation("torch.nn.modules.activation.Sigmoid"), "sigmoid");
  EXPECT_EQ(activation("torch.nn.SiLU"), "silu");
  EXPECT_EQ(dense(R"({"in_features": 8, "out_features": 4})").activation, "tanh");
  EXPECT_TRUE(dense(R"({"in_features": 8, "out_features": 4})").bias);
  EXPECT_TRUE(dense(R"({"in_features": 8, "out_features": 4, "use_residual": true})").use_residual);
  for (const char* path : {"torch.nn.modules.activation.Hardshrink", "Tanh", "os.system",
                           "torch.nn.modules.activation.tanh", "torch.nn.", "my.Tanh"}) {
    EXPECT_EQ(dense_refusal(R"({"in_features": 8, "out_features": 4, "activation_function": ")" +
                            std::string(path) + "\"}"),
              "2_Dense/config.json: \"activation_function\": expected Identity, Tanh, ReLU, GELU, "
              "Sigmoid or SiLU of torch.nn, found \"" +
                  std::string(path) + "\"");
  }
}

TEST_F(SentenceTransformersFolder, BrokenDensesAreRefused) {
  for (const char* text :
       {"[]", "{}", R"({"in_features": 8})", R"({"in_features": 0, "out_features": 4})",
        R"({"in_features": 8, "out_features": -4})", R"({"in_features": 8, "out_features": 4.5})",
        R"({"in_features": 8, "out_features": 4, "bias": "yes"})",
        R"({"in_features": 8, "out_features": 4, "activation_function": null})",
        R"({"in_features": 8, "out_features": 4, "module_input_name": "token_embeddings"})",
        R"({"in_features": 8, "out_features": 4, "module_output_name": "other"})"}) {
    dense_refusal(text);
  }
}

TEST_F(SentenceTransformersFolder, ANormalizeOrLayerNormOfSomethingElseIsRefused) {
  write("2_Normalize/config.json", R"({"module_input_name": "token_embeddings"})");
  write_chain({{std::string(kOld) + "Normalize", "2_Normalize"}});
  refusal();
  write("3_LayerNorm/config.json", R"({"dimension": 4, "eps": 1e-12})");
  write_chain({{std::string(kOld) + "LayerNorm", "3_LayerNorm"}});
  EXPECT_EQ(refusal(), "3_LayerNorm/config.json: \"eps\": expected no such key, found 1e-12");
}

TEST_F(SentenceTransformersFolder, TheHistoricNamesOfTheTransformersOptionsCount) {
  for (const char* name : {"sentence_roberta_config.json", "sentence_distilbert_config.json",
                           "sentence_camembert_config.json", "sentence_albert_config.json",
                           "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json"}) {
    const TempFolder other;
    other.write("modules.json", "[" + module(0, std::string(kOld) + "Transformer", "") + "," +
                                    module(1, std::string(kOld) + "Pooling", "1") + "]");
    other.write("1/config.json", kPooling);
    other.write(name, R"({"max_seq_length": 77})");
    EXPECT_EQ(read_sentence_transformers_config(ModelFolder(other.path()))->max_seq_length, 77u);
  }
  write("sentence_roberta_config.json", R"({"max_seq_length": 77})");
  EXPECT_EQ(options(R"({"max_seq_length": 99})").max_seq_length, 99u);
  // An empty one is passed over.
  EXPECT_EQ(options("{}").max_seq_length, 77u);
}

TEST_F(SentenceTransformersFolder, TransformerOptionsThatChangeNothingAreFine) {
  EXPECT_EQ(options(R"({"max_seq_length": null, "do_lower_case": false, "model_args": {},
                        "tokenizer_args": {"use_fast": true}, "config_kwargs": null,
                        "model_kwargs": {"attn_implementation": "sdpa"},
                        "processing_kwargs": {}, "query_expansion": null})")
                .max_seq_length,
            std::nullopt);
}

TEST_F(SentenceTransformersFolder, TransformerOptionsThatChangeTheVectorsAreRefused) {
  EXPECT_EQ(options_refusal(R"({"max_seq_lenght": 128})"),
            "sentence_bert_config.json: \"max_seq_lenght\": expected no such key, found 128");
  EXPECT_EQ(options_refusal(R"({"tokenizer_args": {"do_lower_case": true}})"),
            "sentence_bert_config.json: \"tokenizer_args.do_lower_case\": expected no such key, "
            "found true");
  for (
      const char* text :
      {"[]", R"({"max_seq_length": 0})", R"({"max_seq_length": -1})",
       R"({"max_seq_length": "128"})", R"({"max_seq_length": 1e3})",
       R"({"max_seq_length": 99999999999})", R"({"do_lower_case": "true"})",
       R"({"transformer_task": "fill-mask"})", R"({"module_output_name": "sentence_embedding"})",
       R"({"modality_config": {}})",
       R"({"modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}}})",
       R"({"modality_config": {"text": {"method": "encode", "method_output_name": "last_hidden_state"}}})",
       R"({"modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}, "image": {}}})",
       R"({"processing_kwargs": {"text": {"max_length": 8}}})", R"({"query_length": 32})",
       R"({"tokenizer_name_or_path": "elsewhere"})", R"({"model_args": 1})"}) {
    options_refusal(text);
  }
}

TEST_F(SentenceTransformersFolder, PromptsAndSimilarityAreRead) {
  const auto config = model_options(
      R"({"__version__": {"sentence_transformers": "6.2.0"}, "model_type": "SentenceTransformer",
          "prompts": {"query": "query: ", "passage": "passage: ", "document": null},
          "default_prompt_name": "passage", "similarity_fn_name": "dot", "truncate_dim": 4})");
  EXPECT_EQ(config.prompts, (std::map<std::string, std::string>{
                                {"document", ""}, {"passage", "passage: "}, {"query", "query: "}}));
  EXPECT_EQ(config.default_prompt_name, "passage");
  EXPECT_EQ(config.similarity_fn_name, "dot");
  EXPECT_EQ(config.truncate_dim, 4u);
  EXPECT_EQ(model_options(R"({"prompts": {}, "default_prompt_name": "query"})").default_prompt_name,
            "query");
  EXPECT_EQ(model_options(R"({"prompts": {}, "default_prompt_name": null,
                              "similarity_fn_name": null})")
                .similarity_fn_name,
            "cosine");
}

// As sentence-transformers, which takes cosine for what it does not know.
TEST_F(SentenceTransformersFolder, AnUnknownSimilarityIsPassedOver) {
  for (const char* text : {R"({"similarity_fn_name": "maxsim"})",
                           R"({"similarity_fn_name": "Dot"})", R"({"similarity_fn_name": 1})"}) {
    EXPECT_EQ(model_options(text).similarity_fn_name, "cosine") << text;
  }
  EXPECT_EQ(model_options(R"({"similarity_fn_name": "manhattan"})").similarity_fn_name,
            "manhattan");
}

TEST_F(SentenceTransformersFolder, BrokenModelOptionsAreRefused) {
  EXPECT_EQ(model_options_refusal(R"({"prompts": {}, "default_prompt_name": "passage"})"),
            "config_sentence_transformers.json: \"default_prompt_name\": expected the name of a "
            "prompt, found \"passage\"");
  for (const char* text :
       {"[]", R"({"model_type": "CrossEncoder"})", R"({"prompts": []})",
        R"({"prompts": {"query": 1}})", R"({"default_prompt_name": 1})", R"({"model_type": null})",
        R"({"truncate_dim": 0})", R"({"truncate_dim": "4"})"}) {
    model_options_refusal(text);
  }
}

}  // namespace
}  // namespace semblance
