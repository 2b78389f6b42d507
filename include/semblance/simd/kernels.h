#pragma once

#include "semblance/core/compiled.h"
#include "semblance/simd/isa.h"
#include "semblance/simd/kernel_table.h"

namespace semblance::simd {

// The table of one instruction set. Throws ConfigError when this CPU or this build lacks it.
SEMBLANCE_FUNCTION const Kernels& kernels_for(Isa isa);

// The table chosen once for this process: SEMBLANCE_ISA where it is set, else the widest supported.
// Throws ConfigError when SEMBLANCE_ISA names an unknown set or one that this CPU lacks.
SEMBLANCE_FUNCTION const Kernels& kernels();

}  // namespace semblance::simd

#if !defined(SEMBLANCE_COMPILED)
#include "semblance/simd/kernel_dispatch.h"
#endif
