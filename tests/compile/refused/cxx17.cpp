// refused: error: .*Semblance needs C..20
// flags: -std=c++17
#include "semblance/semblance.h"
