#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "semblance/tensor/tensor_view.h"

namespace semblance::testing {

// A matrix that owns its rows, with room between them that nobody may write to.
template <class Scalar>
class PaddedRows {
 public:
  PaddedRows(std::size_t rows, std::size_t cols, std::size_t padding = 5)
      : rows_(rows), cols_(cols), stride_(cols + padding), memory_(rows * stride_, kUntouched) {}
  PaddedRows(std::size_t rows, std::size_t cols, std::span<const float> values)
      : PaddedRows(rows, cols) {
    for (std::size_t r = 0; r < rows; ++r) {
      std::transform(values.data() + r * cols, values.data() + (r + 1) * cols, view().row(r),
                     [](float value) { return static_cast<Scalar>(value); });
    }
  }

  MatrixView<Scalar> view() { return {memory_.data(), rows_, cols_, stride_}; }
  MatrixView<const Scalar> view() const { return {memory_.data(), rows_, cols_, stride_}; }

  std::vector<Scalar> values() const {
    std::vector<Scalar> all;
    for (std::size_t r = 0; r < rows_; ++r) {
      const auto row = view().row_span(r);
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  }
  bool padding_untouched() const {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (i % stride_ >= cols_ && memory_[i] != kUntouched) return false;
    }
    return true;
  }

 private:
  static constexpr Scalar kUntouched = -777;
  std::size_t rows_;
  std::size_t cols_;
  std::size_t stride_;
  std::vector<Scalar> memory_;
};

// Equal bit for bit, so that 0 and -0 differ and a NaN equals itself.
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

template <class Found, class Expected>
void expect_near(std::span<const Found> found, std::span<const Expected> expected,
                 double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(found[i]), static_cast<double>(expected[i]), tolerance)
        << "at " << i;
  }
}

}  // namespace semblance::testing
