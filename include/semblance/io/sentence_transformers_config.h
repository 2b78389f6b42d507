#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace semblance {

// The modules that may follow the Transformer in a sentence-transformers folder. Their own folders
// are relative to that one.

struct PoolingModule {
  // cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken; several are concatenated in this
  // order. Never empty.
  std::vector<std::string> modes;
  // False: the tokens of the prompt (its [CLS] included) are left out of the pooling.
  bool include_prompt = true;
  std::size_t embedding_dimension = 0;
};

// y = activation(x weight^T + bias), then + x when use_residual: + residual.weight x where
// in_features and out_features differ. Weights in `folder`: linear.weight [out_features,
// in_features], linear.bias [out_features] when `bias`, residual.weight like linear.weight.
struct DenseModule {
  std::size_t in_features = 0;
  std::size_t out_features = 0;
  bool bias = true;
  std::string activation = "tanh";  // identity, tanh, relu, gelu, sigmoid, silu
  bool use_residual = false;
  std::string folder;
};

// L2; the length is taken as at least 1e-12, as torch does.
struct NormalizeModule {};

// Layer normalization of the sentence embedding, epsilon 1e-5. Weights in `folder`: norm.weight and
// norm.bias, both [dimension].
struct LayerNormModule {
  std::size_t dimension = 0;
  std::string folder;
};

using SentenceTransformersModule =
    std::variant<PoolingModule, DenseModule, NormalizeModule, LayerNormModule>;

// What a sentence-transformers folder says: modules.json, the module folders,
// sentence_bert_config.json and config_sentence_transformers.json.
struct SentenceTransformersConfig {
  // Where config.json, the weights and the tokenizer are; the folder itself unless modules.json
  // puts the Transformer into a subfolder. Relative; empty is the folder itself.
  std::string transformer_folder;
  // Replaces the tokenizer's model_max_length.
  std::optional<std::size_t> max_seq_length;
  // A Lowercase step before the tokenizer's own normalizer, unless that has one already.
  bool do_lower_case = false;

  // In the order they are applied; the first is a PoolingModule and no other is.
  std::vector<SentenceTransformersModule> modules;

  std::map<std::string, std::string> prompts;      // name to text, put in front of the input
  std::optional<std::string> default_prompt_name;  // one of prompts
  std::string similarity_fn_name = "cosine";       // cosine, dot, euclidean or manhattan
  std::optional<std::size_t> truncate_dim;         // cut after the last module
};

}  // namespace semblance
