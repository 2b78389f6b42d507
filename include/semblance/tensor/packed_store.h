#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace semblance {

// Where matrices that a layer has packed for its kernels outlive the process that packed them.
class PackedStore {
 public:
  virtual ~PackedStore() = default;

  // What was kept under that name: exactly `byte_count` bytes on a 64-byte boundary, valid as long
  // as the store, or nothing.
  virtual std::span<const std::byte> find(std::string_view name,
                                          std::size_t byte_count) const noexcept = 0;
  // Keeps a block that find() does not have. The bytes stay the caller's and must not change while
  // the store lives.
  virtual void add(const std::string& name, std::span<const std::byte> block) = 0;
};

// The place of one matrix in a store, or in none.
struct PackedPlace {
  PackedStore* store = nullptr;
  std::string name = {};
};

}  // namespace semblance
