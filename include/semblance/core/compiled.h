#pragma once

// The library has two forms. Header-only, the default, compiles everything where it is included.
// Where SEMBLANCE_COMPILED is defined, the functions that cost a compiler the most time are only
// declared, and come from one object: the CMake target semblance::compiled, or any one source file
// that includes semblance/compiled.h. Both forms are the same code.
#if defined(SEMBLANCE_COMPILED)
#define SEMBLANCE_FUNCTION
#else
#define SEMBLANCE_FUNCTION inline
#endif
