#include "semblance/tensor/tensor_view.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <type_traits>

namespace semblance {
namespace {

TEST(TensorView, ReadsElementsOfItsType) {
  alignas(8) const std::array<std::uint16_t, 6> halves{1, 2, 3, 4, 5, 6};
  const TensorView view{reinterpret_cast<const std::byte*>(halves.data()), DType::bf16, {2, 3}};
  EXPECT_EQ(view.element_count(), 6u);
  EXPECT_EQ(view.byte_count(), 12u);
  EXPECT_EQ(view.bytes().size(), 12u);
  EXPECT_EQ(view.as<std::uint16_t>()[5], 6);
  EXPECT_EQ(view.to_string(), "BF16 [2, 3]");
}

TEST(TensorView, WithoutElementsIsEmpty) {
  const TensorView view{nullptr, DType::f64, {4, 0}};
  EXPECT_EQ(view.byte_count(), 0u);
  EXPECT_TRUE(view.as<double>().empty());
  EXPECT_EQ(view.to_string(), "F64 [4, 0]");
}

TEST(MatrixView, WalksRowsByItsStride) {
  std::array<int, 12> values;
  std::iota(values.begin(), values.end(), 0);
  const MatrixView<int> view(values.data(), 3, 2, 4);
  EXPECT_EQ(view.row(2)[1], 9);
  EXPECT_EQ(view.row_span(1).size(), 2u);
  EXPECT_EQ(view.row_span(1)[0], 4);
  view.row(1)[1] = 50;
  EXPECT_EQ(values[5], 50);
}

TEST(MatrixView, WithoutAStrideIsContiguous) {
  const std::array<int, 6> values{0, 1, 2, 3, 4, 5};
  const MatrixView<const int> view(values.data(), 2, 3);
  EXPECT_EQ(view.stride, 3u);
  EXPECT_EQ(view.row(1)[2], 5);
}

TEST(MatrixView, TakesARangeOfRowsAlsoAnEmptyOneAtTheEnd) {
  const std::array<int, 12> values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const MatrixView<const int> view(values.data(), 3, 2, 4);
  const auto rows = view.rows_from(1, 2);
  EXPECT_EQ(rows.rows, 2u);
  EXPECT_EQ(rows.cols, 2u);
  EXPECT_EQ(rows.row(1)[0], 8);
  EXPECT_EQ(view.rows_from(3, 0).rows, 0u);
  EXPECT_EQ(MatrixView<const int>().rows_from(0, 0).data, nullptr);
}

TEST(MatrixView, BecomesReadOnlyButNeverWritable) {
  static_assert(std::is_convertible_v<MatrixView<float>, MatrixView<const float>>);
  static_assert(!std::is_convertible_v<MatrixView<const float>, MatrixView<float>>);
  float value = 3;
  const MatrixView<const float> view = MatrixView<float>(&value, 1, 1, 16);
  EXPECT_EQ(view.row(0), &value);
  EXPECT_EQ(view.stride, 16u);
}

}  // namespace
}  // namespace semblance
