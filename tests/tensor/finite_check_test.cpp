#include "semblance/tensor/finite_check.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "support/random_values.h"

namespace semblance {
namespace {

using testing::view_of;

// Puts each value at every place of tensors of many sizes.
template <class T>
void expect_found(DType dtype, T fine, const std::vector<T>& finite, const std::vector<T>& bad) {
  for (const std::size_t size : {1u, 2u, 31u, 32u, 33u, 64u, 100u, 257u, 600u}) {
    std::vector<T> values(size, fine);
    const TensorView tensor = view_of(values, dtype);
    EXPECT_TRUE(all_finite(tensor, 0, size));
    for (std::size_t i = 0; i < size; ++i) {
      for (const T value : finite) {
        values[i] = value;
        EXPECT_TRUE(all_finite(tensor, 0, size)) << name_of(dtype) << " " << value;
      }
      for (const T value : bad) {
        values[i] = value;
        EXPECT_FALSE(all_finite(tensor, 0, size)) << name_of(dtype) << " " << value << " at " << i;
        EXPECT_FALSE(all_finite(tensor, i, 1));
        EXPECT_TRUE(all_finite(tensor, 0, i)) << "before it";
        EXPECT_TRUE(all_finite(tensor, i + 1, size - i - 1)) << "after it";
      }
      values[i] = fine;
    }
  }
}

TEST(FiniteCheck, FindsNanAndInfinityAtEveryPlaceOfEveryDtype) {
  using F32 = std::numeric_limits<float>;
  using F64 = std::numeric_limits<double>;
  expect_found<float>(DType::f32, -1.5f,
                      {0.0f, -0.0f, F32::max(), F32::lowest(), F32::denorm_min()},
                      {F32::quiet_NaN(), -F32::quiet_NaN(), F32::infinity(), -F32::infinity()});
  expect_found<double>(DType::f64, -1.5, {0.0, -0.0, F32::max(), F64::denorm_min()},
                       {F64::quiet_NaN(), F64::infinity(), -F64::infinity(), 1e39, F64::lowest()});
  expect_found<std::uint16_t>(DType::f16, 0xBC00, {0, 0x8000, 0x7BFF, 0xFBFF, 1},
                              {0x7C00, 0xFC00, 0x7C01, 0xFFFF, 0x7E00});
  expect_found<std::uint16_t>(DType::bf16, 0xBF80, {0, 0x8000, 0x7F7F, 0xFF7F, 1},
                              {0x7F80, 0xFF80, 0x7F81, 0xFFFF, 0x7FC0});
}

TEST(FiniteCheck, IntegersAreFinite) {
  const std::vector<std::int64_t> values(50, -1);
  EXPECT_TRUE(all_finite(view_of(values, DType::i64), 0, values.size()));
}

}  // namespace
}  // namespace semblance
