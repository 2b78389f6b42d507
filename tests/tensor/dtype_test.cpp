#include "semblance/tensor/dtype.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>

namespace semblance {
namespace {

TEST(DType, NamesAndSizesAreThoseOfSafetensors) {
  struct Row {
    DType dtype;
    std::string_view name;
    std::size_t byte_count;
    bool floating;
  };
  constexpr Row kRows[] = {
      {DType::f64, "F64", 8, true},  {DType::f32, "F32", 4, true},
      {DType::f16, "F16", 2, true},  {DType::bf16, "BF16", 2, true},
      {DType::i64, "I64", 8, false}, {DType::i32, "I32", 4, false},
      {DType::i16, "I16", 2, false}, {DType::i8, "I8", 1, false},
      {DType::u8, "U8", 1, false},   {DType::boolean, "BOOL", 1, false},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(name_of(row.dtype), row.name);
    EXPECT_EQ(byte_size(row.dtype), row.byte_count) << row.name;
    EXPECT_EQ(is_floating_point(row.dtype), row.floating) << row.name;
  }
}

TEST(DType, ValueOutsideTheListHasNoSizeAndNoName) {
  constexpr auto kNone = static_cast<DType>(200);
  EXPECT_EQ(byte_size(kNone), 0u);
  EXPECT_EQ(name_of(kNone), "");
}

}  // namespace
}  // namespace semblance
