#include "semblance/search/best_hits.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace semblance {
namespace {

TEST(BestHits, KeepsTheSameInAnyOrderOfArrival) {
  std::mt19937 engine(7);
  std::vector<Hit> hits;
  for (std::size_t row = 0; row < 500; ++row)
    hits.push_back({row, static_cast<float>(engine() % 9)});
  std::vector<Hit> expected = hits;
  std::sort(expected.begin(), expected.end(), ranks_before);
  for (const std::size_t k : {1u, 2u, 60u, 499u, 500u, 501u}) {
    std::shuffle(hits.begin(), hits.end(), engine);
    BestHits whole(k);
    BestHits left(k);
    BestHits right(k);
    for (const Hit& hit : hits) {
      whole.add(hit);
      (engine() % 2 == 0 ? left : right).add(hit);
    }
    left.add(right);
    const std::vector<Hit> best(
        expected.begin(),
        expected.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(k, 500)));
    EXPECT_EQ(whole.sorted(), best);
    EXPECT_EQ(left.sorted(), best);
  }
}

TEST(BestHits, InfiniteScoresRankAndNaNDoesNot) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  BestHits hits(3);
  hits.add({0, std::numeric_limits<float>::quiet_NaN()});
  hits.add({1, -kInfinity});
  hits.add({2, kInfinity});
  EXPECT_EQ(hits.sorted(), (std::vector<Hit>{{2, kInfinity}, {1, -kInfinity}}));
}

TEST(BestHits, OfNoneKeepsNone) {
  BestHits hits(0);
  hits.add({0, 1.0f});
  EXPECT_TRUE(hits.full());
  EXPECT_TRUE(hits.sorted().empty());
}

}  // namespace
}  // namespace semblance
