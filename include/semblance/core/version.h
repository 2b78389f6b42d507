#pragma once

#include <cstddef>

#define SEMBLANCE_VERSION_MAJOR 0
#define SEMBLANCE_VERSION_MINOR 1
#define SEMBLANCE_VERSION_PATCH 0

namespace semblance {

static_assert(sizeof(std::size_t) == 8, "Semblance is for 64-bit hosts");

inline constexpr const char* kVersion = "0.1.0";

}  // namespace semblance
