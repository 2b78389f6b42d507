#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "batcher.h"
#include "metrics.h"
#include "semblance/semblance.h"

// After Eigen, which comes with the above: the system's resolv.h has a macro _res.
#include <httplib.h>

namespace server {

struct ServiceOptions {
  std::string model_name;                       // as requests and answers call it
  std::size_t max_texts = 2048;                 // of a request
  std::size_t max_body = std::size_t{8} << 20;  // bytes of a request
  bool truncate = false;  // cut texts that are too long instead of refusing them
  std::chrono::milliseconds timeout{30'000};
};

// What the routes share.
struct Service {
  const semblance::SentenceEncoder& encoder;
  Batcher& batcher;
  Metrics metrics;
  ServiceOptions options;
};

// OpenAI's POST /v1/embeddings, GET /v1/models and GET /v1/models/NAME; text-embeddings-inference's
// POST /embed, also at /, POST /similarity, GET /info and GET /health; GET /healthz, GET /metrics
// and the page at /.
void add_routes(httplib::Server& http, Service& service);

}  // namespace server
