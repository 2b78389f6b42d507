#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace semblance {

// How two vectors are scored; a larger score is a better one for every metric, as in
// sentence-transformers' similarity functions.
enum class Metric : std::uint8_t {
  cosine,     // a.b / (|a| |b|), in [-1, 1]; 0 when either vector is zero
  dot,        // a.b
  euclidean,  // -|a - b|
  manhattan,  // -(|a1 - b1| + |a2 - b2| + ...)
};

// As sentence-transformers names them (LoadedModel::similarity_fn_name).
struct MetricName {
  Metric metric;
  std::string_view name;
};
inline constexpr std::array<MetricName, 4> kMetricNames{{
    {Metric::cosine, "cosine"},
    {Metric::dot, "dot"},
    {Metric::euclidean, "euclidean"},
    {Metric::manhattan, "manhattan"},
}};

constexpr std::string_view name_of(Metric metric) noexcept {
  const auto i = static_cast<std::size_t>(metric);
  return i < kMetricNames.size() ? kMetricNames[i].name : std::string_view();
}
constexpr std::optional<Metric> metric_of(std::string_view name) noexcept {
  for (const auto& entry : kMetricNames) {
    if (entry.name == name) return entry.metric;
  }
  return std::nullopt;
}

namespace detail {

inline void require_metric(Metric metric) {
  if (!name_of(metric).empty()) return;
  throw std::invalid_argument(
      "metric: expected cosine, dot, euclidean or manhattan, found number " +
      std::to_string(static_cast<int>(metric)));
}

}  // namespace detail

}  // namespace semblance
