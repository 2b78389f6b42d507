// Every input of tests/fuzz/corpus through its target: what fuzzing kept, and what it once found.

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace semblance::fuzz {
namespace {

class FuzzReplay : public ::testing::TestWithParam<Target> {};

TEST_P(FuzzReplay, EndsInATypedErrorOrInSoundValues) {
  const auto folder =
      std::filesystem::path(SEMBLANCE_TEST_DATA) / "fuzz/corpus" / std::string(GetParam().name);
  std::size_t num_inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    // A block of exactly its size, so that the address sanitizer sees a step beyond it.
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    bytes.shrink_to_fit();
    try {
      run(GetParam(), {bytes.data(), bytes.size()});
    } catch (const std::exception& error) {
      ADD_FAILURE() << entry.path() << ": " << error.what();
    }
    ++num_inputs;
  }
  EXPECT_GT(num_inputs, 0u) << folder;
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, ::testing::ValuesIn(targets()),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace semblance::fuzz
