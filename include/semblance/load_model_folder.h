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
  HeadLoader(const ModelFolder& folder, FileAccess access, bool allow_non_finite, std::size_t size,
             Executor& executor)
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
    if (module.bias) {
      linear.bias = source.require("linear.bias", {module.out_features});
    } else if (source.contains("linear.bias")) {
      throw ConfigError(config_of(module.folder), "bias", "true, as there is a linear.bias",
                        "false");
    }
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
  FileAccess access_;
  bool allow_non_finite_;
  std::size_t size_;
  Executor& executor_;
  std::vector<EmbeddingHead::Step> steps_;
};

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

// transformers would change the weights by those of the adapter, or load another model's.
inline void refuse_adapter(const ModelFolder& folder) {
  constexpr std::string_view kFile = "adapter_config.json";
  if (!folder.find(kFile)) return;
  throw ConfigError(folder.join(kFile), "", "a model without an adapter",
                    "an adapter of PEFT: merge it into the weights");
}

// Reads the parts of a model in turn, each checked against those before it.
class ModelLoader {
 public:
  ModelLoader(const ModelFolder& folder, const LoadOptions& options)
      : folder_(folder),
        options_(options),
        access_(options.copy_files ? FileAccess::copy : FileAccess::map),
        // Without modules.json nothing else of sentence-transformers counts.
        modules_(options.use_modules ? read_sentence_transformers_config(folder) : std::nullopt),
        settings_(modules_.value_or(SentenceTransformersConfig())),
        transformer_(folder.subfolder(settings_.transformer_folder)),
        team_(ThreadPool::shared(), options.num_threads) {}

  std::unique_ptr<LoadedModel> load() {
    refuse_adapter(transformer_);
    model_->folder = folder_.path();
    model_->config = read_model_config(transformer_);
    open_weights();
    if (options_.allow_non_finite || (cache_ != nullptr && !cache_->empty())) {
      load_tokenizer();
    } else {
      require_finite(*model_->weights, team_, [this] { load_tokenizer(); });
    }
    check_token_types(*model_->tokenizer, transformer_);
    check_vocabulary(*model_->tokenizer, transformer_, model_->config);
    set_max_length();
    load_encoder();
    apply_modules();
    return std::move(model_);
  }

 private:
  void open_weights() {
    WeightFiles weights = WeightFiles::open(transformer_, access_);
    if (!options_.packed_cache.empty()) {
      auto cache = std::make_unique<PackedCache>(
          options_.packed_cache, packed_identity(weights, !options_.allow_non_finite), access_);
      cache_ = cache.get();
      weights.keep_packed_in(std::move(cache));
    }
    model_->weights = std::make_shared<const WeightFiles>(std::move(weights));
  }

  void load_tokenizer() {
    TokenizerFilesOptions tokenizer_options;
    tokenizer_options.lowercase_first = settings_.do_lower_case;
    tokenizer_options.adapt = roformer_tokenizer(transformer_, options_.dictionary);
    LoadedTokenizer loaded = semblance::load_tokenizer(transformer_, tokenizer_options);
    model_max_length_ = loaded.model_max_length;
    model_->tokenizer = std::make_unique<const BertTokenizer>(std::move(loaded.tokenizer));
  }

  // The least of what the three files say, the tokenizer's only where sentence-transformers says
  // nothing. Every text has its special tokens.
  void set_max_length() {
    std::size_t& max_length = model_->max_length;
    max_length = model_->config.max_position_embeddings;
    const char* file = "config.json";
    const char* key = "max_position_embeddings";
    if (settings_.max_seq_length && *settings_.max_seq_length <= max_length) {
      max_length = *settings_.max_seq_length;
      file = "sentence_bert_config.json";
      key = "max_seq_length";
    } else if (!settings_.max_seq_length && model_max_length_ && *model_max_length_ <= max_length) {
      max_length = *model_max_length_;
      file = "tokenizer_config.json";
      key = "model_max_length";
    }
    const std::size_t num_specials = model_->tokenizer->num_special_tokens();
    if (max_length >= num_specials) return;
    throw ConfigError(transformer_.join(file), key,
                      "at least the " + std::to_string(num_specials) + " special tokens of a text",
                      std::to_string(max_length));
  }

  void load_encoder() {
    const auto load = [this] {
      model_->encoder = semblance::load_encoder<float>(model_->config, model_->weights, team_,
                                                       options_.precision);
    };
    load();
    if (cache_ == nullptr || !cache_->commit() || !cache_->is_mapped()) return;
    // What was packed here is in the file now, whose pages other processes share.
    model_->encoder.reset();
    open_weights();
    load();
  }

  void apply_modules() {
    if (!modules_) {
      model_->pooling_source = options_.use_modules ? "default: there is no modules.json"
                                                    : "default: modules left aside";
      return;
    }
    const auto& pooling = std::get<PoolingModule>(settings_.modules.front());
    model_->poolings.clear();
    for (const auto& mode : pooling.modes) model_->poolings.push_back(*pooling_of(mode));
    model_->pool_prompt = pooling.include_prompt;
    model_->pooling_source = "modules.json";
    const std::size_t pooled_size = model_->config.hidden_size * model_->poolings.size();
    HeadLoader head(folder_, access_, options_.allow_non_finite, pooled_size, team_);
    model_->head = head.load(settings_.modules);
    model_->prompts = settings_.prompts;
    model_->default_prompt_name = settings_.default_prompt_name;
    model_->similarity_fn_name = settings_.similarity_fn_name;
    model_->truncate_dim = settings_.truncate_dim;
  }

  const ModelFolder& folder_;
  const LoadOptions& options_;
  FileAccess access_;
  std::optional<SentenceTransformersConfig> modules_;
  SentenceTransformersConfig settings_;  // the defaults without modules.json
  ModelFolder transformer_;
  ThreadPool::Team team_;
  std::unique_ptr<LoadedModel> model_ = std::make_unique<LoadedModel>();
  PackedCache* cache_ = nullptr;  // of model_->weights
  std::optional<std::size_t> model_max_length_;
};

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
  const ModelFolder folder(path);
  return detail::ModelLoader(folder, options).load();
}

SEMBLANCE_FUNCTION std::unique_ptr<LoadedModel> load_model_folder(const std::string& name,
                                                                  std::span<const MemoryFile> files,
                                                                  const LoadOptions& options) {
  const ModelFolder folder(name, files);
  return detail::ModelLoader(folder, options).load();
}

}  // namespace semblance
