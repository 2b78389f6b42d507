#include "semblance/pooling/truncate_dimensions.h"

#include <gtest/gtest.h>

#include "search/float64_reference.h"
#include "semblance/search/similarity.h"

namespace semblance {
namespace {

TEST(TruncateDimensions, KeepsTheLeadingOnesWithLengthOne) {
  const auto rows = test::random_rows(20, 64, 1);
  const auto cut = truncate_dimensions(rows.matrix(), 16);
  ASSERT_EQ(cut.shape(), (Shape{20, 16}));
  const auto leading = leading_dimensions(rows.matrix(), 16);
  for (std::size_t r = 0; r < 20; ++r) {
    EXPECT_NEAR(test::score64(Metric::dot, cut.matrix().row_span(r), cut.matrix().row_span(r)), 1.0,
                1e-6);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(leading.row(r)[i], rows.matrix().row(r)[i]);
    EXPECT_NEAR(dot_product(cut.matrix().row_span(0), cut.matrix().row_span(r)),
                cosine_similarity(leading.row_span(0), leading.row_span(r)), 1e-6);
  }
}

TEST(TruncateDimensions, AZeroRowStaysZero) {
  Tensor<float> rows(Shape{1, 3});
  rows.values()[0] = rows.values()[1] = 0.0f;
  rows.values()[2] = 5.0f;
  const auto cut = truncate_dimensions(rows.matrix(), 2);
  EXPECT_EQ(cut.values()[0], 0.0f);
  EXPECT_EQ(cut.values()[1], 0.0f);
}

TEST(TruncateDimensions, RefusesNoneAndMoreThanThereAre) {
  const auto rows = test::random_rows(2, 4, 1);
  EXPECT_THROW(leading_dimensions(rows.matrix(), 0), std::invalid_argument);
  EXPECT_THROW(truncate_dimensions(rows.matrix(), 5), std::invalid_argument);
  EXPECT_EQ(truncate_dimensions(rows.matrix(), 4).shape(), (Shape{2, 4}));
}

}  // namespace
}  // namespace semblance
