#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/io/json.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/sentence_transformers_config.h"

namespace semblance {

// Reads a sentence-transformers folder as release 6 of that library does, in the layout of every
// release before it too; nothing when there is no modules.json. What would change the vectors and
// is not known here - a module, a class path, an option of the Transformer - is refused by name.
// Throws FileError, FormatError, ConfigError.
std::optional<SentenceTransformersConfig> read_sentence_transformers_config(
    const ModelFolder& folder);

namespace detail {

inline constexpr std::size_t kMaxFeatures = std::size_t{1} << 20;

// The module's class name when `type` is one of its paths:
//   sentence_transformers.models[.Pooling].Pooling                        before release 5.4
//   sentence_transformers.sentence_transformer.modules[.pooling].Pooling  since then; the part
//   sentence_transformers.base.modules[.dense].Dense                      in brackets is the file
inline std::string module_class(const JsonValue& type) {
  constexpr std::array<std::string_view, 3> kPackages = {
      "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules.",
      "sentence_transformers.base.modules."};
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kClasses = {{
      {"Transformer", "transformer"},
      {"Pooling", "pooling"},
      {"Dense", "dense"},
      {"Normalize", "normalize"},
      {"LayerNorm", "layer_norm"},
      {"Dropout", "dropout"},
  }};
  const std::string& path = type.as_string();
  for (const std::string_view package : kPackages) {
    if (!path.starts_with(package)) continue;
    const std::string_view rest = std::string_view(path).substr(package.size());
    for (const auto& [name, file] : kClasses) {
      const std::string_view last = rest.substr(rest.rfind('.') + 1);
      const std::string_view before = rest.substr(0, rest.size() - last.size());
      const bool known =
          before.empty() || before == std::string(file) + '.' || before == std::string(name) + '.';
      if (last == name && known) return std::string(name);
    }
  }
  throw type.error(
      "a module of sentence-transformers: Transformer, Pooling, Dense, Normalize, "
      "LayerNorm or Dropout");
}

inline void refuse_other_keys(const JsonValue& object, std::span<const std::string_view> known) {
  for (const auto& [key, value] : object.members()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw value.error("no such key");
    }
  }
}

// Modules read and write the sentence embedding; some can be told to use another feature.
inline void require_sentence_embedding(const JsonValue& config) {
  for (const std::string_view key : {"module_input_name", "module_output_name"}) {
    const auto value = config.find(key);
    if (value && value->as_string() != "sentence_embedding") {
      throw value->error("\"sentence_embedding\"");
    }
  }
}

// `pooling_mode` (a name or a list of them) counts before the older booleans, of which several may
// be set: the library concatenates those in this order, whatever theirs in the file.
inline PoolingModule read_pooling(const JsonValue& config) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kBooleans = {{
      {"pooling_mode_cls_token", "cls"},
      {"pooling_mode_max_tokens", "max"},
      {"pooling_mode_mean_tokens", "mean"},
      {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
      {"pooling_mode_weightedmean_tokens", "weightedmean"},
      {"pooling_mode_lasttoken", "lasttoken"},
  }};
  constexpr std::array<std::string_view, 10> kKeys = {
      "pooling_mode",     "include_prompt",   "embedding_dimension", "word_embedding_dimension",
      kBooleans[0].first, kBooleans[1].first, kBooleans[2].first,    kBooleans[3].first,
      kBooleans[4].first, kBooleans[5].first};
  constexpr std::string_view kExpected =
      "one of cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken";
  refuse_other_keys(config, kKeys);

  PoolingModule pooling;
  const auto add = [&](const JsonValue& name) {
    const std::string mode = name.is_string() ? name.as_string() : "";
    if (std::none_of(kBooleans.begin(), kBooleans.end(),
                     [&](const auto& known) { return known.second == mode; })) {
      throw name.error(kExpected);
    }
    pooling.modes.push_back(mode);
  };
  if (const auto mode = config.find("pooling_mode")) {
    if (!mode->is_array()) {
      add(*mode);
    } else {
      if (mode->size() == 0 || mode->size() > 64) throw mode->error("1 to 64 pooling modes");
      for (const JsonValue& name : mode->elements()) add(name);
    }
  } else {
    for (const auto& [key, name] : kBooleans) {
      if (config.optional_boolean(key).value_or(false)) pooling.modes.emplace_back(name);
    }
    if (pooling.modes.empty()) pooling.modes.emplace_back("mean");
  }
  pooling.include_prompt = config.optional_boolean("include_prompt").value_or(true);
  const std::string_view dimension =
      config.contains("embedding_dimension") || !config.contains("word_embedding_dimension")
          ? "embedding_dimension"
          : "word_embedding_dimension";
  pooling.embedding_dimension = config.require_size(dimension, 1, kMaxFeatures);
  return pooling;
}

// A class of torch.nn, by any of its paths ("torch.nn.modules.activation.Tanh", "torch.nn.Tanh").
inline std::string read_dense_activation(const JsonValue& config) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kClasses = {{
      {"Identity", "identity"},
      {"Tanh", "tanh"},
      {"ReLU", "relu"},
      {"GELU", "gelu"},
      {"Sigmoid", "sigmoid"},
      {"SiLU", "silu"},
  }};
  constexpr std::array<std::string_view, 3> kPackages = {"torch.nn.modules.activation.",
                                                         "torch.nn.modules.linear.", "torch.nn."};
  if (!config.contains("activation_function")) return "tanh";
  const JsonValue value = config.require("activation_function", "a class of torch.nn");
  const std::string& path = value.as_string();
  for (const std::string_view package : kPackages) {
    if (!path.starts_with(package)) continue;
    for (const auto& [name, activation] : kClasses) {
      if (std::string_view(path).substr(package.size()) == name) return std::string(activation);
    }
  }
  throw value.error("Identity, Tanh, ReLU, GELU, Sigmoid or SiLU of torch.nn");
}

inline DenseModule read_dense(const JsonValue& config, std::string folder) {
  require_sentence_embedding(config);
  DenseModule dense;
  dense.in_features = config.require_size("in_features", 1, kMaxFeatures);
  dense.out_features = config.require_size("out_features", 1, kMaxFeatures);
  dense.bias = config.optional_boolean("bias").value_or(true);
  dense.activation = read_dense_activation(config);
  dense.use_residual = config.optional_boolean("use_residual").value_or(false);
  dense.folder = std::move(folder);
  return dense;
}

inline LayerNormModule read_layer_norm(const JsonValue& config, std::string folder) {
  constexpr std::array<std::string_view, 1> kKeys = {"dimension"};
  refuse_other_keys(config, kKeys);
  return {.dimension = config.require_size("dimension", 1, kMaxFeatures),
          .folder = std::move(folder)};
}

// The Transformer's modality_config, which may only say what is done here anyway.
inline void require_text_modality(const JsonValue& config) {
  const JsonValue text = config.require("text", "the modality of a text encoder");
  for (const auto& [modality, settings] : config.members()) {
    if (modality != "text") throw settings.error("text as the only modality");
  }
  const JsonValue method = text.require("method");
  if (method.as_string() != "forward") throw method.error("\"forward\"");
  const JsonValue output = text.require("method_output_name");
  if (output.as_string() != "last_hidden_state") throw output.error("\"last_hidden_state\"");
}

// One option of the Transformer.
inline void read_transformer_option(std::string_view key, const JsonValue& value,
                                    SentenceTransformersConfig& result) {
  // Arguments passed on to other libraries, and those among them that change nothing here.
  constexpr std::array<std::string_view, 7> kArguments = {
      "model_args",  "model_kwargs",  "tokenizer_args",   "processor_kwargs",
      "config_args", "config_kwargs", "processing_kwargs"};
  constexpr std::array<std::string_view, 9> kNoEffect = {
      "trust_remote_code", "attn_implementation", "add_pooling_layer", "torch_dtype", "dtype",
      "low_cpu_mem_usage", "use_safetensors",     "use_fast",          "device_map"};
  if (value.is_null() || key == "unpad_inputs") return;
  if (key == "max_seq_length") {
    result.max_seq_length =
        value.as_size(1, static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  } else if (key == "do_lower_case") {
    result.do_lower_case = value.as_boolean();
  } else if (key == "transformer_task") {
    if (value.as_string() != "feature-extraction") throw value.error("\"feature-extraction\"");
  } else if (key == "module_output_name") {
    if (value.as_string() != "token_embeddings") throw value.error("\"token_embeddings\"");
  } else if (key == "modality_config") {
    require_text_modality(value);
  } else if (std::find(kArguments.begin(), kArguments.end(), key) != kArguments.end()) {
    refuse_other_keys(value, kNoEffect);
  } else {
    throw value.error("no such key");
  }
}

// Options of the Transformer. The first of the seven names under which releases have written the
// file counts, unless it is an empty object.
inline void read_transformer_options(const ModelFolder& folder,
                                     SentenceTransformersConfig& result) {
  constexpr std::array<std::string_view, 7> kNames = {
      "sentence_bert_config.json",       "sentence_roberta_config.json",
      "sentence_distilbert_config.json", "sentence_camembert_config.json",
      "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
      "sentence_xlnet_config.json"};
  for (const std::string_view name : kNames) {
    const auto path = folder.find(name);
    if (!path) continue;
    const auto document = JsonDocument::read(*path);
    const JsonValue root = document.root();
    for (const auto& [key, value] : root.members()) read_transformer_option(key, value, result);
    if (root.size() != 0) return;
  }
}

inline void read_model_options(const ModelFolder& folder, SentenceTransformersConfig& result) {
  // Two prompts are always there, empty unless the file fills them.
  result.prompts = {{"query", ""}, {"document", ""}};
  const auto path = folder.find("config_sentence_transformers.json");
  if (!path) return;
  const auto document = JsonDocument::read(*path);
  const JsonValue root = document.root();
  if (root.contains("model_type")) {  // null is another kind of model too, as there
    const JsonValue type = root.require("model_type", "\"SentenceTransformer\"");
    if (type.as_string() != "SentenceTransformer") throw type.error("\"SentenceTransformer\"");
  }
  if (const auto prompts = root.find("prompts")) {
    for (const auto& [name, text] : prompts->members()) {
      result.prompts[std::string(name)] = text.is_null() ? "" : text.as_string();
    }
  }
  if (const auto name = root.find("default_prompt_name")) {
    if (!result.prompts.contains(name->as_string())) throw name->error("the name of a prompt");
    result.default_prompt_name = name->as_string();
  }
  // Any other value, such as "maxsim" of models of another kind, is passed over.
  if (const auto name = root.find("similarity_fn_name"); name && name->is_string()) {
    constexpr std::array<std::string_view, 4> kSimilarities = {"cosine", "dot", "euclidean",
                                                               "manhattan"};
    const auto known = std::find(kSimilarities.begin(), kSimilarities.end(), name->as_string());
    if (known != kSimilarities.end()) result.similarity_fn_name = *known;
  }
  result.truncate_dim = root.optional_size("truncate_dim", 1, kMaxFeatures);
}

// The module's folder, when it is there. A module without settings may have none: git keeps no
// empty folders.
inline std::optional<ModelFolder> module_folder(const ModelFolder& folder, const JsonValue& path) {
  if (!stays_inside_folder(path.as_string())) throw path.error("a path inside the folder");
  if (!folder.find(path.as_string())) return std::nullopt;
  return folder.subfolder(path.as_string());
}

// Reads the entries of modules.json one by one.
class ModulesReader {
 public:
  ModulesReader(const ModelFolder& folder, SentenceTransformersConfig& result)
      : folder_(folder), result_(result) {}

  void add(const JsonValue& module) {
    const JsonValue name = module.require("name", "a string");
    if (!names_.insert(name.as_string()).second) throw name.error("each name once");
    const JsonValue type = module.require("type", "a string");
    const std::string class_name = module_class(type);
    const JsonValue path = module.require("path", "a string");
    require_place(class_name, type);
    const auto subfolder = module_folder(folder_, path);
    if (class_name == "Normalize") {
      add_normalize(subfolder);
    } else if (class_name != "Dropout") {  // which does nothing outside of training
      if (!subfolder) throw FileError(folder_.join(path.as_string()), "", "a folder", "none");
      add(class_name, *subfolder, path.as_string());
    }
  }

 private:
  void require_place(std::string_view class_name, const JsonValue& type) const {
    const bool first = names_.size() == 1;
    if ((class_name == "Transformer") != first) {
      throw type.error(first ? "the Transformer first" : "one Transformer only");
    }
    const bool pooled = !result_.modules.empty();
    if (!first && (class_name == "Pooling") == pooled) {
      throw type.error(pooled ? "one Pooling only" : "the Pooling after the Transformer");
    }
  }

  void add_normalize(const std::optional<ModelFolder>& subfolder) {
    if (const auto file = subfolder ? subfolder->find("config.json") : std::nullopt) {
      const auto config = JsonDocument::read(*file);
      require_sentence_embedding(config.root());
    }
    result_.modules.emplace_back(NormalizeModule());
  }

  void add(std::string_view class_name, const ModelFolder& subfolder, const std::string& path) {
    if (class_name == "Transformer") {
      result_.transformer_folder = path;
      read_transformer_options(subfolder, result_);
      return;
    }
    const auto config = JsonDocument::read(subfolder.require("config.json"));
    if (class_name == "Pooling") {
      result_.modules.emplace_back(read_pooling(config.root()));
    } else if (class_name == "Dense") {
      result_.modules.emplace_back(read_dense(config.root(), path));
    } else {
      result_.modules.emplace_back(read_layer_norm(config.root(), path));
    }
  }

  const ModelFolder& folder_;
  SentenceTransformersConfig& result_;
  std::set<std::string> names_;
};

}  // namespace detail

inline std::optional<SentenceTransformersConfig> read_sentence_transformers_config(
    const ModelFolder& folder) {
  const auto path = folder.find("modules.json");
  if (!path) return std::nullopt;
  const auto document = JsonDocument::read(*path);
  // Many modules that share a folder would read its weights as often.
  constexpr std::size_t kMaxModules = 64;
  if (document.root().size() > kMaxModules) {
    throw document.root().error("at most " + std::to_string(kMaxModules) + " modules");
  }
  SentenceTransformersConfig result;
  detail::ModulesReader modules(folder, result);
  for (const JsonValue& module : document.root().elements()) modules.add(module);
  if (result.modules.empty()) throw document.root().error("a Transformer and a Pooling");
  detail::read_model_options(folder, result);
  return result;
}

}  // namespace semblance
