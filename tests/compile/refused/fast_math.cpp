// refused: error: .*SEMBLANCE_ALLOW_FAST_MATH
// flags: -ffast-math
#include "semblance/simd/kernels.h"
