#include "semblance/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace semblance {
namespace {

TEST(Tensor, OwnsRowMajorElementsOnACacheLine) {
  Tensor<float> tensor({2, 3});
  EXPECT_EQ(tensor.shape(), (Shape{2, 3}));
  EXPECT_EQ(tensor.size(), 6u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0u);
  float next = 0;
  for (float& value : tensor.values()) value = next++;
  const MatrixView<const float> matrix = std::as_const(tensor).matrix();
  EXPECT_EQ(matrix.rows, 2u);
  EXPECT_EQ(matrix.cols, 3u);
  EXPECT_EQ(matrix.row(1)[2], 5.0f);
  tensor.matrix().row(0)[1] = 9;
  EXPECT_EQ(std::as_const(tensor).values()[1], 9.0f);
}

TEST(Tensor, MayHaveNoElements) {
  Tensor<float> tensor({0, 768});
  EXPECT_EQ(tensor.size(), 0u);
  EXPECT_TRUE(tensor.values().empty());
  EXPECT_EQ(tensor.matrix().cols, 768u);
}

TEST(Tensor, MovesWithItsElements) {
  Tensor<int> from({4});
  from.values()[3] = 11;
  const Tensor<int> to = std::move(from);
  EXPECT_EQ(to.shape(), (Shape{4}));
  EXPECT_EQ(to.values()[3], 11);
}

TEST(Tensor, RefusesAShapeThatOverflows) {
  constexpr std::size_t kMostElements = std::numeric_limits<std::size_t>::max();
  try {
    const Tensor<float> tensor({kMostElements, 2});
    FAIL() << "expected std::invalid_argument";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find(", 2] is too large"), std::string::npos);
  }
  // The elements can be counted, their bytes cannot.
  EXPECT_THROW(Tensor<float>({kMostElements / 2}), std::bad_alloc);
}

}  // namespace
}  // namespace semblance
