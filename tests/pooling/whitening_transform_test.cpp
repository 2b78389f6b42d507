#include "semblance/pooling/whitening_transform.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

namespace semblance {
namespace {

TEST(WhiteningTransform, TakesTheMeanAwayInFloat64) {
  // In float32 the mean would round to 16777216 and the difference vanish.
  const Whitening whitening({16777215.5}, {2.0});
  EXPECT_EQ(whitening.apply(std::vector<float>{16777216.0f})[0], 1.0f);
}

TEST(WhiteningTransform, MultipliesByTheKernel) {
  const Whitening whitening({1.0, 2.0}, {1.0, 0.0, 10.0, 0.0, 3.0, 1.0});
  ASSERT_EQ(whitening.dimensions(), 3u);
  EXPECT_EQ(whitening.apply(std::vector<float>{3.0f, 5.0f}), (std::vector<float>{2, 9, 23}));
}

TEST(WhiteningTransform, WritesIntoRowsWithAStrideAndNowhereElse) {
  const Whitening whitening({0.0}, {1.0, -1.0});
  const std::vector<float> rows{1, 9, 2, 9};
  std::vector<float> out(6, 7.0f);
  whitening.apply(MatrixView<const float>(rows.data(), 2, 1, 2),
                  MatrixView<float>(out.data(), 2, 2, 3));
  EXPECT_EQ(out, (std::vector<float>{1, -1, 7, 2, -2, 7}));
}

TEST(WhiteningTransform, HasNoDimensionsOnceMovedFrom) {
  Whitening whitening({1.0, 2.0}, {1.0, 2.0});
  const Whitening moved = std::move(whitening);
  EXPECT_EQ(moved.dimensions(), 1u);
  EXPECT_EQ(whitening.dimensions(), 0u);  // NOLINT(bugprone-use-after-move)
}

TEST(WhiteningTransform, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Whitening({}, {}), std::invalid_argument);
  EXPECT_THROW(Whitening({1.0}, {}), std::invalid_argument);
  EXPECT_THROW(Whitening({1.0, 2.0}, {1.0, 2.0, 3.0}), std::invalid_argument);
  EXPECT_THROW(Whitening({std::numeric_limits<double>::quiet_NaN()}, {1.0}), std::invalid_argument);
  EXPECT_THROW(Whitening({1.0}, {1e300}), std::invalid_argument);
  const Whitening whitening({1.0, 2.0}, {1.0, 2.0});
  EXPECT_THROW(whitening.apply(std::vector<float>{1.0f}), std::invalid_argument);
  std::vector<float> out(2);
  const std::vector<float> row{1.0f, 2.0f};
  EXPECT_THROW(whitening.apply(MatrixView<const float>(row.data(), 1, 2),
                               MatrixView<float>(out.data(), 1, 2)),
               std::invalid_argument);
}

}  // namespace
}  // namespace semblance
