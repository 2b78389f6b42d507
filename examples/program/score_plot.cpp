#include "score_plot.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "semblance/core/utf8.h"

namespace program {

namespace {

constexpr double kSide = 320;   // of a panel
constexpr double kMargin = 60;  // left of and below it
constexpr double kTop = 50;
constexpr std::size_t kFewScores = 12;

std::string decimals(double value, int places) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", places, value);
  return text;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

// UTF-8 as XML has it, which knows no control characters and no U+FFFE and U+FFFF.
std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto c = semblance::decode_utf8(text);
    text.remove_prefix(c.length);
    switch (c.value) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case 0xFFFE:
      case 0xFFFF: semblance::append_utf8(semblance::kReplacementCharacter, out); break;
      default: semblance::append_utf8(c.value < 0x20 ? U' ' : c.value, out);
    }
  }
  return out;
}

void append_text(std::string& svg, double x, double y, const char* anchor,
                 const std::string& text) {
  svg += "<text x=\"" + decimals(x, 1) + "\" y=\"" + decimals(y, 1) + "\" text-anchor=\"" + anchor +
         "\">" + escaped(text) + "</text>\n";
}

void append_panel(std::string& svg, const ScoredSet& set, double left, double low, double high) {
  const std::set<double> distinct(set.scores.begin(), set.scores.end());
  const double first = *distinct.begin();
  const double last = *distinct.rbegin();
  // Of the halves, as the range of two large numbers may be none.
  const double half_range = std::max(last / 2 - first / 2, 1e-9);
  // Few scores: a band each, in their order.
  const bool few = distinct.size() <= kFewScores;
  const double band = few ? kSide / static_cast<double>(distinct.size()) : 0.0;
  const auto across = [&](double score) {
    if (!few) return left + (score / 2 - first / 2) / half_range * kSide;
    const auto place = std::distance(distinct.begin(), distinct.find(score));
    return left + band * (static_cast<double>(place) + 0.5);
  };
  const auto upwards = [&](double cosine) {
    return kTop + kSide - (cosine - low) / (high - low) * kSide;
  };
  append_text(svg, left + kSide / 2, 20, "middle", set.name);
  append_text(svg, left + kSide / 2, 38, "middle", set.note);
  svg += "<rect x=\"" + decimals(left, 1) + "\" y=\"" + decimals(kTop, 1) + "\" width=\"" +
         decimals(kSide, 1) + "\" height=\"" + decimals(kSide, 1) +
         "\" fill=\"none\" stroke=\"#999\"/>\n";
  for (int tick = 0; tick <= 4; ++tick) {
    const double cosine = low + (high - low) * tick / 4;
    const double written = std::round(cosine * 1000) / 1000 + 0.0;  // no -0
    append_text(svg, left - 6, upwards(cosine) + 4, "end", short_number(written));
  }
  if (few) {
    for (const double score : distinct) {
      append_text(svg, across(score), kTop + kSide + 16, "middle", short_number(score));
    }
  } else {
    append_text(svg, across(first), kTop + kSide + 16, "middle", short_number(first));
    append_text(svg, across(last), kTop + kSide + 16, "middle", short_number(last));
  }
  append_text(svg, left + kSide / 2, kTop + kSide + 36, "middle", "score");
  svg += "<g fill=\"#225ea8\" fill-opacity=\"0.3\">\n";
  for (std::size_t i = 0; i < set.scores.size(); ++i) {
    // Multiples of the golden ratio fill the band evenly (Weyl's sequence).
    const double golden = static_cast<double>(i) * 0.6180339887498949;
    const double aside = few ? (golden - std::floor(golden) - 0.5) * band * 0.8 : 0.0;
    svg += "<circle cx=\"" + decimals(across(set.scores[i]) + aside, 1) + "\" cy=\"" +
           decimals(upwards(set.cosines[i]), 1) + "\" r=\"2\"/>\n";
  }
  svg += "</g>\n";
}

}  // namespace

std::string score_plot(std::span<const ScoredSet> sets) {
  double low = 1.0;
  double high = -1.0;
  for (const ScoredSet& set : sets) {
    for (const double cosine : set.cosines) {
      low = std::min(low, cosine);
      high = std::max(high, cosine);
    }
  }
  low = std::floor(low * 10) / 10;
  high = std::max(std::ceil(high * 10) / 10, low + 0.1);
  const double width = static_cast<double>(sets.size()) * (kSide + kMargin) + 20;
  const double height = kTop + kSide + 50;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + decimals(width, 0) +
                    "\" height=\"" + decimals(height, 0) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  for (std::size_t i = 0; i < sets.size(); ++i) {
    append_panel(svg, sets[i], kMargin + static_cast<double>(i) * (kSide + kMargin), low, high);
  }
  svg += "<text transform=\"translate(16," + decimals(kTop + kSide / 2, 1) +
         ") rotate(-90)\" text-anchor=\"middle\">cosine</text>\n";
  return svg + "</svg>\n";
}

}  // namespace program
