// encode --resume: after a kill at any moment the next run goes on, and no line is lost or doubled.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cli/run_program.h"

namespace semblance::testing {
namespace {

namespace fs = std::filesystem;

class Resume : public ::testing::TestWithParam<std::string> {
 protected:
  std::string output() const { return folder / ("out." + GetParam()); }
  std::vector<std::string> arguments(const std::string& input, const std::string& to,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> result = {"encode",  "--model",   kModels + "bert-mlm",
                                       "--input", input,       "--output",
                                       to,        "--threads", "1"};
    result.insert(result.end(), more.begin(), more.end());
    return result;
  }
  // The file that a run from beginning to end gives.
  std::string whole(const std::string& input) const {
    const std::string to = folder / ("whole." + GetParam());
    const auto result = run_program(arguments(input, to));
    EXPECT_EQ(result.status, 0) << result.err;
    return read_file(to);
  }
  ProgramResult resume(const std::string& input, const std::vector<std::string>& more = {}) const {
    auto all = arguments(input, output(), more);
    all.push_back("--resume");
    return run_program(all);
  }

  TemporaryFolder folder;
};

// Lines that all differ.
std::string lines(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += "how are you ";
    for (std::size_t n = i + 1; n != 0; n /= 5) text += static_cast<char>('a' + n % 5);
    text += "\n";
  }
  return text;
}

TEST_P(Resume, AfterKillsAtRandomMomentsTheFileIsThatOfOneRun) {
  const std::string input = folder.write("texts.txt", lines(12'000));
  const std::string expected = whole(input);
  std::mt19937 random(static_cast<unsigned>(GetParam().size()));
  auto all = arguments(input, output());
  all.push_back("--resume");
  int num_kills = 0;
  for (int wait_ms = 20;; wait_ms += 10 + wait_ms / 8) {
    ASSERT_LT(num_kills, 400);
    RunningProgram program(program_command(all));
    program.close_input();
    ::usleep(static_cast<useconds_t>(1000 * (wait_ms + static_cast<int>(random() % 40))));
    program.kill(SIGKILL);
    const auto result = program.finish();
    if (result.status == 0) break;
    ASSERT_EQ(result.status, 128 + SIGKILL) << result.err;
    // It may have been killed when its work was done and its process not yet over.
    if (fs::exists(output())) {
      EXPECT_TRUE(read_file(output()) == expected) << "unfinished under the final name";
    }
    ++num_kills;
  }
  EXPECT_GT(num_kills, 0);
  RecordProperty("kills", num_kills);
  EXPECT_TRUE(read_file(output()) == expected);
  EXPECT_FALSE(fs::exists(output() + ".part"));
}

TEST_P(Resume, WhatASignalMakesItSayGoesIntoNoFileWithStandardErrorClosed) {
  const std::string input = folder.write("texts.txt", lines(300));
  const std::string expected = whole(input);
  run_shell("{ cat '" + input + "'; sleep 2; } | \"$PROGRAM\" encode --model '" + kModels +
            "bert-mlm' --input - --output '" + output() + "' --resume 2>&- & while [ ! -e '" +
            output() + ".part' ]; do sleep 0.05; done; kill $!; wait $!");
  EXPECT_EQ(read_file(output() + ".part").find("interrupted"), std::string::npos);
  EXPECT_EQ(resume(input).status, 0);
  EXPECT_TRUE(read_file(output()) == expected);
}

TEST_P(Resume, GoesOnFromEveryPlaceWhereAWriteCanEnd) {
  const std::string input = folder.write("texts.txt", lines(4));
  const std::string expected = whole(input);
  // What is there before the end: .npy begins with a front that says 0 rows.
  std::string unfinished = expected;
  if (GetParam() == "npy") {
    const std::string none = folder / "none.npy";
    ASSERT_EQ(run_program(arguments("/dev/null", none)).status, 0);
    unfinished.replace(0, 128, read_file(none));
  }
  std::vector<std::string> parts = {expected};
  for (std::size_t size = 0; size <= unfinished.size(); size += 1 + unfinished.size() / 24) {
    parts.push_back(unfinished.substr(0, size));
  }
  parts.push_back(unfinished);
  for (const std::string& part : parts) {
    folder.write("out." + GetParam() + ".part", part);
    const auto result = resume(input);
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(read_file(output()) == expected) << part.size() << " bytes were there";
    EXPECT_FALSE(fs::exists(output() + ".part"));
  }
}

TEST_P(Resume, RefusesWhatIsNotOfTheseTextsThisModelAndTheseOptions) {
  const std::string input = folder.write("texts.txt", lines(3));
  const std::string expected = whole(input);
  const std::string part = output() + ".part";
  const auto expect_refused = [&](const std::string& other_input,
                                  const std::vector<std::string>& more) {
    const std::string others = expected + "0.5";
    folder.write("out." + GetParam() + ".part", others);
    const auto result = resume(other_input, more);
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_NE(result.err.find("remove the file to begin again"), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(output()));
    EXPECT_TRUE(read_file(part) == others);
  };
  expect_refused(input, {"--pooling", "mean"});
  expect_refused(input, {"--dim", "5"});
  expect_refused(folder.write("other.txt", "first\n" + lines(3)), {});
  expect_refused(folder.write("fewer.txt", lines(2)), {});
}

TEST_P(Resume, AnInterruptKeepsWhatIsDone) {
  const std::string input = folder.write("texts.txt", lines(3));
  const std::string expected = whole(input);
  auto all = arguments("-", output());
  all.push_back("--resume");
  RunningProgram program(program_command(all));
  program.write("how are you b\n");
  const std::string part = output() + ".part";
  for (int tries = 0; tries < 600 && (!fs::exists(part) || fs::file_size(part) == 0); ++tries) {
    ::usleep(100'000);
  }
  // Another run meanwhile is turned away.
  const auto second = resume(input);
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find("another program is writing it"), std::string::npos) << second.err;
  program.kill(SIGINT);
  const auto result = program.finish();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "semblance: interrupted\n");
  EXPECT_FALSE(fs::exists(output()));
  EXPECT_TRUE(fs::exists(part));
  EXPECT_EQ(resume(input).status, 0);
  EXPECT_TRUE(read_file(output()) == expected);
}

TEST_P(Resume, WhatOnlySomeMayReadStaysSo) {
  const std::string input = folder.write("texts.txt", lines(3));
  folder.write("out." + GetParam(), "");
  fs::permissions(output(), fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_EQ(resume(input).status, 0);
  EXPECT_EQ(fs::status(output()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_P(Resume, DoesNotReadWhatItWrites) {
  const std::string part = folder.write("out." + GetParam() + ".part", "how are you");
  const auto result = resume(part);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("another file than the input"), std::string::npos) << result.err;
  EXPECT_EQ(read_file(part), "how are you");
}

INSTANTIATE_TEST_SUITE_P(Formats, Resume, ::testing::Values("npy", "jsonl", "tsv"),
                         [](const auto& parameter) { return parameter.param; });

TEST(ResumeOption, NeedsAFile) {
  const auto result = run_program({"encode", "--model", kModels + "bert-mlm", "--input", "-",
                                   "--output", "-", "--format", "tsv", "--resume"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
  const auto device = run_program({"encode", "--model", kModels + "bert-mlm", "--input", "-",
                                   "--output", "/dev/null", "--format", "tsv", "--resume"});
  EXPECT_EQ(device.status, 1);
  EXPECT_TRUE(is_one_error_line(device.err)) << device.err;
}

}  // namespace
}  // namespace semblance::testing
