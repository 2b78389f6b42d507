#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "semblance/io/model_config.h"
#include "semblance/io/weight_files.h"
#include "semblance/models/bert.h"
#include "semblance/models/parameter_source.h"
#include "semblance/models/transformer_encoder.h"
#include "semblance/tensor/precision.h"

namespace semblance {

// A checkpoint of transformers' DistilBertModel (Sanh et al. 2019, arXiv 1910.01108): BERT without
// token types and pooler, under names of its own.
inline EncoderParameters distilbert_parameters(const WeightFiles& files, const ModelConfig& config,
                                               std::optional<Precision> precision) {
  const ParameterSource source(files, {"distilbert.", "", "model.", "0.auto_model."},
                               "embeddings.word_embeddings.weight", precision);
  const std::size_t hidden_size = config.hidden_size;
  const auto layer_norm = [&](const std::string& key) {
    return source.layer_norm(key, hidden_size, config.layer_norm_eps);
  };
  EncoderParameters parameters{
      .sizes = encoder_sizes(config),
      .embeddings = {.word = source.require_matrix("embeddings.word_embeddings.weight",
                                                   {config.vocab_size, hidden_size}),
                     .position =
                         source.require_matrix("embeddings.position_embeddings.weight",
                                               {config.max_position_embeddings, hidden_size}),
                     .token_type = {},
                     .task_type = {},
                     .layer_norm = layer_norm("embeddings.LayerNorm"),
                     .projection = {}},
      .layers = {},
      .pooler = {},
      .pooler_is_linear = false};
  for (std::size_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = "transformer.layer." + std::to_string(i);
    const auto projection = [&](const char* name) {
      return source.layer_linear(layer + ".attention." + name, hidden_size, hidden_size);
    };
    parameters.layers.push_back(
        {.attention = {.query = projection("q_lin"),
                       .key = projection("k_lin"),
                       .value = projection("v_lin"),
                       .output = projection("out_lin"),
                       .output_layer_norm = layer_norm(layer + ".sa_layer_norm"),
                       .num_attention_heads = config.num_attention_heads},
         .feed_forward = {.intermediate = source.layer_linear(
                              layer + ".ffn.lin1", config.intermediate_size, hidden_size),
                          .output = source.layer_linear(layer + ".ffn.lin2", hidden_size,
                                                        config.intermediate_size),
                          .output_layer_norm = layer_norm(layer + ".output_layer_norm")}});
  }
  return parameters;
}

}  // namespace semblance
