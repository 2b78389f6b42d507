#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_program.h"

namespace semblance::testing {
namespace {

nlohmann::json info(const std::string& model) {
  const auto result = run_program({"info", "--model", kModels + model, "--json"});
  EXPECT_EQ(result.status, 0) << result.err;
  return nlohmann::json::parse(result.out);
}

TEST(InfoProgram, TellsSizesWeightsAndTokenizer) {
  const auto bert = info("bert-mlm");
  EXPECT_EQ(bert["model_type"], "bert");
  EXPECT_EQ(bert["architectures"], nlohmann::json{"BertForMaskedLM"});
  EXPECT_EQ(bert["hidden_size"], 24);
  EXPECT_EQ(bert["num_hidden_layers"], 3);
  EXPECT_EQ(bert["num_attention_heads"], 2);
  EXPECT_EQ(bert["head_dim"], 12);
  EXPECT_EQ(bert["max_length"], 48);
  EXPECT_EQ(bert["dim"], 24);
  EXPECT_EQ(bert["dtypes"]["F32"], bert["parameters"]);
  EXPECT_EQ(bert["weight_files"][0], kModels + "bert-mlm/model.safetensors");
  EXPECT_EQ(bert["tokenizer"]["lowercase"], true);
  EXPECT_EQ(bert["tokenizer"]["strip_accents"], true);
  EXPECT_EQ(bert["tokenizer"]["handle_chinese_chars"], true);
  EXPECT_EQ(info("bert-relu-cased")["tokenizer"]["lowercase"], false);
  EXPECT_EQ(info("bert-bf16")["dtypes"].contains("BF16"), true);
  EXPECT_EQ(info("bert-sharded-gamma-beta")["weight_files"].size(), 3u);
  EXPECT_GE(bert["threads"], 1);
  EXPECT_TRUE(bert["isa"].is_string());
}

TEST(InfoProgram, SaysWhereThePoolingCameFrom) {
  const auto bare = info("bert-mlm");
  EXPECT_EQ(bare["pooling"], nlohmann::json{"cls"});
  EXPECT_NE(bare["pooling_source"].get<std::string>().find("default"), std::string::npos) << bare;
  EXPECT_EQ(bare["normalized"], false);

  const auto folder = info("st-max-prompts");
  EXPECT_EQ(folder["pooling"], nlohmann::json{"max"});
  EXPECT_NE(folder["pooling_source"].get<std::string>().find("modules.json"), std::string::npos);
  EXPECT_EQ(folder["prompts"]["passage"], "fine: ");
  EXPECT_EQ(folder["default_prompt_name"], "query");
  EXPECT_EQ(info("st-cls-normalize-old")["normalized"], true);
}

TEST(InfoProgram, TheTextSaysTheSameALine) {
  const auto json = info("st-max-prompts");
  const auto result = run_program({"info", "--model", kModels + "st-max-prompts"});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto lines = lines_of(result.out);
  EXPECT_EQ(lines.size(), json.size());
  for (const auto& line : lines) {
    EXPECT_TRUE(json.contains(line.substr(0, line.find(' ')))) << line;
  }
}

}  // namespace
}  // namespace semblance::testing
