// The cosine of two sentences.

#include <cstdio>
#include <exception>

#include "semblance/semblance.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MODEL_DIR SENTENCE SENTENCE\n", argv[0]);
    return 2;
  }
  try {
    const auto encoder = semblance::SentenceEncoder::load(argv[1]);
    const auto a = encoder.encode(argv[2]);
    const auto b = encoder.encode(argv[3]);
    std::printf("%.6f\n", semblance::similarity(a, b));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
