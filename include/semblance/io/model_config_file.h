#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "semblance/core/error.h"
#include "semblance/io/json.h"
#include "semblance/io/model_config.h"
#include "semblance/io/model_folder.h"

namespace semblance {

// Reads config.json and refuses, by key and value, every encoder that merely looks like one of the
// supported families: many published folders say "model_type": "bert" and compute something else,
// which would give vectors that are wrong without a sign of it.
//
// Keys that do not change an encoder's output (dropouts, token ids of other tasks, label names) and
// keys unknown to the families' own configurations are passed over, as their own reader does;
// those known to mean another architecture are in detail::kForeignKeys.
// Throws FileError, FormatError, ConfigError.
ModelConfig read_model_config(const ModelFolder& folder);
ModelConfig parse_model_config(const JsonValue& root);

namespace detail {

// A key, and what it may say without meaning another architecture. Absent and null are always fine.
struct ForeignKey {
  enum class Harmless {
    never,           // no value
    false_or_zero,   // false, 0, "" and empty lists or objects
    true_only,       // true
    one_of_strings,  // false, or one of `strings`
    own_method,      // as false_or_zero, or the mark of io/quantized_weights.h
  };
  std::string_view key;
  Harmless harmless;
  std::array<std::string_view, 2> strings = {};
};

inline constexpr ForeignKey kForeignKeys[] = {
    // Positions: ALiBi, rotary, relative, windowed attention.
    {"position_embedding_type", ForeignKey::Harmless::one_of_strings, {"absolute"}},
    {"alibi_starting_size", ForeignKey::Harmless::false_or_zero},
    {"alibi", ForeignKey::Harmless::false_or_zero},
    {"use_alibi", ForeignKey::Harmless::false_or_zero},
    {"rope_theta", ForeignKey::Harmless::never},
    {"rope_scaling", ForeignKey::Harmless::false_or_zero},
    {"rope_parameters", ForeignKey::Harmless::false_or_zero},
    {"use_rope", ForeignKey::Harmless::false_or_zero},
    {"use_rotary_embeddings", ForeignKey::Harmless::false_or_zero},
    {"rotary_emb_fraction", ForeignKey::Harmless::false_or_zero},
    {"rotary_emb_base", ForeignKey::Harmless::never},
    {"rotary_emb_dim", ForeignKey::Harmless::false_or_zero},
    {"relative_attention", ForeignKey::Harmless::false_or_zero},
    {"relative_attention_num_buckets", ForeignKey::Harmless::false_or_zero},
    {"max_relative_positions", ForeignKey::Harmless::false_or_zero},
    {"pos_att_type", ForeignKey::Harmless::false_or_zero},
    {"position_biased_input", ForeignKey::Harmless::true_only},
    {"attention_window", ForeignKey::Harmless::never},
    {"sliding_window", ForeignKey::Harmless::false_or_zero},
    {"attention_type", ForeignKey::Harmless::one_of_strings, {"original_full"}},
    // Other feed-forward layers.
    {"feed_forward_type", ForeignKey::Harmless::one_of_strings, {"original"}},
    {"use_glu", ForeignKey::Harmless::false_or_zero},
    {"gated_mlp", ForeignKey::Harmless::false_or_zero},
    {"use_gated_mlp", ForeignKey::Harmless::false_or_zero},
    {"gated_linear_unit", ForeignKey::Harmless::false_or_zero},
    {"num_experts", ForeignKey::Harmless::false_or_zero},
    {"num_local_experts", ForeignKey::Harmless::false_or_zero},
    // Other norms, biases, orders of the parts.
    {"norm_type", ForeignKey::Harmless::one_of_strings, {"layer_norm", "layernorm"}},
    {"use_rms_norm", ForeignKey::Harmless::false_or_zero},
    {"prenorm", ForeignKey::Harmless::false_or_zero},
    {"pre_norm", ForeignKey::Harmless::false_or_zero},
    {"normalize_before", ForeignKey::Harmless::false_or_zero},
    {"parallel_block", ForeignKey::Harmless::false_or_zero},
    {"use_bias", ForeignKey::Harmless::true_only},
    {"qkv_proj_bias", ForeignKey::Harmless::true_only},
    {"mlp_fc1_bias", ForeignKey::Harmless::true_only},
    {"mlp_fc2_bias", ForeignKey::Harmless::true_only},
    // Cross-attention; for is_decoder see refuse_decoder().
    {"is_encoder_decoder", ForeignKey::Harmless::false_or_zero},
    {"add_cross_attention", ForeignKey::Harmless::false_or_zero},
    {"is_causal", ForeignKey::Harmless::false_or_zero},
    // Weights that are not what their names say.
    {"pruned_heads", ForeignKey::Harmless::false_or_zero},
    {"quantization_config", ForeignKey::Harmless::own_method},
    {"compression_config", ForeignKey::Harmless::false_or_zero},
    {"transformers_weights", ForeignKey::Harmless::false_or_zero},  // another file for them
    // Code of its own.
    {"auto_map", ForeignKey::Harmless::false_or_zero},
};

inline bool is_false_or_zero(const JsonValue& value) {
  if (value.is_boolean()) return !value.as_boolean();
  if (value.is_number()) return value.as_number() == 0;
  if (value.is_string()) return value.as_string().empty();
  return value.size() == 0;
}

inline void refuse_foreign_keys(const JsonValue& root) {
  for (const ForeignKey& foreign : kForeignKeys) {
    const auto value = root.find(foreign.key);
    if (!value) continue;
    switch (foreign.harmless) {
      case ForeignKey::Harmless::never: throw value->error("no such key in a supported model");
      case ForeignKey::Harmless::false_or_zero:
        if (!is_false_or_zero(*value)) throw value->error("nothing, or false");
        break;
      case ForeignKey::Harmless::own_method: {
        if (!value->is_object() && is_false_or_zero(*value)) break;
        const auto method = value->find("quant_method");
        if (!method || !method->is_string() || method->as_string() != "semblance") {
          throw value->error("nothing, or quant_method \"semblance\"");
        }
        break;
      }
      case ForeignKey::Harmless::true_only:
        if (!value->is_boolean() || !value->as_boolean()) throw value->error("true");
        break;
      case ForeignKey::Harmless::one_of_strings: {
        const auto& allowed = foreign.strings;
        const bool fine = value->is_string() ? std::find(allowed.begin(), allowed.end(),
                                                         value->as_string()) != allowed.end() &&
                                                   !value->as_string().empty()
                                             : value->is_boolean() && !value->as_boolean();
        if (!fine) throw value->error(allowed[0]);
        break;
      }
    }
  }
}

// RoFormer-Sim is published as a causal language model. What makes its vectors is the encoder in
// it, which sees both directions (JunnYu/RoFormer_pytorch, get_extended_attention_mask).
inline void refuse_decoder(const JsonValue& root, const ModelConfig& config) {
  const auto is_decoder = root.find("is_decoder");
  if (!is_decoder || is_false_or_zero(*is_decoder)) return;
  const auto& classes = config.architectures;
  const bool roformer_sim =
      config.model_type == "roformer" &&
      std::find(classes.begin(), classes.end(), "RoFormerForCausalLM") != classes.end();
  if (!roformer_sim) throw is_decoder->error("nothing, or false");
}

inline std::string read_pooler_activation(const JsonValue& root) {
  const auto value = root.find("pooler_activation");
  if (!value) return "tanh";
  const std::string& name = value->as_string();
  if (name != "tanh" && name != "linear") throw value->error("tanh or linear");
  return name;
}

// Far above anything published, far below what could overflow.
inline constexpr std::size_t kMaxVocabSize = std::size_t{1} << 24;
inline constexpr std::size_t kMaxWidth = std::size_t{1} << 20;
inline constexpr std::size_t kMaxLayers = 1024;
inline constexpr std::size_t kMaxPositions = std::size_t{1} << 20;
inline constexpr std::size_t kMaxRotaryTable = std::size_t{1} << 24;  // positions times head_dim

inline std::string read_hidden_act(const JsonValue& root, std::string_view key) {
  constexpr std::array<std::string_view, 6> kKnown = {"gelu", "gelu_new", "gelu_pytorch_tanh",
                                                      "relu", "silu",     "tanh"};
  const auto value = root.find(key);
  if (!value) return "gelu";
  std::string name = value->as_string();
  if (name == "swish") name = "silu";
  if (name == "gelu_python") name = "gelu";
  if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
    throw value->error("one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh");
  }
  return name;
}

// DistilBERT names its sizes otherwise, has no token types and one fixed epsilon.
struct ConfigKeys {
  std::string_view hidden_size = "hidden_size";
  std::string_view num_hidden_layers = "num_hidden_layers";
  std::string_view num_attention_heads = "num_attention_heads";
  std::string_view intermediate_size = "intermediate_size";
  std::string_view hidden_act = "hidden_act";
};
inline constexpr ConfigKeys kDistilBertKeys = {.hidden_size = "dim",
                                               .num_hidden_layers = "n_layers",
                                               .num_attention_heads = "n_heads",
                                               .intermediate_size = "hidden_dim",
                                               .hidden_act = "activation"};

// The names that the families share count for DistilBERT too, before its own, as by transformers'
// attribute_map of it.
inline ConfigKeys config_keys(const JsonValue& root, std::string_view model_type) {
  constexpr ConfigKeys kShared;
  if (model_type != "distilbert") return kShared;
  ConfigKeys keys = kDistilBertKeys;
  for (const auto key : {&ConfigKeys::hidden_size, &ConfigKeys::num_hidden_layers,
                         &ConfigKeys::num_attention_heads}) {
    if (root.find(kShared.*key)) keys.*key = kShared.*key;
  }
  return keys;
}

// Sizes that some configurations repeat under a second name and that must then agree.
inline void require_equal(const JsonValue& root, std::string_view key, std::size_t expected) {
  const auto value = root.find(key);
  if (value && value->as_size() != expected) throw value->error(std::to_string(expected));
}

inline void read_family(const JsonValue& root, ModelConfig& config) {
  constexpr std::array<std::string_view, 4> kFamilies = {"bert", "roformer", "distilbert", "ernie"};
  constexpr std::string_view kExpected = "one of bert, roformer, distilbert, ernie";
  const JsonValue model_type = root.require("model_type", kExpected);
  config.model_type = model_type.is_string() ? model_type.as_string() : "";
  if (std::find(kFamilies.begin(), kFamilies.end(), config.model_type) == kFamilies.end()) {
    throw model_type.error(kExpected);
  }
  if (const auto architectures = root.find("architectures")) {
    for (const JsonValue& name : architectures->elements()) {
      config.architectures.push_back(name.as_string());
    }
  }
}

inline void read_sizes(const JsonValue& root, ModelConfig& config) {
  const ConfigKeys keys = config_keys(root, config.model_type);
  config.vocab_size = root.require_size("vocab_size", 1, kMaxVocabSize);
  config.hidden_size = root.require_size(keys.hidden_size, 1, kMaxWidth);
  config.num_hidden_layers = root.require_size(keys.num_hidden_layers, 1, kMaxLayers);
  config.num_attention_heads = root.require_size(keys.num_attention_heads, 1, kMaxWidth);
  config.intermediate_size = root.require_size(keys.intermediate_size, 1, kMaxWidth);
  config.max_position_embeddings = root.require_size("max_position_embeddings", 1, kMaxPositions);
  config.hidden_act = read_hidden_act(root, keys.hidden_act);
  if (config.hidden_size % config.num_attention_heads != 0) {
    throw root.require(keys.num_attention_heads)
        .error("a divisor of " + std::string(keys.hidden_size) + " " +
               std::to_string(config.hidden_size));
  }
  require_equal(root, "num_key_value_heads", config.num_attention_heads);
  require_equal(root, "head_dim", config.head_dim());
  require_equal(root, "attention_head_size", config.head_dim());
}

// Only BERT's and RoFormer's embeddings may have another width than the layers.
inline void read_embedding_size(const JsonValue& root, ModelConfig& config) {
  config.embedding_size = config.hidden_size;
  if (config.model_type == "distilbert" || config.model_type == "ernie") {
    require_equal(root, "embedding_size", config.hidden_size);
  } else if (const auto size = root.optional_size("embedding_size", 1, kMaxWidth)) {
    config.embedding_size = *size;
  }
}

inline void read_token_types_and_norm(const JsonValue& root, ModelConfig& config) {
  config.type_vocab_size = root.optional_size("type_vocab_size", 1, kMaxPositions).value_or(2);
  config.layer_norm_eps = root.optional_number("layer_norm_eps").value_or(1e-12);
  if (!(config.layer_norm_eps > 0 && config.layer_norm_eps < 1)) {
    throw root.require("layer_norm_eps").error("a number above 0 and below 1");
  }
}

inline void read_rotary_positions(const JsonValue& root, ModelConfig& config) {
  config.pooler_activation = read_pooler_activation(root);
  config.rotary_value = root.optional_boolean("rotary_value").value_or(false);
  if (config.head_dim() % 2 != 0) {
    throw root.require("num_attention_heads").error("heads of even width for rotary positions");
  }
  // Their table is computed, of whatever size the file says.
  const std::size_t most_positions = kMaxRotaryTable / config.head_dim();
  if (config.max_position_embeddings > most_positions) {
    throw root.require("max_position_embeddings")
        .error("at most " + std::to_string(most_positions) +
               " rotary positions for heads this wide");
  }
}

// Of ERNIE 2 and 3. BertModel passes them over, and some of those folders say "bert".
inline void read_task_types(const JsonValue& root, ModelConfig& config) {
  config.use_task_id = root.optional_boolean("use_task_id").value_or(false);
  config.task_type_vocab_size =
      root.optional_size("task_type_vocab_size", 1, kMaxPositions).value_or(3);
}

inline void refuse_task_types(const JsonValue& root) {
  const auto task_ids = root.find("use_task_id");
  if (task_ids && task_ids->as_boolean()) {
    throw task_ids->error("false, or model_type ernie or bert");
  }
}

}  // namespace detail

inline ModelConfig parse_model_config(const JsonValue& root) {
  if (!root.is_object()) throw root.error("an object");
  ModelConfig config;
  detail::read_family(root, config);
  detail::refuse_foreign_keys(root);
  detail::refuse_decoder(root, config);
  detail::read_sizes(root, config);
  detail::read_embedding_size(root, config);
  const bool roformer = config.model_type == "roformer";
  const bool distilbert = config.model_type == "distilbert";
  if (!distilbert) detail::read_token_types_and_norm(root, config);
  if (roformer) detail::read_rotary_positions(root, config);
  if (roformer || distilbert) {
    detail::refuse_task_types(root);
  } else {
    detail::read_task_types(root, config);
  }
  return config;
}

inline ModelConfig read_model_config(const ModelFolder& folder) {
  const auto document = JsonDocument::read(folder.require("config.json"));
  return parse_model_config(document.root());
}

}  // namespace semblance
