#include <iostream>
#include <string>

#include "semblance/core/thread_pool.h"
#include "semblance/loaded_model.h"
#include "semblance/semblance.h"

const void* pool_of_other_file();
float similarity_in_other_file(const semblance::SentenceEncoder& encoder, const std::string& text);

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto encoder = semblance::SentenceEncoder::load(argv[1]);
    const bool one_pool = pool_of_other_file() == &semblance::ThreadPool::shared();
    std::cout << "one pool: " << one_pool
              << ", similarity: " << similarity_in_other_file(encoder, "hello") << '\n';
    const auto small = semblance::SentenceEncoder::load_default();
    std::cout << "default model: "
              << (semblance::embedded_default_model().empty() ? small.model().folder : "inside")
              << ", " << small.output_dim() << '\n';
    return 0;
  } catch (const semblance::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
