#pragma once

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace semblance {

// Sizes of a row-major tensor, outermost first. An empty shape is a scalar.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::size_t> sizes) : sizes_(sizes) {}
  explicit Shape(std::vector<std::size_t> sizes) : sizes_(std::move(sizes)) {}

  std::size_t rank() const noexcept { return sizes_.size(); }
  std::size_t operator[](std::size_t axis) const noexcept { return sizes_[axis]; }
  bool operator==(const Shape&) const = default;

  // Product of the sizes, or nothing when it does not fit std::size_t.
  std::optional<std::size_t> element_count() const noexcept {
    std::size_t count = 1;
    for (const std::size_t size : sizes_) {
      if (size == 0) return 0;
    }
    for (const std::size_t size : sizes_) {
      if (count > std::numeric_limits<std::size_t>::max() / size) return std::nullopt;
      count *= size;
    }
    return count;
  }

  // "[768, 3072]"
  std::string to_string() const {
    std::string text = "[";
    for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
      if (axis != 0) text += ", ";
      text += std::to_string(sizes_[axis]);
    }
    return text + "]";
  }

 private:
  std::vector<std::size_t> sizes_;
};

}  // namespace semblance
