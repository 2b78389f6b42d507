#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "../program/json_text.h"
#include "batcher.h"

namespace server {

// What /metrics tells, in Prometheus' text format (version 0.0.4).
class Metrics {
 public:
  void count_request(const std::string& route, int status) {
    const std::lock_guard lock(mutex_);
    ++requests_[{route, status}];
  }

  void count_seconds(const std::string& route, double seconds) {
    const std::lock_guard lock(mutex_);
    Latency& latency = latencies_[route];
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    ++latency.counts[bucket];
    latency.sum += seconds;
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
    for (const auto& [route, latency] : latencies_) {
      const std::string label = "route=\"" + route + '"';
      std::uint64_t total = 0;
      for (std::size_t i = 0; i <= kBounds.size(); ++i) {
        total += latency.counts[i];
        const std::string bound = i == kBounds.size() ? "+Inf" : number(kBounds[i]);
        line("request_seconds_bucket{" + label + ",le=\"" + bound + "\"}", std::to_string(total));
      }
      line("request_seconds_sum{" + label + '}', number(latency.sum));
      line("request_seconds_count{" + label + '}', std::to_string(total));
    }
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
  struct Latency {
    std::array<std::uint64_t, kBounds.size() + 1>
        counts{};  // of seconds up to each bound, and more
    double sum = 0;
  };

  static std::string number(double value) {
    std::string digits;
    program::append_number(digits, value);
    return digits;
  }

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::map<std::string, Latency> latencies_;  // by route
};

}  // namespace server
