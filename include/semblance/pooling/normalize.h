#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "semblance/simd/kernels.h"

namespace semblance {

// Divides by the Euclidean length, which is taken as at least 1e-12, as torch's normalize does: a
// zero vector stays zero. The length is the square root of simd::Kernels::dot of the vector with
// itself.
inline void normalize(std::span<float> vector) {
  const float squares = simd::kernels().dot(vector.data(), vector.data(), vector.size());
  const float length = std::max(std::sqrt(squares), 1e-12f);
  for (float& value : vector) value /= length;
}

}  // namespace semblance
