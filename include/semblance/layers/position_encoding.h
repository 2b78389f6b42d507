#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>

#include "semblance/core/aligned_buffer.h"
#include "semblance/layers/parameter.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// How one head's query, key and value rows learn their position, before the scores.
//   query, key, value  [sequence_length, head_dim] of one head, in place; row r is position r
template <class T, class Scalar>
concept PositionEncoding = requires(const T& positions, MatrixView<Scalar> query,
                                    MatrixView<Scalar> key, MatrixView<Scalar> value) {
  positions.apply(query, key, value);
};

// Positions are in the embeddings already (BERT): nothing to do here.
struct AbsolutePositions {
  template <LayerScalar Scalar>
  void apply(MatrixView<Scalar>, MatrixView<Scalar>, MatrixView<Scalar>) const noexcept {}
};

// Rotary positions (Su et al. 2021, RoFormer, arXiv 2104.09864, eq. 34): the pair (2i, 2i + 1) of a
// head turns by position * 10000^(-2i / head_dim). RoFormer's rotary_value turns the values too.
template <LayerScalar Scalar>
class RotaryPositions {
 public:
  // By that formula.
  RotaryPositions(std::size_t max_positions, std::size_t head_dim, bool rotary_value)
      : rotary_value_(rotary_value),
        num_pairs_(head_dim / 2),
        sine_(max_positions * num_pairs_),
        cosine_(max_positions * num_pairs_) {
    for (std::size_t position = 0; position < max_positions; ++position) {
      for (std::size_t i = 0; i < num_pairs_; ++i) {
        const double angle = this->angle(position, i, head_dim);
        sine_[position * num_pairs_ + i] = static_cast<Scalar>(std::sin(angle));
        cosine_[position * num_pairs_ + i] = static_cast<Scalar>(std::cos(angle));
      }
    }
  }

  // From a saved table [max_positions, head_dim], each row of which holds the sines of the pairs
  // and then their cosines.
  RotaryPositions(const TensorView& table, bool rotary_value)
      : rotary_value_(rotary_value),
        num_pairs_(table.shape[1] / 2),
        sine_(table.shape[0] * num_pairs_),
        cosine_(table.shape[0] * num_pairs_) {
    for (std::size_t position = 0; position < table.shape[0]; ++position) {
      const std::size_t first = position * num_pairs_;
      copy_elements(table, 2 * first, num_pairs_, sine_.data() + first);
      copy_elements(table, 2 * first + num_pairs_, num_pairs_, cosine_.data() + first);
    }
  }

  static double angle(std::size_t position, std::size_t pair, std::size_t head_dim) {
    const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(head_dim);
    return static_cast<double>(position) / std::pow(10000.0, exponent);
  }

  void apply(MatrixView<Scalar> query, MatrixView<Scalar> key, MatrixView<Scalar> value) const {
    rotate(query);
    rotate(key);
    if (rotary_value_) rotate(value);
  }

 private:
  void rotate(MatrixView<Scalar> rows) const {
    if constexpr (std::same_as<Scalar, float>) {
      simd::kernels().rotary({.values = rows.data,
                              .stride = rows.stride,
                              .rows = rows.rows,
                              .num_heads = 1,
                              .head_dim = rows.cols,
                              .sine = sine_.data(),
                              .cosine = cosine_.data()});
    } else {
      for (std::size_t r = 0; r < rows.rows; ++r) {
        for (std::size_t i = 0; i < num_pairs_; ++i) {
          const Scalar sine = sine_[r * num_pairs_ + i];
          const Scalar cosine = cosine_[r * num_pairs_ + i];
          Scalar* pair = rows.row(r) + 2 * i;
          const Scalar even = pair[0];
          pair[0] = even * cosine - pair[1] * sine;
          pair[1] = pair[1] * cosine + even * sine;
        }
      }
    }
  }

  bool rotary_value_;
  std::size_t num_pairs_;
  AlignedBuffer<Scalar> sine_;    // [max_positions, head_dim / 2]
  AlignedBuffer<Scalar> cosine_;  // the same
};

}  // namespace semblance
