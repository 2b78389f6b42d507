#include "semblance/core/parallel_for.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace semblance {
namespace {

// Runs the tasks from the last to the first and keeps how often it was asked.
class BackwardExecutor final : public Executor {
 public:
  explicit BackwardExecutor(std::size_t concurrency) : concurrency_(concurrency) {}
  std::size_t concurrency() const noexcept override { return concurrency_; }
  void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) override {
    ++num_runs;
    for (std::size_t i = num_tasks; i-- > 0;) task(i);
  }
  int num_runs = 0;

 private:
  std::size_t concurrency_;
};

TEST(ParallelSlices, CoversEveryIndexOnceInSlicesOfWholeGranules) {
  for (std::size_t concurrency = 1; concurrency <= 5; ++concurrency) {
    for (std::size_t granule : {1u, 2u, 7u, 32u}) {
      for (std::size_t count = 0; count <= 100; ++count) {
        BackwardExecutor executor(concurrency);
        std::vector<int> visits(count, 0);
        std::vector<int> slices(concurrency, 0);
        parallel_slices(executor, count, granule,
                        [&](std::size_t slice, std::size_t begin, std::size_t end) {
                          ASSERT_LT(slice, concurrency);
                          ASSERT_LT(begin, end);
                          ++slices[slice];
                          EXPECT_EQ(begin % granule, 0u);
                          if (end != count) {
                            EXPECT_EQ(end % granule, 0u);
                          }
                          for (std::size_t i = begin; i < end; ++i) ++visits[i];
                        });
        EXPECT_EQ(std::count(visits.begin(), visits.end(), 1), static_cast<long>(count));
        EXPECT_LE(*std::max_element(slices.begin(), slices.end()), 1);
      }
    }
  }
}

TEST(ParallelSlices, SharesGranulesAsEvenlyAsTheyGo) {
  BackwardExecutor executor(4);
  std::vector<std::size_t> sizes;
  parallel_slices(executor, 10 * 8, 8, [&](std::size_t, std::size_t begin, std::size_t end) {
    sizes.push_back((end - begin) / 8);
  });
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2, 3, 3}));
}

TEST(ParallelSlices, AsksTheExecutorOnlyWhenThereIsSomethingToShare) {
  BackwardExecutor executor(4);
  int calls = 0;
  const auto body = [&](std::size_t, std::size_t, std::size_t) { ++calls; };
  parallel_slices(executor, 0, 1, body);
  EXPECT_EQ(calls, 0);
  parallel_slices(executor, 32, 32, body);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(executor.num_runs, 0);
  parallel_slices(executor, 33, 32, body);
  EXPECT_EQ(executor.num_runs, 1);
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace semblance
