#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "support/memory_block.h"

// Replaces operator new for the whole program to know how many bytes are held, and were at most.
// Include it in one source file of a test program.

namespace semblance::testing {

inline std::atomic<std::size_t> allocated_bytes{0};
inline std::atomic<std::size_t> peak_bytes{0};

inline void* metered_allocate(std::size_t byte_count, std::size_t alignment) {
  void* const block = allocate_block(byte_count, alignment);
  if (block == nullptr) throw std::bad_alloc();
  const std::size_t now = allocated_bytes += block_size(block);
  std::size_t peak = peak_bytes;
  while (peak < now && !peak_bytes.compare_exchange_weak(peak, now)) {
  }
  return block;
}

inline void metered_free(void* block) noexcept {
  if (block != nullptr) allocated_bytes -= block_size(block);
  free_block(block);
}

}  // namespace semblance::testing

[[gnu::noinline]] void* operator new(std::size_t byte_count) {
  return semblance::testing::metered_allocate(byte_count, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
[[gnu::noinline]] void* operator new(std::size_t byte_count, std::align_val_t alignment) {
  return semblance::testing::metered_allocate(byte_count, static_cast<std::size_t>(alignment));
}
// std::stable_sort asks this one for its buffer.
[[gnu::noinline]] void* operator new(std::size_t byte_count, const std::nothrow_t&) noexcept {
  try {
    return semblance::testing::metered_allocate(byte_count, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* block, const std::nothrow_t&) noexcept {
  semblance::testing::metered_free(block);
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  semblance::testing::metered_free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  semblance::testing::metered_free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept {
  semblance::testing::metered_free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  semblance::testing::metered_free(block);
}
