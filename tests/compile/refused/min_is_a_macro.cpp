// refused: min and max must not be macros
#define min(a, b) ((a) < (b) ? (a) : (b))
#include "semblance/core/error.h"
