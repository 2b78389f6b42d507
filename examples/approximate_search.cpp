// Semantic search over more lines than an exact scan should touch: the vectors go into an HNSW
// graph of hnswlib (Malkov and Yashunin 2018), whose candidates are then scored exactly.

#include <hnswlib/hnswlib.h>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "semblance/search/rescore.h"
#include "semblance/semblance.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL_DIR TEXT_FILE < QUERIES\n", argv[0]);
    return 2;
  }
  try {
    std::ifstream file(argv[2]);
    if (!file) throw semblance::FileError(std::string(argv[2]) + ": cannot open");
    std::vector<std::string> texts;
    for (std::string line; std::getline(file, line);) texts.push_back(line);

    const auto encoder = semblance::SentenceEncoder::load(argv[1]);
    const auto corpus =
        encoder.encode(texts, {.normalize = true, .task = semblance::Task::document});

    // On vectors of length 1 the inner product is the cosine.
    hnswlib::InnerProductSpace space(corpus.dim);
    hnswlib::HierarchicalNSW<float> graph(&space, std::max<std::size_t>(texts.size(), 1));
    for (std::size_t i = 0; i < texts.size(); ++i) graph.addPoint(corpus[i].data(), i);
    graph.setEf(100);  // candidates looked at for a query: more find more and take longer

    for (std::string query; std::getline(std::cin, query);) {
      const auto vector =
          encoder.encode(query, {.normalize = true, .task = semblance::Task::query});
      auto nearest = graph.searchKnn(vector.data(), std::min<std::size_t>(30, texts.size()));
      std::vector<semblance::Hit> found;
      for (; !nearest.empty(); nearest.pop()) found.push_back({.row = nearest.top().second});
      const auto best = semblance::rescore(vector.view(), corpus, {found}, 3);
      for (const auto& hit : best.front()) {
        std::printf("%.4f  %s\n", hit.score, texts[hit.row].c_str());
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
