#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// How the hidden states of a text become one vector. All averages include [CLS] and [SEP].
enum class Pooling : std::uint8_t {
  cls,                   // the first token
  pooler_output,         // BERT's pooler: tanh(W cls + b)
  mean,                  // sum of the tokens / number of tokens
  max,                   // the largest value of each dimension
  mean_sqrt_len_tokens,  // sum of the tokens / sqrt(number of tokens)
  weightedmean,          // token i of 1...n weighs i
  lasttoken,             // the last token
  first_last_avg,        // mean of (output of the first layer + of the last) / 2
  last_two_avg,          // mean of (output of the last layer but one + of the last) / 2
};

struct PoolingName {
  Pooling pooling;
  std::string_view name;
};
inline constexpr std::array<PoolingName, 9> kPoolingNames{{
    {Pooling::cls, "cls"},
    {Pooling::pooler_output, "pooler_output"},
    {Pooling::mean, "mean"},
    {Pooling::max, "max"},
    {Pooling::mean_sqrt_len_tokens, "mean_sqrt_len_tokens"},
    {Pooling::weightedmean, "weightedmean"},
    {Pooling::lasttoken, "lasttoken"},
    {Pooling::first_last_avg, "first_last_avg"},
    {Pooling::last_two_avg, "last_two_avg"},
}};

constexpr std::string_view name_of(Pooling pooling) noexcept {
  const auto i = static_cast<std::size_t>(pooling);
  return i < kPoolingNames.size() ? kPoolingNames[i].name : std::string_view();
}
constexpr std::optional<Pooling> pooling_of(std::string_view name) noexcept {
  for (const auto& entry : kPoolingNames) {
    if (entry.name == name) return entry.pooling;
  }
  return std::nullopt;
}

// Pools one text from one level of hidden states; not for pooler_output and the two averages over
// levels, which need more than one level.
//   hidden_states       [sequence_length, hidden_size]
//   first_token         tokens before it are left out (a prompt); weightedmean still counts them
//   position_weights    1, 2, 3 ... at least sequence_length of them
//   sentence_embedding  [hidden_size], out
// When no token is left the vector is zero, except cls, which then is the first token. Sums run
// over the tokens on the 16-lane tree of simd::Kernels::column_sums.
inline void pool_tokens(Pooling pooling, MatrixView<const float> hidden_states,
                        std::size_t first_token, std::span<const float> position_weights,
                        std::span<float> sentence_embedding) {
  assert(sentence_embedding.size() == hidden_states.cols);
  const auto& kernels = simd::kernels();
  const std::size_t skipped = std::min(first_token, hidden_states.rows);
  const MatrixView<const float> tokens =
      hidden_states.rows_from(skipped, hidden_states.rows - skipped);
  const auto copy_row = [&](const float* row) {
    std::copy_n(row, sentence_embedding.size(), sentence_embedding.data());
  };
  const auto divide_by = [&](float divisor) {
    for (float& value : sentence_embedding) value /= divisor;
  };
  if (tokens.rows == 0) {
    if (pooling == Pooling::cls && hidden_states.rows != 0) return copy_row(hidden_states.row(0));
    std::fill(sentence_embedding.begin(), sentence_embedding.end(), 0.0f);
    return;
  }
  const auto count = static_cast<float>(tokens.rows);
  const float* weights = nullptr;
  switch (pooling) {
    case Pooling::cls: return copy_row(tokens.row(0));
    case Pooling::lasttoken: return copy_row(tokens.row(tokens.rows - 1));
    case Pooling::max:
      copy_row(tokens.row(0));
      for (std::size_t r = 1; r < tokens.rows; ++r) {
        const float* row = tokens.row(r);
        for (std::size_t i = 0; i < tokens.cols; ++i) {
          // A NaN stays, as in the reference.
          if (row[i] > sentence_embedding[i] || row[i] != row[i]) sentence_embedding[i] = row[i];
        }
      }
      return;
    case Pooling::weightedmean:
      assert(position_weights.size() >= hidden_states.rows);
      weights = position_weights.data() + skipped;
      break;
    default: break;
  }
  kernels.column_sums(tokens.data, tokens.stride, tokens.rows, tokens.cols, weights,
                      sentence_embedding.data());
  if (pooling == Pooling::mean_sqrt_len_tokens) {
    divide_by(std::sqrt(count));
  } else if (weights != nullptr) {
    // first + ... + last of consecutive whole numbers
    divide_by(count * (weights[0] + weights[tokens.rows - 1]) / 2.0f);
  } else {
    divide_by(count);
  }
}

}  // namespace semblance
