#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "semblance/loaded_model.h"
#include "semblance/semblance.h"
#include "semblance/text/bert_tokenizer.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;
using testing::largest_difference;

std::string identifier(const ::testing::TestParamInfo<const char*>& folder) {
  std::string name = folder.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class GoldenEmbeddings : public ::testing::TestWithParam<const char*> {
 protected:
  void expect_equal(const std::string& key, const EncodeOptions& options) {
    const auto found = encoder.encode(golden.sentences(), options);
    const auto expected = golden.expected(key);
    ASSERT_EQ(found.num_texts, expected.shape[0]);
    ASSERT_EQ(found.dim, expected.shape[1]) << key;
    EXPECT_LE(largest_difference<float>(found.values, expected.as<float>()), golden.tolerance(key))
        << key;
  }

  GoldenModel golden{GetParam()};
  SentenceEncoder encoder = SentenceEncoder::load(golden.folder());
};

// Folders without modules.json.
class BareFolders : public GoldenEmbeddings {};

TEST_P(BareFolders, TokenIdsAreTheReferences) {
  for (std::size_t i = 0; i < golden.sentences().size(); ++i) {
    const auto encoding =
        encoder.tokenizer().encode(golden.sentences()[i], {.max_length = encoder.max_length()});
    EXPECT_EQ(encoding.input_ids, golden.input_ids(i)) << "sentence " << i;
  }
}

TEST_P(BareFolders, EveryPoolingEqualsTheReference) {
  for (const auto& [pooling, name] : kPoolingNames) {
    if (golden.has(std::string(name))) expect_equal(std::string(name), {.pooling = pooling});
  }
}

TEST_P(BareFolders, TheDefaultIsTheRawClsVector) { expect_equal("cls", {}); }

INSTANTIATE_TEST_SUITE_P(
    Folders, BareFolders,
    ::testing::Values("bert-mlm", "bert-mlm-bin", "bert-mlm-bin-legacy", "bert-mlm-bin-sharded",
                      "bert-f16", "bert-bf16", "bert-f64", "bert-sharded-gamma-beta",
                      "bert-relu-cased", "bert-silu-types1", "bert-tanh-types3",
                      "bert-gelu-pytorch-tanh", "bert-wide", "system-bert-base-chinese",
                      "system-roberta-wwm-ext", "system-erlangshen-simcse", "system-simbert-base",
                      "system-simbert-small", "distilbert", "distilbert-mlm", "ernie",
                      "ernie-without-task-id", "bert-use-task-id", "system-roformer-char",
                      "system-roformer-sim", "system-roformer-sim-small",
                      "roformer-value-projected", "roformer-f16", "roformer-bf16-bin"),
    identifier);

// Folders of sentence-transformers, in its old schema and in that of release 6.
class SentenceTransformersFolders : public GoldenEmbeddings {};

TEST_P(SentenceTransformersFolders, VectorsEqualTheReference) {
  expect_equal("sentence_embedding", {});
}

TEST_P(SentenceTransformersFolders, PromptsEqualTheReference) {
  const std::string prefix = "sentence_embedding.";
  for (const auto& [name, text] : encoder.model().prompts) {
    if (!golden.has(prefix + name)) continue;
    expect_equal(prefix + name, {.prompt_name = name});
    expect_equal(prefix + name, {.prompt = text});
  }
  if (golden.has(prefix + "none")) expect_equal(prefix + "none", {.prompt = ""});
}

INSTANTIATE_TEST_SUITE_P(Folders, SentenceTransformersFolders,
                         ::testing::Values("st-all-modes-prompts", "st-cls-normalize-old",
                                           "st-concatenated-old", "st-dense-chain-old",
                                           "st-distiluse-old", "st-layernorm", "st-max-prompts",
                                           "st-mean-dense-normalize", "st-prompt-without-sep"),
                         identifier);

}  // namespace
}  // namespace semblance
