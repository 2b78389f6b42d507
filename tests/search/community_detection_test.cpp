#include "semblance/search/community_detection.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"

namespace semblance {
namespace {

using test::score64;
using Communities = std::vector<std::vector<std::size_t>>;

TEST(CommunityDetection, EqualsSentenceTransformers) {
  std::ifstream file(SEMBLANCE_TEST_DATA "/golden/search/communities.json");
  const auto cases = nlohmann::json::parse(file).at("cases");
  ASSERT_GE(cases.size(), 5u);
  ThreadPool pool(3);
  ThreadPool::Team team(pool, 3);
  for (const auto& test_case : cases) {
    const auto values = test_case.at("rows").get<std::vector<std::vector<float>>>();
    Tensor<float> rows(Shape{values.size(), values[0].size()});
    for (std::size_t r = 0; r < values.size(); ++r) {
      std::copy(values[r].begin(), values[r].end(), rows.matrix().row(r));
    }
    CommunityDetectionOptions options{.threshold = test_case.at("threshold").get<float>(),
                                      .min_community_size = test_case.at("min_community_size")};
    const auto expected = test_case.at("communities").get<Communities>();
    EXPECT_EQ(community_detection(rows.matrix(), options), expected);
    options.executor = &team;
    EXPECT_EQ(community_detection(rows.matrix(), options), expected);
  }
}

// The rule as it reads, with the whole table of float64 cosines.
Communities plain_communities(MatrixView<const float> rows, double threshold, std::size_t minimum) {
  Communities all;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    std::vector<std::pair<float, std::size_t>> others;
    for (std::size_t j = 0; j < rows.rows; ++j) {
      const auto score =
          static_cast<float>(score64(Metric::cosine, rows.row_span(i), rows.row_span(j)));
      if (j != i && score >= threshold) others.emplace_back(-score, j);
    }
    std::sort(others.begin(), others.end());
    all.push_back({i});
    for (const auto& [score, j] : others) all.back().push_back(j);
  }
  const auto larger = [](const auto& a, const auto& b) { return a.size() > b.size(); };
  std::stable_sort(all.begin(), all.end(), larger);
  std::vector<bool> taken(rows.rows);
  Communities survivors;
  for (auto& community : all) {
    if (taken[community[0]]) continue;
    std::erase_if(community, [&](std::size_t i) { return taken[i]; });
    if (community.size() < minimum) continue;
    for (const std::size_t i : community) taken[i] = true;
    survivors.push_back(community);
  }
  std::stable_sort(survivors.begin(), survivors.end(), larger);
  return survivors;
}

TEST(CommunityDetection, EqualsThePlainRuleOnMoreRowsThanFitABlock) {
  // Whole numbers in 4 dimensions: many equal cosines, hence ties, and many overlaps. 2500 rows in
  // blocks of 2048 or fewer, far more centres than are looked at in one go.
  const auto rows = test::random_whole_rows(2500, 4, 11);
  ThreadPool pool(3);
  ThreadPool::Team team(pool, 3);
  // 0.99 parts cosine 1 from the next lower one, whose rounding then does not matter.
  for (const std::size_t minimum : {1u, 5u, 9u}) {
    const auto expected = plain_communities(rows.matrix(), 0.99, minimum);
    auto found = community_detection(
        rows.matrix(), {.threshold = 0.99f, .min_community_size = minimum, .executor = &team});
    // Zero rows belong to nobody, also not to themselves; the plain rule above keeps them alone.
    Communities without_zeros = expected;
    std::erase_if(without_zeros, [&](const auto& community) {
      const auto row = rows.matrix().row_span(community[0]);
      return std::all_of(row.begin(), row.end(), [](float v) { return v == 0.0f; });
    });
    EXPECT_EQ(found, without_zeros);
    EXPECT_EQ(
        community_detection(rows.matrix(), {.threshold = 0.99f, .min_community_size = minimum}),
        found);
  }
}

TEST(CommunityDetection, NoRowIsInTwoCommunities) {
  const auto rows = test::random_rows(300, 3, 5);
  std::vector<int> seen(300);
  for (const auto& community :
       community_detection(rows.matrix(), {.threshold = 0.9f, .min_community_size = 4})) {
    EXPECT_GE(community.size(), 4u);
    for (const std::size_t row : community) EXPECT_EQ(++seen[row], 1);
  }
}

TEST(CommunityDetection, EmptySetsZeroRowsAndThresholdsOutOfReach) {
  const MatrixView<const float> none(nullptr, 0, 3);
  EXPECT_TRUE(community_detection(none).empty());
  const float values[] = {0.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f};
  const MatrixView<const float> rows(values, 3, 2);
  EXPECT_EQ(community_detection(rows, {.threshold = 0.5f, .min_community_size = 1}),
            (Communities{{2}}));
  EXPECT_EQ(community_detection(rows, {.threshold = 0.0f, .min_community_size = 3}),
            (Communities{{0, 1, 2}}));
  EXPECT_TRUE(community_detection(rows, {.threshold = 1.5f, .min_community_size = 1}).empty());
  EXPECT_THROW(community_detection(rows, {.threshold = std::numeric_limits<float>::quiet_NaN()}),
               std::invalid_argument);
}

}  // namespace
}  // namespace semblance
