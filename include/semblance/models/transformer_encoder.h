#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "semblance/io/weight_files.h"
#include "semblance/layers/embeddings.h"
#include "semblance/layers/encoder_layer.h"
#include "semblance/models/encoder_model.h"

namespace semblance {

// Everything a BERT-like encoder is made of, still lying in its weight file.
struct EncoderParameters {
  EncoderSizes sizes;
  EmbeddingsParameters embeddings;
  std::vector<EncoderLayerParameters> layers;
  std::optional<LinearParameters> pooler;  // [hidden_size, hidden_size]
  bool pooler_is_linear = false;           // else tanh
};

// Embeddings, then a stack of equal layers: the shape that BERT, RoFormer, DistilBERT and ERNIE
// share.
template <LayerScalar Scalar, ActivationFunction Activation, class Positions>
class TransformerEncoder final : public EncoderModel<Scalar> {
 public:
  // The embedding tables stay views of `files`; the bytes of a matrix are released as soon as it is
  // packed, so that they are not in memory twice.
  TransformerEncoder(const EncoderParameters& parameters, Positions positions,
                     std::shared_ptr<const WeightFiles> files, Executor& executor,
                     Activation activation = {})
      : files_(std::move(files)),
        sizes_(parameters.sizes),
        positions_(std::make_unique<const Positions>(std::move(positions))),
        embeddings_(parameters.embeddings, executor),
        pooler_is_linear_(parameters.pooler_is_linear) {
    layers_.reserve(parameters.layers.size());
    for (const auto& layer : parameters.layers) {
      layers_.emplace_back(layer, positions_.get(), executor, activation);
      for (const LinearParameters* linear : linears_of(layer)) release(*linear);
    }
    if (parameters.embeddings.projection) release(*parameters.embeddings.projection);
    if (parameters.pooler) {
      pooler_.emplace(*parameters.pooler, executor);
      release(*parameters.pooler);
    }
    const auto& first = parameters.layers.front();
    workspace_sizes_ = {
        .embedding_size = embeddings_.embedding_size(),
        .hidden_size = sizes_.hidden_size,
        .intermediate_size = first.feed_forward.intermediate.weight.rows(),
        .head_dim = sizes_.hidden_size / first.attention.num_attention_heads,
        .int8 = std::any_of(parameters.layers.begin(), parameters.layers.end(), uses_int8),
    };
  }

  const EncoderSizes& sizes() const noexcept override { return sizes_; }

  using EncoderModel<Scalar>::forward;
  MatrixView<const Scalar> forward(const SequenceBatch& batch,
                                   std::span<const std::int32_t> input_ids,
                                   std::span<const std::int32_t> token_type_ids,
                                   Workspace<Scalar>& workspace, Executor& executor,
                                   HiddenStatesObserver<Scalar> observer,
                                   WantedTokens wanted) const override {
    check_ids(batch, input_ids, token_type_ids);
    if (wanted == WantedTokens::first && !batch.has_first_tokens()) {
      throw std::invalid_argument(
          "input_ids: expected a token in every text, found a text of none");
    }
    workspace.prepare(workspace_sizes_, batch, executor.concurrency());
    MatrixView<Scalar> hidden_states = workspace.hidden();
    embeddings_.forward(batch, input_ids, token_type_ids, workspace.embedding(), hidden_states,
                        executor);
    observer(0, hidden_states);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const bool is_last = i + 1 == layers_.size();
      hidden_states = layers_[i].forward(batch, hidden_states, workspace, executor,
                                         is_last ? wanted : WantedTokens::all);
      observer(i + 1, hidden_states);
    }
    return hidden_states;
  }

  bool has_pooler() const noexcept override { return pooler_.has_value(); }
  void pool(MatrixView<const Scalar> cls, MatrixView<Scalar> pooler_output,
            Executor& executor) const override {
    if (pooler_is_linear_) {
      pooler_.value().forward(cls, pooler_output, executor);
    } else {
      pooler_.value().template forward<Tanh>(cls, pooler_output, executor);
    }
  }

  std::size_t byte_count() const noexcept override {
    std::size_t bytes = pooler_ ? pooler_->byte_count() : 0;
    for (const auto& layer : layers_) bytes += layer.byte_count();
    return bytes;
  }

 private:
  void check_ids(const SequenceBatch& batch, std::span<const std::int32_t> input_ids,
                 std::span<const std::int32_t> token_type_ids) const {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    if (input_ids.size() != batch.num_tokens()) {
      refuse("input_ids: expected " + std::to_string(batch.num_tokens()) + " ids, found " +
             std::to_string(input_ids.size()));
    }
    if (!token_type_ids.empty() && token_type_ids.size() != input_ids.size()) {
      refuse("token_type_ids: expected " + std::to_string(input_ids.size()) + " ids, found " +
             std::to_string(token_type_ids.size()));
    }
    const auto check_range = [&](const char* name, std::span<const std::int32_t> ids,
                                 std::size_t limit) {
      for (const std::int32_t id : ids) {
        if (id < 0 || static_cast<std::size_t>(id) >= limit) {
          refuse(std::string(name) + ": expected ids below " + std::to_string(limit) + ", found " +
                 std::to_string(id));
        }
      }
    };
    check_range("input_ids", input_ids, sizes_.vocab_size);
    check_range("token_type_ids", token_type_ids, std::max<std::size_t>(sizes_.type_vocab_size, 1));
    if (batch.longest() > sizes_.max_position_embeddings) {
      refuse("input_ids: expected at most " + std::to_string(sizes_.max_position_embeddings) +
             " tokens a text, found " + std::to_string(batch.longest()));
    }
  }

  static bool uses_int8(const EncoderLayerParameters& layer) noexcept {
    const auto linears = linears_of(layer);
    return std::any_of(linears.begin(), linears.end(), [](const LinearParameters* linear) {
      return linear->precision == Precision::int8;
    });
  }

  static std::array<const LinearParameters*, 6> linears_of(
      const EncoderLayerParameters& layer) noexcept {
    const auto& attention = layer.attention;
    return {&attention.query,
            &attention.key,
            &attention.value,
            &attention.output,
            &layer.feed_forward.intermediate,
            &layer.feed_forward.output};
  }

  void release(const LinearParameters& linear) const noexcept {
    files_->release(linear.weight.elements);
  }

  std::shared_ptr<const WeightFiles> files_;
  EncoderSizes sizes_;
  typename Workspace<Scalar>::Sizes workspace_sizes_;
  std::unique_ptr<const Positions> positions_;
  Embeddings<Scalar> embeddings_;
  std::vector<EncoderLayer<Scalar, Activation, Positions>> layers_;
  std::optional<Linear<Scalar>> pooler_;
  bool pooler_is_linear_;
};

}  // namespace semblance
