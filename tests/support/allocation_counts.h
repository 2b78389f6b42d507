#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "support/memory_block.h"

// What the operator new of allocations.h counts and obeys, for any source file of its program.

namespace semblance::testing {

inline std::atomic<std::size_t> num_allocations{0};
inline std::atomic<std::size_t> num_live_allocations{0};
// This many further allocations of the thread succeed, then all fail; negative: none fails.
inline thread_local long allocations_before_failure = -1;

inline void* counted_allocate(std::size_t byte_count, std::size_t alignment) {
  num_allocations.fetch_add(1, std::memory_order_relaxed);
  if (allocations_before_failure == 0) throw std::bad_alloc();
  if (allocations_before_failure > 0) --allocations_before_failure;
  void* const block = allocate_block(byte_count, alignment);
  if (block == nullptr) throw std::bad_alloc();
  num_live_allocations.fetch_add(1, std::memory_order_relaxed);
  return block;
}

inline void counted_free(void* block) noexcept {
  if (block != nullptr) num_live_allocations.fetch_sub(1, std::memory_order_relaxed);
  free_block(block);
}

}  // namespace semblance::testing
