#include "semblance/evaluation/correlation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

namespace semblance {
namespace {

using Values = std::vector<double>;

TEST(Correlation, EqualsScipy) {
  std::ifstream file(SEMBLANCE_TEST_DATA "/golden/evaluation/correlations.json");
  const auto cases = nlohmann::json::parse(file).at("cases");
  ASSERT_GE(cases.size(), 20u);
  for (const auto& test_case : cases) {
    const auto x = test_case.at("x").get<Values>();
    const auto y = test_case.at("y").get<Values>();
    EXPECT_EQ(fractional_ranks(x), test_case.at("ranks").get<Values>());
    ASSERT_TRUE(spearman(x, y) && pearson(x, y));
    EXPECT_NEAR(*spearman(x, y), test_case.at("spearman").get<double>(), 1e-13);
    EXPECT_NEAR(*pearson(x, y), test_case.at("pearson").get<double>(), 1e-12);
  }
}

TEST(Correlation, TiesShareTheMeanOfTheirRanks) {
  EXPECT_EQ(fractional_ranks(Values{30, 10, 20, 20}), (Values{4, 1, 2.5, 2.5}));
  EXPECT_EQ(fractional_ranks(Values{5, 5, 5}), (Values{2, 2, 2}));
  EXPECT_EQ(fractional_ranks(Values{0.0, -0.0}), (Values{1.5, 1.5}));
  EXPECT_EQ(fractional_ranks(Values{}), Values{});
}

TEST(Correlation, OfConstantValuesIsUndefined) {
  const Values rising{1, 2, 3};
  const Values constant{0.1, 0.1, 0.1};
  EXPECT_EQ(spearman(rising, constant), std::nullopt);
  EXPECT_EQ(spearman(constant, rising), std::nullopt);
  EXPECT_EQ(pearson(rising, constant), std::nullopt);
  EXPECT_EQ(pearson(constant, rising), std::nullopt);
  EXPECT_EQ(pearson(Values{0, 0}, Values{1, 2}), std::nullopt);
}

TEST(Correlation, OfFewerThanTwoPairsIsUndefined) {
  EXPECT_EQ(spearman(Values{}, Values{}), std::nullopt);
  EXPECT_EQ(pearson(Values{1}, Values{2}), std::nullopt);
}

TEST(Correlation, OfValuesThatAreNotFiniteIsUndefined) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(spearman(Values{1, bad, 3}, Values{1, 2, 3}), std::nullopt);
    EXPECT_EQ(pearson(Values{1, 2, 3}, Values{1, bad, 3}), std::nullopt);
  }
}

TEST(Correlation, HoldsForValuesThatHardlyDiffer) {
  const double next = std::nextafter(1.0, 2.0);
  const double last = std::nextafter(next, 2.0);
  EXPECT_NEAR(*pearson(Values{1.0, next, last}, Values{1, 2, 3}), 1.0, 1e-15);
  EXPECT_NEAR(*pearson(Values{1.0, 1.0, next}, Values{1, 1, 2}), 1.0, 1e-15);
  EXPECT_NEAR(*pearson(Values{1.7e308, -1.7e308}, Values{4e-324, 0}), 1.0, 1e-15);
}

TEST(Correlation, StaysWithinOne) {
  for (int n = 2; n < 200; ++n) {
    Values x;
    Values falling;
    for (int i = 0; i < n; ++i) {
      x.push_back(0.1 * i * i);
      falling.push_back(-0.3 * i * i);
    }
    EXPECT_LE(*pearson(x, x), 1.0);
    EXPECT_GE(*pearson(x, falling), -1.0);
    EXPECT_NEAR(*pearson(x, falling), -1.0, 1e-14);
    EXPECT_NEAR(*spearman(x, x), 1.0, 1e-14);
  }
}

TEST(Correlation, RefusesSidesOfDifferentLength) {
  EXPECT_THROW(pearson(Values{1, 2}, Values{1}), std::invalid_argument);
  EXPECT_THROW(spearman(Values{1, 2}, Values{1}), std::invalid_argument);
}

}  // namespace
}  // namespace semblance
