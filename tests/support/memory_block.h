#pragma once

#include <malloc.h>
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

// Aligned memory that tells its size, for tests that replace operator new.

namespace semblance::testing {

#if defined(_WIN32)

// In front of each block: where it was allocated, and its size.
struct BlockHeader {
  void* allocated;
  std::size_t size;
};

// nullptr where there is no memory.
inline void* allocate_block(std::size_t byte_count, std::size_t alignment) {
  alignment = std::max(alignment, alignof(std::max_align_t));
  const std::size_t room = sizeof(BlockHeader) + alignment;
  void* const allocated = byte_count > SIZE_MAX - room ? nullptr : ::malloc(byte_count + room);
  if (allocated == nullptr) return nullptr;
  const auto first = reinterpret_cast<std::uintptr_t>(allocated) + sizeof(BlockHeader);
  auto* const block = reinterpret_cast<BlockHeader*>((first + alignment - 1) & ~(alignment - 1));
  block[-1] = {allocated, byte_count};
  return block;
}
inline std::size_t block_size(void* block) { return static_cast<BlockHeader*>(block)[-1].size; }
inline void free_block(void* block) {
  if (block != nullptr) ::free(static_cast<BlockHeader*>(block)[-1].allocated);
}

#else

inline void* allocate_block(std::size_t byte_count, std::size_t alignment) {
  void* block = nullptr;
  const auto size = std::max<std::size_t>(byte_count, 1);
  return ::posix_memalign(&block, alignment, size) == 0 ? block : nullptr;
}
inline std::size_t block_size(void* block) { return ::malloc_usable_size(block); }
inline void free_block(void* block) { ::free(block); }

#endif

}  // namespace semblance::testing
