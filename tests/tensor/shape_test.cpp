#include "semblance/tensor/shape.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <vector>

namespace semblance {
namespace {

constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();

TEST(Shape, CountsItsElements) {
  EXPECT_EQ((Shape{768, 3072}).element_count(), std::size_t{768 * 3072});
  EXPECT_EQ((Shape{5}).element_count(), std::size_t{5});
  EXPECT_EQ((Shape{kMost}).element_count(), kMost);
  EXPECT_EQ((Shape{kMost / 3, 3}).element_count(), kMost / 3 * 3);
}

TEST(Shape, WithoutSizesIsAScalar) {
  const Shape scalar;
  EXPECT_EQ(scalar.rank(), 0u);
  EXPECT_EQ(scalar.element_count(), std::size_t{1});
  EXPECT_EQ(scalar.to_string(), "[]");
}

TEST(Shape, CountThatOverflowsIsNothing) {
  EXPECT_EQ((Shape{kMost, 2}).element_count(), std::nullopt);
  EXPECT_EQ((Shape{kMost / 2 + 1, 2}).element_count(), std::nullopt);
  EXPECT_EQ((Shape{std::size_t{1} << 32, std::size_t{1} << 32}).element_count(), std::nullopt);
  EXPECT_EQ((Shape{3, kMost / 3 + 1}).element_count(), std::nullopt);
}

TEST(Shape, ZeroAnywhereMeansNoElementsEvenWhereTheOthersOverflow) {
  EXPECT_EQ((Shape{0}).element_count(), std::size_t{0});
  EXPECT_EQ((Shape{0, kMost, kMost}).element_count(), std::size_t{0});
  EXPECT_EQ((Shape{kMost, kMost, 0}).element_count(), std::size_t{0});
}

TEST(Shape, ComparesBySizesAndRank) {
  EXPECT_EQ((Shape{2, 3}), Shape(std::vector<std::size_t>{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2, 1}), (Shape{2}));
}

TEST(Shape, IsWrittenWithBrackets) {
  EXPECT_EQ((Shape{768, 3072}).to_string(), "[768, 3072]");
  EXPECT_EQ((Shape{0}).to_string(), "[0]");
  EXPECT_EQ((Shape{7, 8, 9})[2], 9u);
}

}  // namespace
}  // namespace semblance
