// refused: error: .*SEMBLANCE_ALLOW_FAST_MATH
// flags: -funsafe-math-optimizations
#include "semblance/simd/kernels.h"
#if defined(__clang__)
#error "clang does not tell that it got this flag, so SEMBLANCE_ALLOW_FAST_MATH cannot be asked for"
#endif
