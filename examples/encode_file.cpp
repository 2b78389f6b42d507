// Encodes a text file, a sentence a line, and prints what became of each line.

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "semblance/semblance.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL_DIR TEXT_FILE\n", argv[0]);
    return 2;
  }
  try {
    std::ifstream file(argv[2]);
    if (!file) throw semblance::FileError(std::string(argv[2]) + ": cannot open");
    std::vector<std::string> texts;
    for (std::string line; std::getline(file, line);) texts.push_back(line);
    if (file.bad()) throw semblance::FileError(std::string(argv[2]) + ": cannot read");

    const auto encoder = semblance::SentenceEncoder::load(argv[1]);
    const auto vectors = encoder.encode(texts, {.batch_size = 64, .normalize = true});
    for (std::size_t i = 0; i < vectors.num_texts; ++i) {
      std::printf("%zu tokens%s:", vectors.num_tokens[i], vectors.truncated[i] ? ", cut" : "");
      for (std::size_t d = 0; d < 4 && d < vectors.dim; ++d) std::printf(" %.6f", vectors[i][d]);
      std::printf(" ... (%zu values)\n", vectors.dim);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
