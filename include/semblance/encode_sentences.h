#pragma once

// The functions of SentenceEncoder.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/compiled.h"
#include "semblance/core/error.h"
#include "semblance/core/object_pool.h"
#include "semblance/core/thread_pool.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/loaded_model.h"
#include "semblance/models/encoder_model.h"
#include "semblance/sentence_encoder.h"
#include "semblance/text/bert_tokenizer.h"
#include "semblance/token_encoder.h"

namespace semblance {

struct SentenceEncoder::Scratch {
  TokenizerScratch tokenizer;
  std::string prompted;
  std::vector<std::int32_t> input_ids;  // of a window of texts, end to end
  std::vector<std::size_t> starts;
  TokenEncoder::Scratch token_encoder;
};

SEMBLANCE_FUNCTION SentenceEncoder::SentenceEncoder(std::unique_ptr<const LoadedModel> model)
    : model_(std::move(model)),
      token_encoder_(std::make_unique<TokenEncoder>(*model_->encoder)),
      scratch_(std::make_unique<ObjectPool<Scratch>>()) {}
SEMBLANCE_FUNCTION SentenceEncoder::SentenceEncoder(SentenceEncoder&& other) noexcept = default;
SEMBLANCE_FUNCTION SentenceEncoder& SentenceEncoder::operator=(SentenceEncoder&& other) noexcept =
    default;
SEMBLANCE_FUNCTION SentenceEncoder::~SentenceEncoder() = default;

SEMBLANCE_FUNCTION SentenceEncoder SentenceEncoder::load(const std::string& folder,
                                                         const LoadOptions& options) {
  return SentenceEncoder(load_model_folder(folder, options));
}
SEMBLANCE_FUNCTION SentenceEncoder SentenceEncoder::load_from_memory(
    const std::string& name, std::span<const MemoryFile> files, const LoadOptions& options) {
  return SentenceEncoder(load_model_folder(name, files, options));
}

SEMBLANCE_FUNCTION std::size_t SentenceEncoder::output_dim(const EncodeOptions& options) const {
  return plan(options).dim;
}
SEMBLANCE_FUNCTION std::size_t SentenceEncoder::max_length() const noexcept {
  return model_->max_length;
}
SEMBLANCE_FUNCTION const BertTokenizer& SentenceEncoder::tokenizer() const noexcept {
  return *model_->tokenizer;
}
SEMBLANCE_FUNCTION const EncoderModel<float>& SentenceEncoder::encoder() const noexcept {
  return *model_->encoder;
}
SEMBLANCE_FUNCTION const LoadedModel& SentenceEncoder::model() const noexcept { return *model_; }

class SentenceEncoder::Run {
 public:
  Run(const EncodeOptions& options, std::size_t num_texts)
      : options_(options), num_texts_(num_texts) {
    if (options.executor == nullptr) team_.emplace(ThreadPool::shared(), options.num_threads);
  }

  void encode(const TokenEncoder& encoder, const SequenceBatch& batch,
              std::span<const std::int32_t> input_ids, const PoolingPlan& plan, float* embeddings,
              TokenEncoder::Scratch& scratch) {
    const auto stop_if_asked = [this] {
      if (options_.stop_token.stop_requested()) throw Cancelled("encode: cancelled by the caller");
    };
    const auto report = [this](std::size_t num_texts) {
      if (!options_.progress) return;
      const std::lock_guard lock(mutex_);
      num_done_ += num_texts;
      options_.progress(num_done_, num_texts_);
    };
    Executor& executor = options_.executor != nullptr ? *options_.executor : *team_;
    encoder.encode(batch, input_ids, plan, std::max<std::size_t>(options_.batch_size, 1),
                   embeddings, scratch, executor, stop_if_asked, report);
  }

 private:
  const EncodeOptions& options_;
  const std::size_t num_texts_;
  std::optional<ThreadPool::Team> team_;
  std::mutex mutex_;
  std::size_t num_done_ = 0;
};

SEMBLANCE_FUNCTION SentenceEmbedding SentenceEncoder::encode(std::string_view text,
                                                             const EncodeOptions& options) const {
  SentenceEmbedding result;
  result.values.resize(output_dim(options));
  std::uint8_t truncated = 0;
  encode_into(std::span(&text, 1), result.values, options, std::span(&result.num_tokens, 1),
              std::span(&truncated, 1));
  result.truncated = truncated != 0;
  return result;
}

SEMBLANCE_FUNCTION SentenceEmbeddings SentenceEncoder::encode(
    std::span<const std::string_view> texts, const EncodeOptions& options) const {
  SentenceEmbeddings result;
  result.num_texts = texts.size();
  result.dim = output_dim(options);
  result.values.resize(result.num_texts * result.dim);
  result.num_tokens.resize(result.num_texts);
  result.truncated.resize(result.num_texts);
  encode_into(texts, result.values, options, result.num_tokens, result.truncated);
  return result;
}

SEMBLANCE_FUNCTION SentenceEmbeddings SentenceEncoder::encode(std::span<const std::string> texts,
                                                              const EncodeOptions& options) const {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return encode(std::span<const std::string_view>(views), options);
}

namespace detail {

inline void require_room(const char* name, std::size_t expected, std::size_t found) {
  if (expected == found) return;
  throw std::invalid_argument(std::string(name) + ": expected room for " +
                              std::to_string(expected) + ", found " + std::to_string(found));
}

}  // namespace detail

SEMBLANCE_FUNCTION void SentenceEncoder::encode_into(std::span<const std::string_view> texts,
                                                     std::span<float> embeddings,
                                                     const EncodeOptions& options,
                                                     std::span<std::size_t> num_tokens,
                                                     std::span<std::uint8_t> truncated) const {
  constexpr std::size_t kWindowTokens = 128 * TokenEncoder::kTokenBudget;
  PoolingPlan plan = this->plan(options);
  detail::require_room("embeddings", texts.size() * plan.dim, embeddings.size());
  if (!num_tokens.empty()) detail::require_room("num_tokens", texts.size(), num_tokens.size());
  if (!truncated.empty()) detail::require_room("truncated", texts.size(), truncated.size());

  const auto scratch = scratch_->borrow();
  const std::string_view prompt = prompt_of(options);
  const std::size_t limit = limit_of(options);
  if (!options.pooling && !model_->pool_prompt && !prompt.empty()) {
    // [CLS] and the prompt's own tokens, without a special one at the end, which is [SEP].
    scratch->input_ids.clear();
    plan.num_prompt_tokens = append_ids({}, prompt, limit, *scratch).num_tokens;
    const auto& ids = scratch->input_ids;
    if (!ids.empty() && model_->tokenizer->is_special(ids.back())) --plan.num_prompt_tokens;
  }

  Run run(options, texts.size());
  for (std::size_t first = 0, next = 0; first < texts.size(); first = next) {
    scratch->input_ids.clear();
    scratch->starts.assign(1, 0);
    for (; next < texts.size() && scratch->input_ids.size() < kWindowTokens; ++next) {
      const TokenCount count = append_ids(texts[next], prompt, limit, *scratch);
      scratch->starts.push_back(scratch->input_ids.size());
      if (!num_tokens.empty()) num_tokens[next] = count.num_tokens;
      if (!truncated.empty()) truncated[next] = count.truncated ? 1 : 0;
    }
    run.encode(*token_encoder_, SequenceBatch(scratch->starts), scratch->input_ids, plan,
               embeddings.data() + first * plan.dim, scratch->token_encoder);
  }
}

SEMBLANCE_FUNCTION void SentenceEncoder::encode_ids_into(const SequenceBatch& texts,
                                                         std::span<const std::int32_t> input_ids,
                                                         std::span<float> embeddings,
                                                         const EncodeOptions& options) const {
  const PoolingPlan plan = this->plan(options);
  detail::require_room("embeddings", texts.batch_size() * plan.dim, embeddings.size());
  if (input_ids.size() != texts.num_tokens()) {
    throw std::invalid_argument("input_ids: expected " + std::to_string(texts.num_tokens()) +
                                " ids, found " + std::to_string(input_ids.size()));
  }
  const auto scratch = scratch_->borrow();
  Run(options, texts.batch_size())
      .encode(*token_encoder_, texts, input_ids, plan, embeddings.data(), scratch->token_encoder);
}

SEMBLANCE_FUNCTION TokenCount SentenceEncoder::append_ids(std::string_view text,
                                                          std::string_view prompt,
                                                          std::size_t limit,
                                                          Scratch& scratch) const {
  if (!prompt.empty()) {
    scratch.prompted.assign(prompt).append(text);
    text = scratch.prompted;
  }
  const TokenCount count = model_->tokenizer->append_input_ids(
      text, {.max_length = limit}, scratch.tokenizer, scratch.input_ids);
  model_->require_embeddings(std::span(scratch.input_ids).last(count.num_tokens));
  return count;
}

SEMBLANCE_FUNCTION std::size_t SentenceEncoder::limit_of(
    const EncodeOptions& options) const noexcept {
  return options.max_length == 0 ? max_length() : std::min(max_length(), options.max_length);
}

SEMBLANCE_FUNCTION std::string_view SentenceEncoder::prompt_of(const EncodeOptions& options) const {
  if (options.prompt) {
    if (options.prompt_name) {
      throw std::invalid_argument("expected a prompt or a prompt name, found both");
    }
    return *options.prompt;
  }
  if (!options.prompt_name) {
    if (const std::string* prompt = model_->prompt_of(options.task)) return *prompt;
  }
  const auto& name = options.prompt_name ? options.prompt_name : model_->default_prompt_name;
  if (!name) return {};
  const auto found = model_->prompts.find(*name);
  if (found != model_->prompts.end()) return found->second;
  std::string known;
  for (const auto& [key, text] : model_->prompts) known += (known.empty() ? "" : ", ") + key;
  throw std::invalid_argument("prompt_name: expected one of [" + known + "], found \"" + *name +
                              '"');
}

SEMBLANCE_FUNCTION PoolingPlan SentenceEncoder::plan(const EncodeOptions& options) const {
  PoolingPlan plan;
  std::size_t size = encoder().sizes().hidden_size;
  if (options.pooling) {
    plan.poolings = std::span(&*options.pooling, 1);
    plan.normalize = options.normalize.value_or(false);
  } else {
    plan.poolings = model_->poolings;
    plan.head = &model_->head;
    plan.head_normalizes = options.normalize.value_or(true);
    size = plan.head->output_size(size * plan.poolings.size());
    // A cut leaves vectors of other lengths, which a folder that normalizes does not want.
    plan.normalize = options.normalize.value_or(options.dim != 0 && plan.head->ends_normalized());
  }
  for (const Pooling pooling : plan.poolings) {
    if (name_of(pooling).empty()) {
      throw std::invalid_argument("pooling: expected one of kPoolingNames, found number " +
                                  std::to_string(static_cast<int>(pooling)));
    }
    if (pooling == Pooling::pooler_output && !encoder().has_pooler()) {
      throw std::invalid_argument(
          "pooling: expected one that this model has, found \"pooler_output\" without a pooler");
    }
  }
  if (options.whitening != nullptr) {
    size = std::min(size, model_->truncate_dim.value_or(size));
    if (options.whitening->input_size() != size) {
      throw std::invalid_argument("whitening: expected one for vectors of " + std::to_string(size) +
                                  ", found one for " +
                                  std::to_string(options.whitening->input_size()));
    }
    plan.whitening = options.whitening;
    plan.normalize =
        options.normalize.value_or(plan.head != nullptr && plan.head->ends_normalized());
    plan.head_normalizes = false;
    size = options.whitening->dimensions();
  }
  plan.dim = options.dim != 0               ? options.dim
             : options.whitening != nullptr ? size
                                            : std::min(size, model_->truncate_dim.value_or(size));
  if (plan.dim > size) {
    throw std::invalid_argument("dim: expected at most " + std::to_string(size) + ", found " +
                                std::to_string(plan.dim));
  }
  return plan;
}

}  // namespace semblance
