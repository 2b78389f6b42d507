#include <cstdio>

#include "semblance/core/version.h"
#include "semblance/search/similarity.h"

int main() {
  const float a[] = {1, 0};
  const float b[] = {1, 1};
  std::printf("semblance %s: %.4f\n", semblance::kVersion, semblance::similarity(a, b));
}
