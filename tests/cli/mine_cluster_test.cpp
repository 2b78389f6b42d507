#include <gtest/gtest.h>

#include "cli/run_program.h"

namespace semblance::testing {
namespace {

std::vector<std::vector<std::string>> cells_of(const std::string& output) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& line : lines_of(output)) {
    auto& cells = rows.emplace_back();
    std::istringstream stream(line + '\t');
    for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
  }
  return rows;
}

TEST(MineProgram, GivesTheBestPairsWithTheirLines) {
  const std::string texts = "how are you\nfine\nhow are you\n\nfine\nwe\n";
  const auto result =
      run_program({"mine", "--model", kModel, "--input", "-", "--max-pairs", "4"}, texts);
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = cells_of(result.out);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0],
            (std::vector<std::string>{"1.000000", "1", "3", "how are you", "how are you"}));
  EXPECT_EQ(rows[1], (std::vector<std::string>{"1.000000", "2", "5", "fine", "fine"}));
  for (const std::size_t i : {2u, 3u}) {
    ASSERT_EQ(rows[i].size(), 5u);
    EXPECT_LT(std::stod(rows[i][0]), 1.0);
    EXPECT_LT(std::stoi(rows[i][1]), std::stoi(rows[i][2]));
  }
  EXPECT_GE(std::stod(rows[2][0]), std::stod(rows[3][0]));

  const auto equal =
      run_program({"mine", "--model", kModel, "--input", "-", "--min-score", "0.999999"}, texts);
  EXPECT_EQ(lines_of(equal.out).size(), 2u) << equal.out;
}

TEST(ClusterProgram, GivesGroupsLargestFirst) {
  const auto result = run_program(
      {"cluster", "--model", kModel, "--input", "-", "--threshold", "0.999999", "--min-size", "2"},
      "fine\nhow are you\nwe\nfine\nhow are you\nhow are you\n");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out,
            "1\t2\thow are you\n1\t5\thow are you\n1\t6\thow are you\n2\t1\tfine\n2\t4\tfine\n");
}

TEST(ClusterProgram, OfNoTextsGivesNothing) {
  for (const std::string command : {"cluster", "mine"}) {
    const auto result = run_program({command, "--model", kModel, "--input", "-"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace semblance::testing
