#include "semblance/layers/parameter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::RandomValues;
using testing::same_bits;
using testing::StoredTensor;
using testing::view_of;

static_assert(LayerScalar<float> && LayerScalar<double>);
static_assert(!LayerScalar<int> && !LayerScalar<long double> && !LayerScalar<const float>);

TEST(CopyElements, EveryFloatingTypeGivesTheValuesItHolds) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    RandomValues random(1);
    const StoredTensor stored({7, 11}, random, dtype);
    const auto floats = copy_elements<float>(stored.view());
    EXPECT_TRUE(same_bits({floats.data(), floats.size()}, stored.values())) << name_of(dtype);
    const auto doubles = copy_elements<double>(stored.view());
    ASSERT_EQ(doubles.size(), 77u);
    for (std::size_t i = 0; i < 77; ++i) EXPECT_EQ(doubles[i], stored.values()[i]);
  }
}

TEST(CopyElements, StartsAtAnyElementAndTakesAnyNumber) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    RandomValues random(2);
    const StoredTensor stored({40}, random, dtype);
    for (std::size_t first = 0; first < 40; first += 3) {
      for (std::size_t count = 0; first + count <= 40; count += 5) {
        std::vector<float> copied(count + 1, -777.0f);
        copy_elements(stored.view(), first, count, copied.data());
        EXPECT_EQ(copied.back(), -777.0f);
        copied.pop_back();
        EXPECT_TRUE(same_bits(copied, stored.values().subspan(first, count)));
      }
    }
  }
}

TEST(CopyElements, SixteenBitSpecialValuesWidenExactly) {
  const std::vector<std::uint16_t> halves{0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF,
                                          0x7C00, 0xFC00, 0x7E00, 0x3C00};
  const auto f16 = copy_elements<float>(view_of(halves, DType::f16));
  const std::vector<float> expected{-0.0f,    0x1p-24f, -0x3FFp-24f, 0x1p-14f,
                                    65504.0f, INFINITY, -INFINITY};
  EXPECT_TRUE(same_bits({f16.data(), expected.size()}, expected));
  EXPECT_TRUE(std::isnan(f16[7]));
  EXPECT_EQ(f16[8], 1.0f);

  const std::vector<std::uint16_t> brains{0x8000, 0x0001, 0x3F80, 0x7F80, 0xFF80, 0x7FC0};
  const auto bf16 = copy_elements<double>(view_of(brains, DType::bf16));
  EXPECT_TRUE(std::signbit(bf16[0]) && bf16[0] == 0);
  EXPECT_EQ(bf16[1], 0x1p-133);
  EXPECT_EQ(bf16[2], 1.0);
  EXPECT_EQ(bf16[3], INFINITY);
  EXPECT_EQ(bf16[4], -INFINITY);
  EXPECT_TRUE(std::isnan(bf16[5]));
}

TEST(CopyElements, Float64RoundsToNearestFloat) {
  const std::vector<double> doubles{1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-40, 1 + 3 * 0x1p-24, 1e-300,
                                    -1e300};
  const auto floats = copy_elements<float>(view_of(doubles, DType::f64));
  const std::vector<float> expected{1.0f, 1 + 0x1p-23f, 1 + 0x1p-22f, 0.0f, -INFINITY};
  EXPECT_TRUE(same_bits({floats.data(), floats.size()}, expected));
  EXPECT_EQ(copy_elements<double>(view_of(doubles, DType::f64))[1], doubles[1]);
}

TEST(CopyElements, RefusesWholeNumbersByNameAndShape) {
  const std::vector<std::int32_t> ids{1, 2, 3};
  try {
    copy_elements<float>(view_of(ids, DType::i32));
    FAIL() << "expected ShapeError";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("I32 [3]"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace semblance
