#include "semblance/core/block_arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace semblance {
namespace {

TEST(BlockArena, BlocksAreApartAndStartOnCacheLines) {
  BlockArena arena;
  std::vector<ArenaBlock> blocks;
  for (std::size_t i = 0; i < 300; ++i) {
    blocks.push_back(arena.allocate(i * 37 % 500));
    const ArenaBlock& block = blocks.back();
    ASSERT_EQ(block.bytes.size(), i * 37 % 500);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.bytes.data()) % 64, 0u);
    std::fill(block.bytes.begin(), block.bytes.end(), static_cast<std::byte>(i));
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_TRUE(std::all_of(blocks[i].bytes.begin(), blocks[i].bytes.end(), [i](std::byte b) {
      return b == static_cast<std::byte>(i);
    })) << i;
  }
}

TEST(BlockArena, BlocksLieOneAfterAnother) {
  BlockArena arena;
  const ArenaBlock first = arena.allocate(100);
  const ArenaBlock second = arena.allocate(10);
  EXPECT_EQ(second.bytes.data(), first.bytes.data() + 128);
  EXPECT_EQ(second.memory, first.memory);
}

TEST(BlockArena, ABlockLargerThanWhatIsLeftHasNewMemory) {
  BlockArena arena;
  const ArenaBlock small = arena.allocate(1);
  const ArenaBlock large = arena.allocate(1 << 20);
  EXPECT_NE(large.memory, small.memory);
  large.bytes.front() = large.bytes.back() = std::byte{1};
}

// Addresses are what a process may have a limit of.
TEST(BlockArena, TakesFewAddressesBeforehand) {
  BlockArena arena;
  const std::size_t size = std::size_t{40} << 20;
  const ArenaBlock first = arena.allocate(size);
  const ArenaBlock second = arena.allocate(size);
  EXPECT_NE(second.memory, first.memory);
  EXPECT_EQ(arena.allocate(std::size_t{200} << 20).bytes.size(), std::size_t{200} << 20);
}

TEST(BlockArena, BlocksOutliveIt) {
  ArenaBlock block;
  {
    BlockArena arena;
    block = arena.allocate(64);
    arena.allocate(1 << 16);
  }
  std::fill(block.bytes.begin(), block.bytes.end(), std::byte{7});
  EXPECT_EQ(block.bytes[63], std::byte{7});
}

}  // namespace
}  // namespace semblance
