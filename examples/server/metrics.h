#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "batcher.h"

namespace server {

// What /metrics tells, in Prometheus' text format (version 0.0.4).
class Metrics {
 public:
  void count_request(const std::string& route, int status, double seconds) {
    const std::lock_guard lock(mutex_);
    ++requests_[{route, status}];
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    ++latency_[bucket];
    latency_sum_ += seconds;
  }

  std::string text(const Batcher::Counts& counts) const {
    std::string out;
    const auto head = [&](const std::string& name, const char* type, const char* help) {
      out += "# HELP semblance_" + name + ' ' + help + "\n# TYPE semblance_" + name + ' ' + type +
             '\n';
    };
    const auto line = [&](const std::string& name, const std::string& value) {
      out += "semblance_" + name + ' ' + value + '\n';
    };
    const std::lock_guard lock(mutex_);
    head("requests_total", "counter", "Requests answered.");
    for (const auto& [key, count] : requests_) {
      line("requests_total{route=\"" + key.first + "\",status=\"" + std::to_string(key.second) +
               "\"}",
           std::to_string(count));
    }
    head("request_seconds", "histogram", "Time from a request's last byte to its answer.");
    std::uint64_t total = 0;
    for (std::size_t i = 0; i <= kBounds.size(); ++i) {
      total += latency_[i];
      const std::string bound = i == kBounds.size() ? "+Inf" : number(kBounds[i]);
      line("request_seconds_bucket{le=\"" + bound + "\"}", std::to_string(total));
    }
    line("request_seconds_sum", number(latency_sum_));
    line("request_seconds_count", std::to_string(total));
    head("batches_total", "counter", "Calls of the encoder.");
    line("batches_total", std::to_string(counts.batches));
    head("texts_total", "counter", "Texts encoded.");
    line("texts_total", std::to_string(counts.texts));
    head("tokens_total", "counter", "Tokens encoded.");
    line("tokens_total", std::to_string(counts.tokens));
    head("waiting_texts", "gauge", "Texts that wait for the encoder.");
    line("waiting_texts", std::to_string(counts.waiting_texts));
    head("waiting_tokens", "gauge", "Tokens of the texts that wait.");
    line("waiting_tokens", std::to_string(counts.waiting_tokens));
    return out;
  }

 private:
  static constexpr std::array<double, 11> kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,   0.25,   0.5,   1.0,  2.5};
  static std::string number(double value) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%g", value);
    return digits;
  }

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::array<std::uint64_t, kBounds.size() + 1> latency_{};
  double latency_sum_ = 0;
};

}  // namespace server
