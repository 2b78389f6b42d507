// Reads a text file, a sentence a line, then answers queries from standard input with the nearest
// lines.

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "semblance/search/top_k.h"
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
    const auto corpus = encoder.encode(texts, {.task = semblance::Task::document});
    for (std::string query; std::getline(std::cin, query);) {
      const auto vector = encoder.encode(query, {.task = semblance::Task::query});
      for (const auto& hit : semblance::top_k(vector, corpus, 3)) {
        std::printf("%.4f  %s\n", hit.score, texts[hit.row].c_str());
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
