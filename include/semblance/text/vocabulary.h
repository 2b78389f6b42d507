#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace semblance {

namespace detail {

// A hash with a key of its own, so that nobody can make up tokens that fall into one slot and
// take quadratic time: 8 bytes at a time, folded by a product of 128 bits with secret factors.
class KeyedHash {
 public:
  KeyedHash() {
    std::random_device source;
    for (std::uint64_t& word : key_) word = (std::uint64_t{source()} << 32 | source()) | 1;
  }

  std::size_t operator()(std::string_view text) const noexcept {
    std::uint64_t state = key_[0] ^ text.size();
    while (text.size() > 8) {
      state = fold(state ^ word(text.substr(0, 8)), key_[1]);
      text.remove_prefix(8);
    }
    state = fold(state ^ word(text), key_[1]);
    return static_cast<std::size_t>(fold(state ^ key_[3], key_[2]));
  }

 private:
  static std::uint64_t word(std::string_view bytes) noexcept {
    std::uint64_t value = 0;
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Product = unsigned __int128;
    const Product product = static_cast<Product>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::array<std::uint64_t, 4> key_;
};

}  // namespace detail

// Tokens and their ids. Tokens are any bytes, the empty token included; ids need not be dense.
class Vocabulary {
 public:
  Vocabulary() { rebuild_index(64); }

  // A token given again takes the new id, as when the reference reads vocab.txt into a map: the
  // last line counts, and the id of the earlier line names nothing.
  // Throws std::invalid_argument for a negative id, std::length_error for too many tokens.
  void add(std::string_view token, std::int32_t id) {
    if (id < 0) throw std::invalid_argument("Vocabulary: an id is never negative");
    const std::size_t slot = find_slot(token);
    if (index_[slot] != kEmpty) {
      entries_[index_[slot]].id = id;
      return;
    }
    if (entries_.size() >= kEmpty - 1) throw std::length_error("Vocabulary: too many tokens");
    const std::size_t begin = text_.size();
    text_ += token;
    entries_.push_back({begin, token.size(), id});
    index_[slot] = static_cast<std::uint32_t>(entries_.size() - 1);
    if (entries_.size() * 2 > index_.size()) rebuild_index(index_.size() * 2);
  }

  std::optional<std::int32_t> id(std::string_view token) const {
    const std::uint32_t entry = index_[find_slot(token)];
    return entry == kEmpty ? std::nullopt : std::optional(entries_[entry].id);
  }

  // Number of different tokens.
  std::size_t size() const noexcept { return entries_.size(); }
  // Largest id plus one; what an embedding table must have rows for.
  std::size_t id_limit() const noexcept {
    std::size_t limit = 0;
    for (const Entry& entry : entries_) {
      limit = std::max(limit, static_cast<std::size_t>(entry.id) + 1);
    }
    return limit;
  }
  // The tokens in the order in which they were first given. The view lives until the next add().
  std::pair<std::string_view, std::int32_t> operator[](std::size_t index) const noexcept {
    return {text_of(entries_[index]), entries_[index].id};
  }

 private:
  static constexpr std::uint32_t kEmpty = std::numeric_limits<std::uint32_t>::max();
  struct Entry {
    std::size_t begin;
    std::size_t length;
    std::int32_t id;
  };

  std::string_view text_of(const Entry& entry) const noexcept {
    return std::string_view(text_).substr(entry.begin, entry.length);
  }
  // Where the token is, or the empty slot where it would go.
  std::size_t find_slot(std::string_view token) const noexcept {
    const std::size_t mask = index_.size() - 1;
    std::size_t slot = hash_(token) & mask;
    while (index_[slot] != kEmpty && text_of(entries_[index_[slot]]) != token) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }
  void rebuild_index(std::size_t slots) {
    index_.assign(slots, kEmpty);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      index_[find_slot(text_of(entries_[i]))] = static_cast<std::uint32_t>(i);
    }
  }

  detail::KeyedHash hash_;
  std::string text_;  // all tokens, one after the other
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> index_;  // open addressing, a power of two of slots
};

}  // namespace semblance
