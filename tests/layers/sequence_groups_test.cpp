#include "semblance/layers/sequence_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <vector>

#include "support/random_values.h"

namespace semblance {
namespace {

using testing::RandomValues;

std::vector<std::size_t> starts_of(const std::vector<std::size_t>& lengths) {
  std::vector<std::size_t> starts{0};
  for (const std::size_t length : lengths) starts.push_back(starts.back() + length);
  return starts;
}

std::vector<std::vector<std::uint32_t>> members_of(const SequenceGroups& groups) {
  std::vector<std::vector<std::uint32_t>> members;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    members.emplace_back(groups[g].begin(), groups[g].end());
  }
  return members;
}

std::size_t tokens_of(const std::vector<std::uint32_t>& texts,
                      const std::vector<std::size_t>& lengths) {
  std::size_t tokens = 0;
  for (const auto text : texts) tokens += lengths[text];
  return tokens;
}

// Each text, the longest first, goes to the first of the groups with the fewest tokens.
std::vector<std::vector<std::uint32_t>> dealt(const std::vector<std::size_t>& lengths,
                                              std::size_t num_groups, std::size_t max_sequences) {
  std::vector<std::uint32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::uint32_t>> groups(num_groups);
  for (const std::uint32_t text : order) {
    std::vector<std::uint32_t>* best = nullptr;
    for (auto& group : groups) {
      if (group.size() == max_sequences) continue;
      if (!best || tokens_of(group, lengths) < tokens_of(*best, lengths)) best = &group;
    }
    best->push_back(text);
  }
  return groups;
}

TEST(SequenceGroups, AreDealtTheLongestFirst) {
  RandomValues random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::size_t> lengths(1 + random.index(60));
    for (auto& length : lengths) length = random.index(12);
    const std::size_t max_sequences = 1 + random.index(10);
    const auto starts = starts_of(lengths);
    SequenceGroups groups;
    groups.plan(SequenceBatch(starts), max_sequences, 1 + random.index(100), 1 + random.index(4));
    EXPECT_EQ(members_of(groups), dealt(lengths, groups.size(), max_sequences));
  }
}

TEST(SequenceGroups, OfManyTextsArePlannedInNoTime) {
  const auto starts = starts_of(std::vector<std::size_t>(200'000, 4));
  SequenceGroups groups;
  const std::clock_t begin = std::clock();
  groups.plan(SequenceBatch(starts), 1, 512, 2);
  EXPECT_EQ(groups.size(), 200'000u);
  // A look at every group for every text takes minutes.
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 5);
}

TEST(SequenceGroups, PutEveryTextInOneGroupWithinTheBoundsWhateverTheBatch) {
  RandomValues random(1);
  SequenceGroups groups;  // one for all, to see that nothing is left from the plan before
  for (int round = 0; round < 600; ++round) {
    const std::size_t batch_size = random.index(120);
    const std::size_t most = round % 3 == 0 ? 1 + random.index(5) : 1 + random.index(512);
    std::vector<std::size_t> lengths(batch_size);
    for (auto& length : lengths) length = random.index(most + 1);
    const std::size_t max_sequences = 1 + random.index(40);
    const std::size_t token_budget = 1 + random.index(1000);
    const std::size_t concurrency = 1 + random.index(6);
    const auto starts = starts_of(lengths);
    groups.plan(SequenceBatch(starts), max_sequences, token_budget, concurrency);

    const std::size_t longest =
        lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
    const std::size_t shortest =
        lengths.empty() ? 0 : *std::min_element(lengths.begin(), lengths.end());
    std::vector<int> seen(batch_size, 0);
    for (const auto& group : members_of(groups)) {
      EXPECT_LE(group.size(), max_sequences);
      // "About" the budget: the text that goes beyond it is the last that a group takes.
      EXPECT_LE(tokens_of(group, lengths), token_budget + longest);
      EXPECT_TRUE(std::is_sorted(group.begin(), group.end(), [&](auto a, auto b) {
        return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
      }));
      // Texts without tokens cost nothing, so that they all may share one.
      EXPECT_TRUE(!group.empty() || shortest == 0);
      for (const auto text : group) ++seen[text];
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<long>(batch_size));
  }
}

TEST(SequenceGroups, OfNoTextsHoldNone) {
  SequenceGroups groups;
  EXPECT_EQ(groups.size(), 0u);
  const auto some = starts_of({3, 4, 5});
  groups.plan(SequenceBatch(some), 8, 100, 2);
  const auto none = starts_of({});
  groups.plan(SequenceBatch(none), 8, 100, 2);
  for (const auto& group : members_of(groups)) EXPECT_TRUE(group.empty());
  EXPECT_FALSE(groups.unbalanced(2));
}

TEST(SequenceGroups, TextLongerThanTheBudgetHasAGroupOfItsOwn) {
  SequenceGroups groups;
  const auto starts = starts_of({10, 500, 10, 10});
  groups.plan(SequenceBatch(starts), 32, 100, 1);
  bool found = false;
  for (const auto& group : members_of(groups)) found |= group == std::vector<std::uint32_t>{1};
  EXPECT_TRUE(found);
}

TEST(SequenceGroups, NoLimitOnTextsCountsAsOne) {
  SequenceGroups groups;
  const auto starts = starts_of({1, 1, 1});
  groups.plan(SequenceBatch(starts), 0, 100, 1);
  EXPECT_EQ(groups.size(), 3u);
}

TEST(SequenceGroups, FillTheThreadsEvenly) {
  RandomValues random(2);
  for (const std::size_t concurrency : {2u, 3u, 4u}) {
    std::vector<std::size_t> lengths(200);
    for (auto& length : lengths) length = 5 + random.index(60);
    const auto starts = starts_of(lengths);
    SequenceGroups groups;
    groups.plan(SequenceBatch(starts), 32, 512, concurrency);
    EXPECT_EQ(groups.size() % concurrency, 0u);
    std::size_t least = starts.back(), most = 0;
    for (const auto& group : members_of(groups)) {
      least = std::min(least, tokens_of(group, lengths));
      most = std::max(most, tokens_of(group, lengths));
    }
    // Longest first leaves no more between two groups than a text of the shorter ones.
    EXPECT_LE(most - least, 64u);
    EXPECT_LE(10 * most, 11 * least);
    EXPECT_FALSE(groups.unbalanced(concurrency));
  }
}

TEST(SequenceGroups, AreUnbalancedWhenThreadsWouldIdle) {
  SequenceGroups groups;
  const auto one = starts_of({50});
  groups.plan(SequenceBatch(one), 32, 512, 2);
  EXPECT_TRUE(groups.unbalanced(2));
  EXPECT_FALSE(groups.unbalanced(1));
  const auto unequal = starts_of({400, 10, 10});
  groups.plan(SequenceBatch(unequal), 32, 512, 2);
  EXPECT_TRUE(groups.unbalanced(2));
  const auto equal = starts_of({20, 20, 20, 20});
  groups.plan(SequenceBatch(equal), 32, 512, 2);
  EXPECT_FALSE(groups.unbalanced(2));
}

TEST(SequenceGroups, AreTheSameForTheSameBatch) {
  RandomValues random(3);
  std::vector<std::size_t> lengths(90);
  for (auto& length : lengths) length = 1 + random.index(8);  // many ties
  const auto starts = starts_of(lengths);
  const auto other = starts_of({9, 9});
  SequenceGroups fresh, used;
  used.plan(SequenceBatch(other), 1, 10, 3);
  fresh.plan(SequenceBatch(starts), 16, 64, 2);
  used.plan(SequenceBatch(starts), 16, 64, 2);
  EXPECT_EQ(members_of(fresh), members_of(used));
}

}  // namespace
}  // namespace semblance
