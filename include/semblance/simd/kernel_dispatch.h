#pragma once

#include "semblance/core/compiled.h"
#include "semblance/simd/isa.h"
#include "semblance/simd/kernel_table.h"
#include "semblance/simd/targets/scalar.h"
#if defined(__x86_64__)
#include "semblance/simd/targets/avx2.h"
#include "semblance/simd/targets/avx512.h"
#include "semblance/simd/targets/avx512_amx.h"
#elif defined(__aarch64__)
#include "semblance/simd/targets/neon.h"
#endif

namespace semblance::simd {

SEMBLANCE_FUNCTION const Kernels& kernels_for(Isa isa) {
  choose_isa(name_of(isa));
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx2:
    case Isa::avx_vnni: {
      static const Kernels avx2_kernels = avx2::make_kernels<avx2::PairDot>(Isa::avx2);
      static const Kernels avx_vnni_kernels =
          detail::cpu_features().avx_vnni ? avx2::make_kernels<avx2::QuadDot<true>>(Isa::avx_vnni)
                                          : avx2::make_kernels<avx2::QuadDot<false>>(Isa::avx_vnni);
      return isa == Isa::avx2 ? avx2_kernels : avx_vnni_kernels;
    }
    case Isa::avx512:
    case Isa::avx512_vnni:
    case Isa::avx512_amx: {
      static const Kernels avx512_kernels = avx512::make_kernels<avx512::PairDot>(Isa::avx512);
      static const Kernels avx512_vnni_kernels =
          avx512::make_kernels<avx512::QuadDot>(Isa::avx512_vnni);
      static const Kernels avx512_amx_kernels = avx512::make_amx_kernels();
      if (isa == Isa::avx512_amx) return avx512_amx_kernels;
      return isa == Isa::avx512 ? avx512_kernels : avx512_vnni_kernels;
    }
#elif defined(__aarch64__)
    case Isa::neon: {
      static const Kernels neon_kernels = detail::cpu_features().dot_product
                                              ? neon::make_kernels<neon::QuadDot>(Isa::neon)
                                              : neon::make_kernels<neon::PairDot>(Isa::neon);
      return neon_kernels;
    }
#endif
    default: break;
  }
  static const Kernels scalar_kernels = scalar::make_kernels<scalar::QuadDot>(Isa::scalar);
  return scalar_kernels;
}

SEMBLANCE_FUNCTION const Kernels& kernels() {
  static const Kernels& chosen = kernels_for(isa_from_environment());
  return chosen;
}

}  // namespace semblance::simd
