#pragma once

// Regions of code compiled for a wider instruction set than the rest of the program, and the small
// compiler words that kernels need. A region holds no standard or third-party include: their inline
// functions would be compiled for that target and shared with the whole program.

// The bits of every result depend on IEEE arithmetic in the order it is written. g++ also tells of
// the parts of -ffast-math one by one, clang does not.
#if (defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
     defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||                     \
     defined(__NO_SIGNED_ZEROS__)) &&                                                     \
    !defined(SEMBLANCE_ALLOW_FAST_MATH)
#error "-ffast-math changes results; define SEMBLANCE_ALLOW_FAST_MATH to give up equal bits"
#endif

#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ > 0 && __FLT_EVAL_METHOD__ != 16
#error "float arithmetic with more bits than float has, as of the x87, changes results"
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#error "the kernels are written for g++ and clang++; on Windows, use clang-cl or MinGW"
#endif

#if defined(_WIN32) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(SEMBLANCE_UNALIGNED_VECTOR_MOVES)
#error \
    "g++ misaligns AVX registers on the stack of Windows (GCC bug 54412): compile with \
-Wa,-muse-unaligned-vector-move and define SEMBLANCE_UNALIGNED_VECTOR_MOVES to say so; the target \
semblance::semblance of CMake does. clang++ needs neither"
#endif

#define SEMBLANCE_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define SEMBLANCE_TARGET_BEGIN(features) \
  SEMBLANCE_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SEMBLANCE_TARGET_END() SEMBLANCE_PRAGMA(clang attribute pop)
#define SEMBLANCE_UNROLL SEMBLANCE_PRAGMA(clang loop unroll(full))
#else
// g++ 12 warns about the deliberately undefined registers inside its own intrinsics (PR 105593).
#define SEMBLANCE_TARGET_BEGIN(features)                           \
  SEMBLANCE_PRAGMA(GCC diagnostic push)                            \
  SEMBLANCE_PRAGMA(GCC diagnostic ignored "-Wuninitialized")       \
  SEMBLANCE_PRAGMA(GCC diagnostic ignored "-Wmaybe-uninitialized") \
  SEMBLANCE_PRAGMA(GCC push_options)                               \
  SEMBLANCE_PRAGMA(GCC target(features))
#define SEMBLANCE_TARGET_END() \
  SEMBLANCE_PRAGMA(GCC pop_options) SEMBLANCE_PRAGMA(GCC diagnostic pop)
#define SEMBLANCE_UNROLL SEMBLANCE_PRAGMA(GCC unroll 32)
#endif

#define SEMBLANCE_INLINE inline __attribute__((always_inline))
