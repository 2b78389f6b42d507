#include "semblance/tensor/eigen_map.h"

#include <gtest/gtest.h>

#include <numeric>
#include <type_traits>
#include <vector>

namespace semblance {
namespace {

TEST(EigenMap, ReadsAndWritesThroughTheStride) {
  std::vector<double> values(3 * 5);
  std::iota(values.begin(), values.end(), 0.0);
  auto map = as_eigen(MatrixView<double>(values.data(), 3, 2, 5));
  EXPECT_EQ(map.rows(), 3);
  EXPECT_EQ(map.cols(), 2);
  EXPECT_EQ(map(2, 1), 11.0);
  map.row(1).setConstant(-1.0);
  EXPECT_EQ(values[4], 4.0);
  EXPECT_EQ(values[5], -1.0);
  EXPECT_EQ(values[6], -1.0);
  EXPECT_EQ(values[7], 7.0);
}

TEST(EigenMap, NeedsNoAlignment) {
  alignas(64) float values[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  const auto map = as_eigen(MatrixView<const float>(values + 1, 2, 3));
  EXPECT_EQ(map.sum(), 1 + 2 + 3 + 4 + 5 + 6);
}

TEST(EigenMap, ProductAgreesWithTheTextbook) {
  const std::vector<double> a{1, 2, 3, 4, 5, 6};     // [2, 3]
  const std::vector<double> b{7, 8, 9, 10, 11, 12};  // [3, 2]
  const RowMajorMatrix<double> product = as_eigen(MatrixView<const double>(a.data(), 2, 3)) *
                                         as_eigen(MatrixView<const double>(b.data(), 3, 2));
  EXPECT_EQ(product(0, 0), 58);
  EXPECT_EQ(product(0, 1), 64);
  EXPECT_EQ(product(1, 0), 139);
  EXPECT_EQ(product(1, 1), 154);
}

TEST(EigenMap, OfAReadOnlyViewIsReadOnly) {
  const float value = 1;
  const auto map = as_eigen(MatrixView<const float>(&value, 1, 1));
  static_assert(std::is_const_v<std::remove_pointer_t<decltype(map.data())>>);
  EXPECT_EQ(as_eigen(MatrixView<const float>(nullptr, 0, 4)).size(), 0);
  EXPECT_EQ(map(0, 0), 1);
}

}  // namespace
}  // namespace semblance
