#include <string>

#include "semblance/core/thread_pool.h"
#include "semblance/semblance.h"

const void* pool_of_other_file() { return &semblance::ThreadPool::shared(); }

float similarity_in_other_file(const semblance::SentenceEncoder& encoder, const std::string& text) {
  return semblance::similarity(encoder.encode(text), encoder.encode(text));
}
