#pragma once

#include <concepts>

namespace semblance {

// What a layer computes in: float by the kernel table, double by Eigen as the readable reference.
template <class T>
concept LayerScalar = std::same_as<T, float> || std::same_as<T, double>;

}  // namespace semblance
