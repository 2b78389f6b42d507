#pragma once

// Everything that SEMBLANCE_COMPILED leaves out of the other headers; for one source file of a
// program. See core/compiled.h.

#if !defined(SEMBLANCE_COMPILED)
#error "semblance/compiled.h is for builds with SEMBLANCE_COMPILED"
#endif

#include "semblance/encode_sentences.h"
#include "semblance/load_model_folder.h"
#include "semblance/simd/kernel_dispatch.h"
