#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace semblance {

// Strings with values in a double array (Aoe 1989): one step per byte, each a look at one place.
class TokenTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;

  struct Match {
    std::size_t length = 0;  // bytes; 0 when nothing matches
    std::int32_t value = -1;
  };

  TokenTrie() : TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>>{}) {}
  // Each string once, else std::invalid_argument; values are not negative. The strings are not
  // kept.
  explicit TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> strings) {
    sort(strings);
    build(strings);
  }

  // The node that `text` leads to from `from`, if any string goes on that way or ends there.
  std::optional<Node> walk(Node from, std::string_view text) const noexcept {
    for (const char c : text) {
      const Node next = step(from, c);
      if (next == kNone) return std::nullopt;
      from = next;
    }
    return from;
  }

  // The longest string, of one byte or more, that `text` begins with, counted from node `from`.
  Match longest(Node from, std::string_view text) const noexcept {
    Match match;
    Node last = kNone;
    for (std::size_t i = 0; i < text.size();) {
      from = step(from, text[i]);
      if (from == kNone) break;
      ++i;
      if (ends_string(from)) {
        match.length = i;
        last = from;
      }
    }
    if (last != kNone) match.value = value_at(last);
    return match;
  }

 private:
  static constexpr Node kNone = std::numeric_limits<Node>::max();
  static constexpr std::uint32_t kEnds = std::uint32_t{1} << 31;  // in base: a string ends here
  static constexpr unsigned kNumLabels = 257;  // 0 ends a string, byte + 1 continues it
  static constexpr int kMaxTries = 256;

  // A child with `label` is at base + label; the child 0 holds the value in its base.
  struct Unit {
    std::uint32_t base = 0;
    std::uint32_t parent = kNone;
  };

  Node step(Node node, char c) const noexcept {
    const Node next = (units_[node].base & ~kEnds) + static_cast<unsigned char>(c) + 1;
    return units_[next].parent == node ? next : kNone;
  }
  bool ends_string(Node node) const noexcept { return (units_[node].base & kEnds) != 0; }
  std::int32_t value_at(Node node) const noexcept {
    return static_cast<std::int32_t>(units_[units_[node].base & ~kEnds].base);
  }

  using Strings = std::vector<std::pair<std::string_view, std::int32_t>>;

  // Bytewise. The first eight bytes as one number decide most comparisons without a look at the
  // text, which lies elsewhere.
  static void sort(Strings& strings) {
    struct Keyed {
      std::uint64_t front;
      Strings::value_type string;
    };
    std::vector<Keyed> keyed;
    keyed.reserve(strings.size());
    for (const auto& string : strings) {
      std::uint64_t front = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        const char c = i < string.first.size() ? string.first[i] : '\0';
        front = front << 8 | static_cast<unsigned char>(c);
      }
      keyed.push_back({front, string});
    }
    std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
      return a.front != b.front ? a.front < b.front : a.string < b.string;
    });
    for (std::size_t i = 0; i < keyed.size(); ++i) strings[i] = keyed[i].string;
  }

  void build(const Strings& strings) {
    struct Range {
      std::size_t first;
      std::size_t last;
      std::size_t depth;
      Node node;
    };
    units_.assign(std::size_t{2} * kNumLabels, {});
    units_[kRoot].parent = kRoot;
    std::vector<Range> todo{{0, strings.size(), 0, kRoot}};
    std::vector<Range> children;
    std::vector<unsigned> labels;
    while (!todo.empty()) {
      const Range range = todo.back();
      todo.pop_back();
      children.clear();
      labels.clear();
      for (std::size_t i = range.first; i < range.last; ++i) {
        const std::string_view text = strings[i].first;
        const unsigned label =
            text.size() == range.depth ? 0 : static_cast<unsigned char>(text[range.depth]) + 1U;
        if (labels.empty() || labels.back() != label) {
          labels.push_back(label);
          children.push_back({i, i, range.depth + 1, kNone});
        } else if (label == 0) {
          throw std::invalid_argument('"' + std::string(text) + "\" twice");
        }
        children.back().last = i + 1;
      }
      const std::uint32_t base = place(labels);
      units_[range.node].base = base;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        Range& child = children[i];
        child.node = base + labels[i];
        units_[child.node].parent = range.node;
        if (labels[i] == 0) {
          units_[range.node].base |= kEnds;
          units_[child.node].base = static_cast<std::uint32_t>(strings[child.first].second);
        } else {
          todo.push_back(child);
        }
      }
    }
    units_.shrink_to_fit();
  }

  // A base whose places for all labels are free. Looks at some holes, then goes to the end. The
  // array always reaches kNumLabels beyond a base, so that a step needs no bounds check.
  std::uint32_t place(const std::vector<unsigned>& labels) {
    if (labels.empty()) return 0;
    const auto is_free = [this](std::size_t at) { return units_[at].parent == kNone; };
    while (first_hole_ < units_.size() && !is_free(first_hole_)) ++first_hole_;
    std::size_t base = units_.size();
    int tries = 0;
    for (std::size_t at = first_hole_; at < units_.size() && tries < kMaxTries; ++at) {
      if (!is_free(at)) continue;
      ++tries;
      const std::size_t candidate = at - labels.front();
      if (std::all_of(labels.begin(), labels.end(), [&](unsigned label) {
            return candidate + label >= units_.size() || is_free(candidate + label);
          })) {
        base = candidate;
        break;
      }
    }
    // Holes that many nodes could not use are given up, so that building stays linear.
    if (tries == kMaxTries) first_hole_ += kMaxTries / 8;
    if (base + kNumLabels > units_.size()) units_.resize(base + kNumLabels);
    if (units_.size() >= kEnds) throw std::invalid_argument("TokenTrie: too many strings");
    return static_cast<std::uint32_t>(base);
  }

  std::vector<Unit> units_;
  // Where every label fits: a hole that the first label of a node could not reach would be walked
  // from anew for each.
  std::size_t first_hole_ = kNumLabels;
};

}  // namespace semblance
