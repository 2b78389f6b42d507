#include "semblance/core/aligned_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace semblance {
namespace {

template <class T>
bool is_aligned(const AlignedBuffer<T>& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % AlignedBuffer<T>::kAlignment == 0;
}

template <class T>
concept Buffered = requires {
  typename AlignedBuffer<T>;
};
static_assert(Buffered<float> && !Buffered<std::string>);
static_assert(!std::is_copy_constructible_v<AlignedBuffer<float>>);
static_assert(!std::is_copy_assignable_v<AlignedBuffer<float>>);

TEST(AlignedBuffer, StartsOnACacheLineWhateverItsSize) {
  for (std::size_t size = 1; size < 300; ++size) {
    AlignedBuffer<char> buffer(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_TRUE(is_aligned(buffer));
    std::fill(buffer.begin(), buffer.end(), 'x');
    EXPECT_EQ(buffer[size - 1], 'x');
  }
}

TEST(AlignedBuffer, HoldsBlocksOfHugePages) {
  constexpr std::size_t kSize = (std::size_t{2} << 20) / sizeof(float);
  for (const std::size_t size : {kSize - 1, kSize, kSize + 1}) {
    AlignedBuffer<float> buffer(size);
    EXPECT_TRUE(is_aligned(buffer));
    buffer[0] = 1;
    buffer[size - 1] = 2;
    EXPECT_EQ(buffer[0] + buffer[size - 1], 3);
  }
}

TEST(AlignedBuffer, EmptyOwnsNothing) {
  AlignedBuffer<float> none;
  const AlignedBuffer<float> zero(0);
  EXPECT_TRUE(none.empty() && zero.empty());
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(zero.data(), nullptr);
  EXPECT_EQ(zero.begin(), zero.end());
}

TEST(AlignedBuffer, MovesItsMemoryAndLeavesAnEmptyOne) {
  AlignedBuffer<int> from(3);
  std::fill(from.begin(), from.end(), 7);
  const int* data = from.data();
  AlignedBuffer<int> to(std::move(from));
  EXPECT_EQ(to.data(), data);
  EXPECT_EQ(to[2], 7);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): what a move leaves is stated
  AlignedBuffer<int> other(5);
  other = std::move(to);
  EXPECT_EQ(other.data(), data);
  EXPECT_EQ(other.size(), 3u);
}

TEST(AlignedBuffer, ReserveDiscardingOnlyGrows) {
  AlignedBuffer<int> buffer(8);
  buffer[3] = 42;
  const int* data = buffer.data();
  buffer.reserve_discarding(8);
  buffer.reserve_discarding(2);
  EXPECT_EQ(buffer.data(), data);
  EXPECT_EQ(buffer.size(), 8u);
  EXPECT_EQ(buffer[3], 42);
  buffer.reserve_discarding(9);
  EXPECT_EQ(buffer.size(), 9u);
  EXPECT_TRUE(is_aligned(buffer));
}

TEST(AlignedBuffer, SizeThatOverflowsIsRefusedWithoutAllocation) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(AlignedBuffer<double>(kMost / sizeof(double) + 1), std::bad_array_new_length);
  EXPECT_THROW(AlignedBuffer<double>{kMost}, std::bad_array_new_length);
}

}  // namespace
}  // namespace semblance
