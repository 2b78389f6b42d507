#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "semblance/tensor/eigen_map.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// The vector of one text; a contiguous range, so it goes wherever a std::span<const float> does.
struct SentenceEmbedding {
  std::vector<float> values;   // [dim]
  std::size_t num_tokens = 0;  // that went through the encoder, [CLS] and [SEP] included
  bool truncated = false;      // whether the text had more

  std::size_t size() const noexcept { return values.size(); }
  const float* data() const noexcept { return values.data(); }
  float operator[](std::size_t i) const noexcept { return values[i]; }
  auto begin() const noexcept { return values.begin(); }
  auto end() const noexcept { return values.end(); }
  // One row [1, dim], for functions that take many.
  MatrixView<const float> view() const noexcept { return {values.data(), 1, values.size()}; }
};

// The vectors of many texts, row i that of text i.
struct SentenceEmbeddings {
  std::size_t num_texts = 0;
  std::size_t dim = 0;
  std::vector<float> values;            // [num_texts, dim], row-major
  std::vector<std::size_t> num_tokens;  // [num_texts], as in SentenceEmbedding
  std::vector<std::uint8_t> truncated;  // [num_texts], 0 or 1

  std::span<const float> operator[](std::size_t i) const noexcept {
    return {values.data() + i * dim, dim};
  }
  MatrixView<const float> view() const noexcept {
    return {values.data(), values.empty() ? 0 : num_texts, dim};  // no rows once moved from
  }
  operator MatrixView<const float>() const noexcept { return view(); }
  // An Eigen map, good for as long as this object lives and stays where it is.
  MatrixMap<const float> matrix() const noexcept { return as_eigen(view()); }
};

}  // namespace semblance
