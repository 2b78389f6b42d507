#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "semblance/core/executor.h"
#include "semblance/layers/layer_norm.h"
#include "semblance/layers/linear.h"
#include "semblance/layers/row_slices.h"
#include "semblance/layers/sequence_batch.h"
#include "semblance/tensor/eigen_map.h"
#include "semblance/tensor/tensor_view.h"
#include "semblance/tensor/weight_matrix.h"

namespace semblance {

// Tables that a model lacks are absent.
struct EmbeddingsParameters {
  WeightMatrix word;                       // [vocab_size, embedding_size]
  std::optional<WeightMatrix> position;    // [max_position_embeddings, embedding_size]
  std::optional<WeightMatrix> token_type;  // [type_vocab_size, embedding_size]
  std::optional<WeightMatrix> task_type;   // [task_type_vocab_size, embedding_size]; task 0 is used
  LayerNormParameters layer_norm;
  std::optional<LinearParameters> projection;  // [hidden_size, embedding_size]
};

// Sum of the word, token type, position and task embeddings of each token, added in this order,
// then layer norm, then where embedding_size and hidden_size differ a projection (Clark et al.
// 2020, ELECTRA; RoFormer). The tables stay where the weight file has them; the caller keeps the
// file open.
template <LayerScalar Scalar>
class Embeddings {
 public:
  Embeddings(const EmbeddingsParameters& parameters, Executor& executor)
      : word_(parameters.word),
        position_(parameters.position),
        token_type_(parameters.token_type),
        task_type_(parameters.task_type),
        layer_norm_(parameters.layer_norm) {
    if (parameters.projection) projection_.emplace(*parameters.projection, executor);
  }

  std::size_t embedding_size() const noexcept { return word_.columns(); }

  // input_ids       [num_tokens], below vocab_size
  // token_type_ids  [num_tokens], below type_vocab_size; empty means all 0
  // embedding       [num_tokens, embedding_size], scratch where there is a projection
  // hidden_states   [num_tokens, hidden_size]
  void forward(const SequenceBatch& batch, std::span<const std::int32_t> input_ids,
               std::span<const std::int32_t> token_type_ids, MatrixView<Scalar> embedding,
               MatrixView<Scalar> hidden_states, Executor& executor) const {
    const MatrixView<Scalar> sum = projection_ ? embedding : hidden_states;
    const auto slice_of_rows = [&](std::size_t, std::size_t begin, std::size_t end, Executor& own) {
      std::size_t sequence = batch.sequence_of(begin);
      for (std::size_t token = begin; token < end; ++token) {
        while (token >= batch.start(sequence + 1)) ++sequence;
        if (token + kFetchedAhead < end) fetch_word(input_ids[token + kFetchedAhead]);
        const std::int32_t type = token_type_ids.empty() ? 0 : token_type_ids[token];
        Scalar* row = sum.row(token);
        copy_elements(word_, static_cast<std::size_t>(input_ids[token]) * sum.cols, sum.cols, row);
        if (token_type_) add_row(*token_type_, static_cast<std::size_t>(type), row);
        if (position_) add_row(*position_, token - batch.start(sequence), row);
        if (task_type_) add_row(*task_type_, 0, row);
      }
      layer_norm_.forward(sum.rows_from(begin, end - begin), own);
    };
    for_each_row_slice(executor, batch.num_tokens(), slice_of_rows);
    if (projection_) projection_->forward(sum, hidden_states, executor);
  }

 private:
  static constexpr std::size_t kFetchedAhead = 2;  // tokens

  // The table is larger than the caches, and its rows are wanted in no order.
  void fetch_word(std::int32_t id) const noexcept {
    const std::size_t row_bytes = word_.elements.byte_count() / word_.rows();
    const std::byte* row = word_.elements.data + static_cast<std::size_t>(id) * row_bytes;
    for (std::size_t i = 0; i < row_bytes; i += 64) __builtin_prefetch(row + i);
  }

  static void add_row(const WeightMatrix& table, std::size_t index, Scalar* sum) {
    const std::size_t size = table.columns();
    constexpr std::size_t kBlock = 64;
    Scalar row[kBlock];
    for (std::size_t first = 0; first < size; first += kBlock) {
      const std::size_t count = std::min(kBlock, size - first);
      copy_elements(table, index * size + first, count, row);
      as_eigen(MatrixView<Scalar>(sum + first, 1, count)) +=
          as_eigen(MatrixView<const Scalar>(row, 1, count));
    }
  }

  WeightMatrix word_;
  std::optional<WeightMatrix> position_;
  std::optional<WeightMatrix> token_type_;
  std::optional<WeightMatrix> task_type_;
  LayerNorm<Scalar> layer_norm_;
  std::optional<Linear<Scalar>> projection_;
};

}  // namespace semblance
