// Memory that runs out at any allocation ends in std::bad_alloc; nothing is leaked, and what was
// loaded stays usable. (The operator new that fails is that of support/allocations.h.)

#include <gtest/gtest.h>

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "semblance/sentence_encoder.h"
#include "support/allocation_counts.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;

// Calls `work` with the first, the second, ... allocation of this thread failing, and all after it;
// later ones by a stride, until work needs no more. Returns how often it failed.
template <class Work>
int fail_at_every_allocation(const Work& work) {
  int num_failures = 0;
  for (long n = 0;; n += 1 + n / 16) {
    testing::allocations_before_failure = n;
    try {
      work();
      testing::allocations_before_failure = -1;
      return num_failures;
    } catch (const std::bad_alloc&) {
      testing::allocations_before_failure = -1;
      ++num_failures;
    } catch (...) {
      testing::allocations_before_failure = -1;
      throw;
    }
  }
}

std::vector<std::string> texts(const GoldenModel& golden) {
  std::vector<std::string> result = golden.sentences();
  result.emplace_back(2000, 'x');
  return result;
}

class OutOfMemory : public ::testing::TestWithParam<const char*> {};

TEST_P(OutOfMemory, WhileLoadingLeaksNothing) {
  const GoldenModel golden(GetParam());
  const std::string folder = golden.folder();
  const auto load = [&] { SentenceEncoder::load(folder, {.num_threads = 1}); };
  load();  // what is made once for the whole program
  const std::size_t before = testing::num_live_allocations;
  const int num_failures = fail_at_every_allocation(load);
  EXPECT_EQ(testing::num_live_allocations, before);
  EXPECT_GT(num_failures, 30);
}

TEST_P(OutOfMemory, WhileEncodingLeavesTheEncoderUsable) {
  const GoldenModel golden(GetParam());
  const auto all = texts(golden);
  const auto expected = SentenceEncoder::load(golden.folder()).encode(all).values;
  const std::size_t before = testing::num_live_allocations;
  for (const std::size_t num_threads : {1u, 2u}) {
    // One that has memory of earlier calls, and for each failure one that has none yet.
    const auto used = SentenceEncoder::load(golden.folder(), {.num_threads = 1});
    const EncodeOptions options{.batch_size = 4, .num_threads = num_threads};
    int num_failures = 0;
    bool done = false;
    for (long n = 0; !done; n += 1 + n / 8) {
      const auto fresh = SentenceEncoder::load(golden.folder(), {.num_threads = 1});
      for (const SentenceEncoder* encoder : {&used, &fresh}) {
        testing::allocations_before_failure = n;
        bool failed = false;
        try {
          encoder->encode(all, options);
        } catch (const std::bad_alloc&) {
          failed = true;
        }
        testing::allocations_before_failure = -1;
        num_failures += failed;
        if (encoder == &fresh) done = !failed;
        EXPECT_EQ(encoder->encode(all, options).values, expected) << n;
      }
    }
    EXPECT_GT(num_failures, 10) << num_threads;
  }
  EXPECT_EQ(testing::num_live_allocations, before);
}

INSTANTIATE_TEST_SUITE_P(Models, OutOfMemory,
                         ::testing::Values("bert-mlm", "st-mean-dense-normalize",
                                           "bert-mlm-bin-sharded"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace semblance
