#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/safetensors.h"
#include "semblance/io/safetensors_writer.h"
#include "semblance/pooling/whitening_transform.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// A whitening as a safetensors file: "mean" F64 [input_size] and "kernel" F64 [input_size,
// dimensions]. F32 is read as well.

// Throws FileError.
void save_whitening(const Whitening& whitening, const std::string& path);

// Throws FileError; FormatError for what is not safetensors or holds a value not finite as float32;
// ShapeError for a missing tensor, another dtype or rank, sizes that do not fit each other, and,
// where input_size is given (the vectors to be whitened), a whitening for another width.
Whitening load_whitening(const std::string& path, std::optional<std::size_t> input_size = {});

namespace detail {

inline std::vector<double> widened(const TensorView& view) {
  std::vector<double> values;
  if (view.dtype == DType::f64) {
    const auto elements = view.as<double>();
    values.assign(elements.begin(), elements.end());
  } else {
    const auto elements = view.as<float>();
    values.assign(elements.begin(), elements.end());
  }
  return values;
}

// A tensor F64 or F32 of `shape`, of which sizes left open (0) may be anything but 0.
inline std::vector<double> whitening_tensor(const WeightFile& file, const std::string& name,
                                            const Shape& shape) {
  const auto expected = [&] {
    std::string text = "F64 or F32 [";
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (axis != 0) text += ", ";
      text += shape[axis] != 0 ? std::to_string(shape[axis]) : axis == 0 ? "size" : "dimensions";
    }
    return text + "]";
  };
  const StoredTensor* stored = file.find(name);
  if (stored == nullptr) throw ShapeError(file.path(), name, expected(), "no such tensor");
  bool fits = (stored->dtype == DType::f64 || stored->dtype == DType::f32) &&
              stored->shape.rank() == shape.rank();
  for (std::size_t axis = 0; fits && axis < shape.rank(); ++axis) {
    fits = stored->shape[axis] != 0 && (shape[axis] == 0 || stored->shape[axis] == shape[axis]);
  }
  if (!fits) {
    throw ShapeError(file.path(), name, expected(),
                     std::string(name_of(stored->dtype)) + " " + stored->shape.to_string());
  }
  std::vector<double> values = widened(file.view(*stored));
  for (const double value : values) {
    if (!std::isfinite(static_cast<float>(value))) {
      throw FormatError(file.path(), name, "finite float32 values", std::to_string(value));
    }
  }
  return values;
}

}  // namespace detail

inline void save_whitening(const Whitening& whitening, const std::string& path) {
  const auto tensor = [](std::span<const double> values, Shape shape) {
    return TensorView{std::as_bytes(values).data(), DType::f64, std::move(shape)};
  };
  const std::size_t size = whitening.input_size();
  write_safetensors(path, {{"mean", tensor(whitening.mean(), {size})},
                           {"kernel", tensor(whitening.kernel(), {size, whitening.dimensions()})}});
}

inline Whitening load_whitening(const std::string& path, std::optional<std::size_t> input_size) {
  const WeightFile file = open_safetensors(path);
  std::vector<double> mean = detail::whitening_tensor(file, "mean", Shape{input_size.value_or(0)});
  std::vector<double> kernel = detail::whitening_tensor(file, "kernel", Shape{mean.size(), 0});
  return Whitening(std::move(mean), std::move(kernel));
}

}  // namespace semblance
