#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

#include "semblance/core/aligned_buffer.h"

namespace semblance {

// Bytes of a BlockArena, uninitialized at first. They stay as long as `memory` does.
struct ArenaBlock {
  std::span<std::byte> bytes;
  std::shared_ptr<const void> memory;
};

// Memory for blocks that are filled once and then read together, such as the packed weights of a
// model. They lie one after another, so that huge pages hold them even where each is smaller than
// one: fewer page faults when they are filled, fewer TLB misses at each reading.
class BlockArena {
 public:
  // A block on a 64-byte boundary, which the arena need not outlive. Throws std::bad_alloc.
  ArenaBlock allocate(std::size_t byte_count) {
    constexpr std::size_t kAlignment = AlignedBuffer<std::byte>::kAlignment;
    if (memory_ == nullptr || memory_->size() - used_ < byte_count) {
      const std::size_t room = std::min(kBlocks * byte_count, kMostRoom);
      memory_ = std::make_shared<AlignedBuffer<std::byte>>(std::max(room, byte_count));
      used_ = 0;
    }
    const std::size_t begin = used_;
    const std::size_t padded = (byte_count + kAlignment - 1) / kAlignment * kAlignment;
    used_ = std::min(begin + padded, memory_->size());
    return {std::span(memory_->data() + begin, byte_count), memory_};
  }

 private:
  // How many blocks like the one that is asked for new memory has room for. What is not touched of
  // it costs addresses alone, of which a process may have a limit.
  static constexpr std::size_t kBlocks = 16;
  static constexpr std::size_t kMostRoom = std::size_t{64} << 20;

  std::shared_ptr<AlignedBuffer<std::byte>> memory_;
  std::size_t used_ = 0;
};

}  // namespace semblance
