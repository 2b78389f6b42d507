#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "semblance/core/compiled.h"
#include "semblance/core/error.h"
#include "semblance/core/thread_pool.h"
#include "semblance/encode_options.h"
#include "semblance/io/file_source.h"
#include "semblance/io/model_config_file.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/packed_cache.h"
#include "semblance/io/roformer_tokenizer.h"
#include "semblance/io/sentence_transformers_files.h"
#include "semblance/io/tokenizer_files.h"
#include "semblance/io/weight_files.h"
#include "semblance/loaded_model.h"
#include "semblance/models/finite_weights.h"
#include "semblance/models/load_encoder.h"
#include "semblance/models/packed_identity.h"
#include "semblance/models/parameter_source.h"
#include "semblance/pooling/embedding_head.h"
#include "semblance/pooling/pooling.h"

namespace semblance {

namespace detail {

// Builds the steps after the pooling from their module folders, and checks each width.
class HeadLoader {
 public:
  HeadLoader(const ModelFolder& folder, const WeightFilesOptions& access, bool allow_non_finite,
             std::size_t size, Executor& executor)
      : folder_(folder),
        access_(access),
        allow_non_finite_(allow_non_finite),
        size_(size),
        executor_(executor) {}

  EmbeddingHead load(const std::vector<SentenceTransformersModule>& modules) {
    for (const auto& module : modules) {
      std::visit([this](const auto& m) { add(m); }, module);
    }
    return EmbeddingHead(std::move(steps_));
  }

 private:
  void add(const PoolingModule&) {}
  void add(const NormalizeModule&) { steps_.emplace_back(NormalizeStep{}); }

  void add(const DenseModule& module) {
    check_width(module.folder, "in_features", module.in_features);
    const auto activation = Dense::activation_of(module.activation);
    if (!activation) {
      throw ConfigError(config_of(module.folder), "activation_function", "a known activation",
                        '"' + module.activation + '"');
    }
    const WeightFiles files = open(module.folder);
    const ParameterSource source(files, {""}, "linear.weight");
    const Shape shape{module.out_features, module.in_features};
    LinearParameters linear{.weight = source.require_matrix("linear.weight", shape), .bias = {}};
    if (module.bias) linear.bias = source.require("linear.bias", {module.out_features});
    auto residual = Dense::Residual::none;
    std::optional<LinearParameters> projection;
    if (module.use_residual) {
      residual = Dense::Residual::identity;
      if (module.in_features != module.out_features) {
        residual = Dense::Residual::projection;
        projection =
            LinearParameters{.weight = source.require_matrix("residual.weight", shape), .bias = {}};
      }
    }
    steps_.emplace_back(std::in_place_type<Dense>, linear, *activation, residual, projection,
                        executor_);
    size_ = module.out_features;
  }

  void add(const LayerNormModule& module) {
    check_width(module.folder, "dimension", module.dimension);
    const WeightFiles files = open(module.folder);
    const ParameterSource source(files, {""}, "norm.weight");
    steps_.emplace_back(LayerNorm<float>(source.layer_norm("norm", module.dimension, 1e-5)));
  }

  WeightFiles open(const std::string& module_folder) const {
    WeightFiles files = WeightFiles::open(folder_.subfolder(module_folder), access_);
    if (!allow_non_finite_) require_finite(files, executor_);
    return files;
  }
  void check_width(const std::string& module_folder, const char* key, std::size_t found) const {
    if (found == size_) return;
    throw ConfigError(config_of(module_folder), key, std::to_string(size_), std::to_string(found));
  }
  std::string config_of(const std::string& module_folder) const {
    return folder_.join(module_folder + "/config.json");
  }

  const ModelFolder& folder_;
  WeightFilesOptions access_;
  bool allow_non_finite_;
  std::size_t size_;
  Executor& executor_;
  std::vector<EmbeddingHead::Step> steps_;
};

inline void apply_sentence_transformers(const SentenceTransformersConfig& config,
                                        const ModelFolder& folder, const WeightFilesOptions& access,
                                        bool allow_non_finite, Executor& executor,
                                        LoadedModel& model) {
  const auto& pooling = std::get<PoolingModule>(config.modules.front());
  model.poolings.clear();
  for (const auto& mode : pooling.modes) model.poolings.push_back(*pooling_of(mode));
  model.pool_prompt = pooling.include_prompt;
  model.pooling_source = "modules.json";
  const std::size_t pooled_size = model.config.hidden_size * model.poolings.size();
  model.head =
      HeadLoader(folder, access, allow_non_finite, pooled_size, executor).load(config.modules);
  model.prompts = config.prompts;
  model.default_prompt_name = config.default_prompt_name;
  model.similarity_fn_name = config.similarity_fn_name;
  model.truncate_dim = config.truncate_dim;
}

// The encoder takes one text, all of it of token type 0.
inline void check_token_types(const BertTokenizer& tokenizer, const ModelFolder& folder) {
  for (const TemplatePiece& piece : tokenizer.config().post_processor.single) {
    if (piece.token_type_id == 0) continue;
    throw ConfigError(folder.join("tokenizer.json"), "post_processor.single",
                      "token type 0 for all of a text", std::to_string(piece.token_type_id));
  }
}

// The vocabulary and what stands around every text must have embeddings. An added token may lack
// one as long as no text has it.
inline void check_vocabulary(const BertTokenizer& tokenizer, const ModelFolder& folder,
                             const ModelConfig& config) {
  std::size_t limit = tokenizer.config().vocabulary.id_limit();
  for (const TemplatePiece& piece : tokenizer.config().post_processor.single) {
    limit = std::max(limit, static_cast<std::size_t>(piece.id) + 1);
  }
  if (limit <= config.vocab_size) return;
  throw ConfigError(
      folder.join("config.json"), "vocab_size",
      "at least the " + std::to_string(limit) + " entries of the tokenizer's vocabulary",
      std::to_string(config.vocab_size));
}

// Every text has its special tokens. The limit is the least of three, the tokenizer's only where
// sentence-transformers has none.
inline void require_room_for_text(const LoadedModel& model, const ModelFolder& folder,
                                  std::optional<std::size_t> max_seq_length,
                                  std::optional<std::size_t> model_max_length) {
  const std::size_t num_specials = model.tokenizer->num_special_tokens();
  if (model.max_length >= num_specials) return;
  const char* file = "config.json";
  const char* key = "max_position_embeddings";
  if (max_seq_length == model.max_length) {
    file = "sentence_bert_config.json";
    key = "max_seq_length";
  } else if (!max_seq_length && model_max_length == model.max_length) {
    file = "tokenizer_config.json";
    key = "model_max_length";
  }
  throw ConfigError(folder.join(file), key,
                    "at least the " + std::to_string(num_specials) + " special tokens of a text",
                    std::to_string(model.max_length));
}

// transformers would change the weights by those of the adapter, or load another model's.
inline void refuse_adapter(const ModelFolder& folder) {
  constexpr std::string_view kFile = "adapter_config.json";
  if (!folder.find(kFile)) return;
  throw ConfigError(folder.join(kFile), "", "a model without an adapter",
                    "an adapter of PEFT: merge it into the weights");
}

inline std::unique_ptr<LoadedModel> load_model(const ModelFolder& folder,
                                               const LoadOptions& options) {
  auto model = std::make_unique<LoadedModel>();
  model->folder = folder.path();
  // Without modules.json nothing else of sentence-transformers counts.
  const auto modules = options.use_modules ? read_sentence_transformers_config(folder)
                                           : std::optional<SentenceTransformersConfig>();
  const SentenceTransformersConfig settings = modules.value_or(SentenceTransformersConfig());
  const ModelFolder transformer = folder.subfolder(settings.transformer_folder);
  refuse_adapter(transformer);

  model->config = read_model_config(transformer);
  TokenizerFilesOptions tokenizer_options;
  tokenizer_options.lowercase_first = settings.do_lower_case;
  tokenizer_options.adapt = roformer_tokenizer(transformer, options.dictionary);
  const WeightFilesOptions access{options.copy_files ? FileAccess::copy : FileAccess::map};
  ThreadPool::Team team(ThreadPool::shared(), options.num_threads);
  PackedCache* cache = nullptr;
  const auto open_weights = [&] {
    WeightFiles weights = WeightFiles::open(transformer, access);
    if (!options.packed_cache.empty()) {
      auto opened = std::make_unique<PackedCache>(
          options.packed_cache, packed_identity(weights, !options.allow_non_finite), access.access);
      cache = opened.get();
      weights.keep_packed_in(std::move(opened));
    }
    model->weights = std::make_shared<const WeightFiles>(std::move(weights));
  };
  open_weights();
  std::optional<LoadedTokenizer> tokenizer;
  const auto read_tokenizer = [&] {
    tokenizer.emplace(load_tokenizer(transformer, tokenizer_options));
  };
  if (!options.allow_non_finite && (cache == nullptr || cache->empty())) {
    require_finite(*model->weights, team, read_tokenizer);
  } else {
    read_tokenizer();
  }
  model->tokenizer = std::make_unique<const BertTokenizer>(std::move(tokenizer->tokenizer));
  check_token_types(*model->tokenizer, transformer);
  check_vocabulary(*model->tokenizer, transformer, model->config);
  const auto limit =
      settings.max_seq_length ? settings.max_seq_length : tokenizer->model_max_length;
  model->max_length = model->config.max_position_embeddings;
  if (limit) model->max_length = std::min(model->max_length, *limit);
  require_room_for_text(*model, transformer, settings.max_seq_length, tokenizer->model_max_length);
  model->encoder = load_encoder<float>(model->config, model->weights, team, options.precision);
  if (cache != nullptr && cache->commit() && access.access == FileAccess::map) {
    // What was packed here is in the file now, whose pages other processes share.
    model->encoder.reset();
    open_weights();
    model->encoder = load_encoder<float>(model->config, model->weights, team, options.precision);
  }
  if (modules) {
    apply_sentence_transformers(settings, folder, access, options.allow_non_finite, team, *model);
  } else {
    model->pooling_source =
        options.use_modules ? "default: there is no modules.json" : "default: modules left aside";
  }
  return model;
}

}  // namespace detail

SEMBLANCE_FUNCTION void LoadedModel::require_embeddings(
    std::span<const std::int32_t> input_ids) const {
  if (tokenizer->id_limit() <= config.vocab_size) return;
  for (const std::int32_t id : input_ids) {
    if (id < 0 || static_cast<std::size_t>(id) < config.vocab_size) continue;
    throw ConfigError(folder, "vocab_size", "an embedding for every token of a text",
                      "none for \"" + std::string(tokenizer->token(id)) + "\", id " +
                          std::to_string(id) + " of " + std::to_string(config.vocab_size));
  }
}

SEMBLANCE_FUNCTION std::unique_ptr<LoadedModel> load_model_folder(const std::string& path,
                                                                  const LoadOptions& options) {
  return detail::load_model(ModelFolder(path), options);
}

SEMBLANCE_FUNCTION std::unique_ptr<LoadedModel> load_model_folder(const std::string& name,
                                                                  std::span<const MemoryFile> files,
                                                                  const LoadOptions& options) {
  return detail::load_model(ModelFolder(name, files), options);
}

}  // namespace semblance
