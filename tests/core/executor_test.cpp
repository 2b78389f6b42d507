#include "semblance/core/executor.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace semblance {
namespace {

TEST(InlineExecutor, RunsEachTaskOnceOnThisThreadInOrder) {
  InlineExecutor executor;
  EXPECT_EQ(executor.concurrency(), 1u);
  std::vector<std::size_t> seen;
  executor.run(4, [&](std::size_t i) { seen.push_back(i); });
  EXPECT_EQ(seen, (std::vector<std::size_t>{0, 1, 2, 3}));
  executor.run(0, [&](std::size_t) { FAIL(); });
}

TEST(InlineExecutor, LeavesOutTheTasksAfterOneThatThrows) {
  InlineExecutor executor;
  std::size_t num_begun = 0;
  const auto task = [&](std::size_t i) {
    ++num_begun;
    if (i == 1) throw std::runtime_error("task 1");
  };
  EXPECT_THROW(executor.run(4, task), std::runtime_error);
  EXPECT_EQ(num_begun, 2u);
  EXPECT_NO_THROW(executor.run(1, task));
}

}  // namespace
}  // namespace semblance
