#pragma once

#include <stdlib.h>

#include <atomic>
#include <cstddef>
#include <new>

// Replaces operator new for the whole program to count its calls on every thread, and to fail on
// demand. Include it in one source file of a test program.

namespace semblance::testing {

inline std::atomic<std::size_t> num_allocations{0};
// This many further allocations of the thread succeed, then all fail; negative: none fails.
inline thread_local long allocations_before_failure = -1;

inline void* counted_allocate(std::size_t byte_count, std::size_t alignment) {
  num_allocations.fetch_add(1, std::memory_order_relaxed);
  if (allocations_before_failure == 0) throw std::bad_alloc();
  if (allocations_before_failure > 0) --allocations_before_failure;
  void* block = nullptr;
  if (::posix_memalign(&block, alignment, byte_count == 0 ? 1 : byte_count) != 0) {
    throw std::bad_alloc();
  }
  return block;
}

}  // namespace semblance::testing

// Not inlined: g++ 12 would see free() beside a new-expression and warn.
[[gnu::noinline]] void* operator new(std::size_t byte_count) {
  return semblance::testing::counted_allocate(byte_count, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
[[gnu::noinline]] void* operator new(std::size_t byte_count, std::align_val_t alignment) {
  return semblance::testing::counted_allocate(byte_count, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new(std::size_t byte_count, const std::nothrow_t&) noexcept {
  try {
    return semblance::testing::counted_allocate(byte_count, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* block) noexcept { ::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { ::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { ::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept { ::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  ::free(block);
}
