#pragma once

#define SEMBLANCE_VERSION_MAJOR 0
#define SEMBLANCE_VERSION_MINOR 1
#define SEMBLANCE_VERSION_PATCH 0

namespace semblance {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace semblance
