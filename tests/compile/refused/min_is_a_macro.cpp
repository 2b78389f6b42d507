// refused: min and max must not be macros
#include <algorithm>  // libstdc++'s own headers undefine both when the first of them comes
#define min(a, b) ((a) < (b) ? (a) : (b))
#include "semblance/semblance.h"
