#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "semblance/io/model_config.h"
#include "semblance/io/weight_files.h"
#include "semblance/models/parameter_source.h"
#include "semblance/models/transformer_encoder.h"
#include "semblance/tensor/precision.h"

namespace semblance {

// The checkpoint keys of one BERT layer, shared by the families that kept them.
inline EncoderLayerParameters bert_layer_parameters(const ParameterSource& source,
                                                    const ModelConfig& config, std::size_t index) {
  const std::string layer = "encoder.layer." + std::to_string(index);
  const std::string self = layer + ".attention.self.";
  const std::size_t hidden_size = config.hidden_size;
  const auto projection = [&](const std::string& key) {
    return source.layer_linear(key, hidden_size, hidden_size);
  };
  const auto layer_norm = [&](const std::string& key) {
    return source.layer_norm(key, hidden_size, config.layer_norm_eps);
  };
  return {
      .attention = {.query = projection(self + "query"),
                    .key = projection(self + "key"),
                    .value = projection(self + "value"),
                    .output = projection(layer + ".attention.output.dense"),
                    .output_layer_norm = layer_norm(layer + ".attention.output.LayerNorm"),
                    .num_attention_heads = config.num_attention_heads},
      .feed_forward = {.intermediate = source.layer_linear(layer + ".intermediate.dense",
                                                           config.intermediate_size, hidden_size),
                       .output = source.layer_linear(layer + ".output.dense", hidden_size,
                                                     config.intermediate_size),
                       .output_layer_norm = layer_norm(layer + ".output.LayerNorm")},
  };
}

inline EncoderSizes encoder_sizes(const ModelConfig& config) {
  return {.vocab_size = config.vocab_size,
          .type_vocab_size = config.type_vocab_size,
          .max_position_embeddings = config.max_position_embeddings,
          .hidden_size = config.hidden_size,
          .num_hidden_layers = config.num_hidden_layers};
}

// What BERT (Devlin et al. 2019) and the families that kept its checkpoint keys share. There is a
// projection after the embeddings where embedding_size is not hidden_size, as in SimBERT-small and
// RoFormer, and a table of task types where an ERNIE's use_task_id asks for it (Sun et al. 2019,
// arXiv 1907.12412); transformers runs a config of model_type bert as BertModel, which leaves such
// a table out of the sum, and so do we. The pooler may be absent.
inline EncoderParameters bert_family_parameters(const ParameterSource& source,
                                                const ModelConfig& config,
                                                bool has_position_table) {
  const std::size_t hidden_size = config.hidden_size;
  const std::size_t embedding_size = config.embedding_size;
  const auto table = [&](const char* name, std::size_t rows) {
    return source.require_matrix(std::string("embeddings.") + name + "_embeddings.weight",
                                 {rows, embedding_size});
  };
  EncoderParameters parameters{
      .sizes = encoder_sizes(config),
      .embeddings = {.word = table("word", config.vocab_size),
                     .position = {},
                     .token_type = table("token_type", config.type_vocab_size),
                     .task_type = {},
                     .layer_norm = source.layer_norm("embeddings.LayerNorm", embedding_size,
                                                     config.layer_norm_eps),
                     .projection = {}},
      .layers = {},
      .pooler = {},
      .pooler_is_linear = false};
  if (has_position_table) {
    parameters.embeddings.position = table("position", config.max_position_embeddings);
  }
  if (config.model_type == "ernie" && config.use_task_id) {
    parameters.embeddings.task_type = table("task_type", config.task_type_vocab_size);
  }
  if (embedding_size != hidden_size) {
    parameters.embeddings.projection =
        source.linear("embeddings_project", hidden_size, embedding_size);
  }
  for (std::size_t i = 0; i < config.num_hidden_layers; ++i) {
    parameters.layers.push_back(bert_layer_parameters(source, config, i));
  }
  if (source.contains("pooler.dense.weight")) {
    parameters.pooler = source.linear("pooler.dense", hidden_size, hidden_size);
    parameters.pooler_is_linear = config.pooler_activation == "linear";
  }
  return parameters;
}

// A checkpoint of transformers' BertModel or ErnieModel, alone or inside a model with a head.
inline EncoderParameters bert_parameters(const WeightFiles& files, const ModelConfig& config,
                                         std::optional<Precision> precision) {
  const bool ernie = config.model_type == "ernie";
  const char* own = ernie ? "ernie." : "bert.";
  const char* other = ernie ? "bert." : "ernie.";
  const ParameterSource source(files, {own, "", other, "model.", "0.auto_model."},
                               "embeddings.word_embeddings.weight", precision);
  return bert_family_parameters(source, config, true);
}

}  // namespace semblance
