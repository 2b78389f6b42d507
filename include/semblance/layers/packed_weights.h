#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "semblance/core/aligned_buffer.h"
#include "semblance/core/block_arena.h"
#include "semblance/core/executor.h"
#include "semblance/core/parallel_for.h"
#include "semblance/layers/parameter.h"
#include "semblance/tensor/packed_store.h"

namespace semblance {

// The rows [begin, begin + num_rows) of weights that stand one above the other, in pieces that lie
// in one part each: piece(part, first_row, count, place) with place counted from begin.
template <class Piece>
void for_each_piece(std::span<const LinearParameters> parts, std::size_t begin,
                    std::size_t num_rows, Piece&& piece) {
  std::size_t part_begin = 0;
  for (const auto& part : parts) {
    const std::size_t part_end = part_begin + part.weight.rows();
    const std::size_t first = std::max(begin, part_begin);
    const std::size_t last = std::min(begin + num_rows, part_end);
    if (first < last) piece(part.weight, first - part_begin, last - first, first - begin);
    part_begin = part_end;
  }
}

// Weights as the kernels want them.
struct PackedWeights {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> memory = nullptr;  // null when they lie in a store
};

// What the parts become together in `form`, panel after panel: found in the store that the first
// part names, or made and put there. pack(first, last, packed) makes the panels [first, last) at
// their place in `packed`, many calls at once.
template <class Pack>
PackedWeights find_or_pack(std::span<const LinearParameters> parts, const std::string& form,
                           std::size_t num_panels, std::size_t panel_bytes, Executor& executor,
                           const Pack& pack) {
  const LinearParameters& first = parts.front();
  const std::size_t byte_count = num_panels * panel_bytes;
  const std::string name = first.packed.name + ' ' + form;
  if (first.packed.store != nullptr) {
    const auto found = first.packed.store->find(name, byte_count);
    if (!found.empty()) return {found};
  }
  ArenaBlock block;
  if (first.arena) {
    block = first.arena->allocate(byte_count);
  } else {
    auto memory = std::make_shared<AlignedBuffer<std::byte>>(byte_count);
    block = {std::span(memory->data(), byte_count), memory};
  }
  parallel_slices(executor, num_panels, 1, [&](std::size_t, std::size_t begin, std::size_t end) {
    pack(begin, end, block.bytes.data());
  });
  if (first.packed.store != nullptr) first.packed.store->add(name, block.bytes);
  return {block.bytes, std::move(block.memory)};
}

}  // namespace semblance
