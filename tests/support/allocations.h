#pragma once

#include <cstddef>
#include <new>

#include "support/allocation_counts.h"

// Replaces operator new for the whole program to count its calls on every thread, and to fail on
// demand. Include it in one source file of a test program.

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
[[gnu::noinline]] void operator delete(void* block) noexcept {
  semblance::testing::counted_free(block);
}
[[gnu::noinline]] void operator delete(void* block, const std::nothrow_t&) noexcept {
  semblance::testing::counted_free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  semblance::testing::counted_free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept {
  semblance::testing::counted_free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  semblance::testing::counted_free(block);
}
