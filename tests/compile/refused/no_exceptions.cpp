// refused: error: .*-fno-exceptions takes away
// flags: -fno-exceptions
#include "semblance/semblance.h"
