#include "semblance/core/moved_count.h"

#include <gtest/gtest.h>

#include <utility>

namespace semblance {
namespace {

TEST(MovedCount, GoesWithAMoveAndStaysWithACopy) {
  MovedCount count = 3;
  count += 4;
  const MovedCount copy = count;
  EXPECT_EQ(count, 7u);
  MovedCount moved = std::move(count);
  EXPECT_EQ(count, 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(moved, 7u);
  count = std::move(moved);
  EXPECT_EQ(moved, 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(count, 7u);
  EXPECT_EQ(copy, 7u);
  MovedCount& same = count;
  count = std::move(same);
  EXPECT_EQ(count, 0u);
}

}  // namespace
}  // namespace semblance
