#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace semblance {

namespace detail {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Large blocks start on a huge page and ask for huge pages: fewer page faults when they are filled,
// fewer TLB misses when they are streamed.
constexpr std::align_val_t alignment_of(std::size_t byte_count) noexcept {
  return std::align_val_t{byte_count >= kHugePage ? kHugePage : 64};
}
inline void* allocate_aligned(std::size_t byte_count) {
  void* block = ::operator new(byte_count, alignment_of(byte_count));
#if defined(__linux__)
  if (byte_count >= kHugePage) ::madvise(block, byte_count, MADV_HUGEPAGE);
#endif
  return block;
}

}  // namespace detail

// Owning, uninitialized array of trivial values on a 64-byte boundary: one cache line, one AVX-512
// register. Moves, never copies by accident.
template <class T>
requires std::is_trivially_copyable_v<T>
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  AlignedBuffer() noexcept = default;
  // Throws std::bad_alloc.
  explicit AlignedBuffer(std::size_t size) : size_(size) {
    if (size > std::numeric_limits<std::size_t>::max() / sizeof(T))
      throw std::bad_array_new_length();
    if (size != 0) {
      data_ = static_cast<T*>(detail::allocate_aligned(size * sizeof(T)));
    }
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { ::operator delete(data_, detail::alignment_of(size_ * sizeof(T))); }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }

  // Grows to at least `size` elements; the contents are lost when it does.
  void reserve_discarding(std::size_t size) {
    if (size > size_) *this = AlignedBuffer(size);
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace semblance
