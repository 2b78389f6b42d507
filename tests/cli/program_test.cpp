#include <gtest/gtest.h>

#include "cli/run_program.h"
#include "support/sanitized.h"

namespace semblance::testing {
namespace {

const std::vector<std::string> kSubcommands = {"similarity", "encode", "tokenize", "search",
                                               "info"};

TEST(Program, WrongUsageIsOneLineAndStatusTwo) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"dance"},
      {"--loud"},
      {"similarity", "a"},
      {"similarity", "--model", kModels + "bert-mlm", "a"},
      {"similarity", "--model", kModels + "bert-mlm", "a", "b", "c"},
      {"encode", "--model", kModels + "bert-mlm", "--input", "-"},
      {"encode", "--model", kModels + "bert-mlm", "--input", "-", "--output", "-"},
      {"encode", "--model", kModels + "bert-mlm", "--input", "-", "--output", "vectors.bin"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--pooling", "median"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--max-length", "0"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--max-length", "-3"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--batch-size", "many"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--threads", "0"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--dim", "1.5"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--format", "csv"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--input-format", "csv"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--normalize",
       "--no-normalize"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--prompt", "a",
       "--prompt-name", "b"},
      {"tokenize", "--model", "m", "--vocab", "v"},
      {"tokenize", "--model", "m", "--no-do-lower-case"},
      {"tokenize", "--vocab", "v", "--strip-accents", "perhaps"},
      {"search", "--model", "m", "--corpus", "c"},
      {"search", "--model", "m", "--corpus", "c", "--query", "q", "--top-k", "0"},
      {"search", "--model", "m", "--corpus", "c", "--query", "q", "--top-k", "010"},
      {"encode", "--model", "m", "--input", "-", "--output", "x.npy", "--dim", "0x10"},
      {"cluster", "--model", "m", "--input", "-", "--threshold", "nan"},
      {"mine", "--model", "m", "--input", "-", "--min-score", "1.5"},
      {"search", "--model", "m", "--corpus", "c", "--query", "q", "--corpus-prompt", "a",
       "--corpus-prompt-name", "b"},
      {"evaluate", "--model", "m", "--plot", "-", "pairs.tsv"},
      {"info", "folder"},
  };
  for (const auto& arguments : wrong) {
    std::string shown;
    for (const auto& argument : arguments) shown += argument + ' ';
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 2) << shown;
    EXPECT_TRUE(is_one_error_line(result.err)) << shown << result.err;
    EXPECT_EQ(result.out, "") << shown;
  }
}

TEST(Program, NamesACommandThatItDoesNotKnow) {
  const auto result = run_program({"serch", "--query", "q"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "semblance: unknown command \"serch\" (see semblance --help)\n");
}

TEST(Program, HelpGoesToStandardOutput) {
  const auto result = run_program({"--help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  for (const auto& name : kSubcommands) {
    EXPECT_NE(result.out.find(name), std::string::npos) << name;
    const auto help = run_program({name, "--help"});
    EXPECT_EQ(help.status, 0) << name;
    EXPECT_EQ(help.err, "") << name;
    EXPECT_NE(help.out.find("--model"), std::string::npos) << help.out;
  }
}

TEST(Program, VersionIsThreeNumbers) {
  const auto result = run_program({"--version"});
  EXPECT_EQ(result.status, 0);
  unsigned major = 0, minor = 0, patch = 0;
  EXPECT_EQ(std::sscanf(result.out.c_str(), "%u.%u.%u\n", &major, &minor, &patch), 3);
}

TEST(Program, ABrokenModelFolderIsOneLineThatNamesTheFile) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const auto broken = [&](const std::string& name) {
    fs::copy(kModels + "bert-mlm", folder / name);
    return folder / name;
  };
  const auto expect_error = [](const std::string& model, const std::string& file) {
    const auto result = run_program({"similarity", "--model", model, "a", "b"});
    EXPECT_EQ(result.status, 1) << model;
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_NE(result.err.find(file), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  };
  expect_error(folder / "nowhere", "nowhere");

  fs::remove(broken("no-config") + "/config.json");
  expect_error(folder / "no-config", "config.json");

  fs::remove(broken("no-vocabulary") + "/vocab.txt");
  expect_error(folder / "no-vocabulary", "vocab.txt");

  fs::remove(broken("no-weights") + "/model.safetensors");
  expect_error(folder / "no-weights", "model.safetensors");

  fs::resize_file(broken("cut-weights") + "/model.safetensors", 5000);
  expect_error(folder / "cut-weights", "model.safetensors");

  std::ofstream(broken("cut-config") + "/config.json") << "{\"model_type\": \"be";
  expect_error(folder / "cut-config", "config.json");

  std::ofstream(broken("other-model") + "/config.json") << "{\"model_type\": \"gpt2\"}";
  expect_error(folder / "other-model", "model_type");
}

TEST(Program, AnInstructionSetThatIsUnknownOrThatThisMachineLacksIsRefused) {
#if defined(__x86_64__)
  const std::string lacking = "neon";
#else
  const std::string lacking = "avx2";
#endif
  for (const std::string& name : {std::string("mmx"), lacking}) {
    const auto result = run_shell("SEMBLANCE_ISA=" + name + " \"$PROGRAM\" similarity --model " +
                                  kModels + "bert-mlm a b");
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_NE(result.err.find("SEMBLANCE_ISA"), std::string::npos) << result.err;
  }
}

TEST(Program, AnEmptyNameOfAFileIsWrongUsage) {
  const TemporaryFolder folder;
  const std::string input = folder.write("texts.txt", "how\n");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"similarity", "--model", "", "a", "b"},
           {"tokenize", "--vocab", ""},
           {"evaluate", "--model", kModel, "--whitening", "", input},
           {"encode", "--model", kModel, "--input", input, "--output", folder / "v.npy",
            "--packed-cache", ""}}) {
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 2) << arguments[0];
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
  }
}

TEST(Program, AnOptionWithoutAValueDoesNotTakeTheNextArgument) {
  const TemporaryFolder folder;
  const std::string pairs = folder.write("pairs.tsv", "a\tb\t1\nc\td\t2\n");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"evaluate", "--model", kModel, "--plot=", pairs, pairs},
           {"similarity", "--model", kModel, "--prompt=", "a", "b", "c"}}) {
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 2) << arguments[0];
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
  }
  EXPECT_EQ(read_file(pairs), "a\tb\t1\nc\td\t2\n");
  EXPECT_EQ(run_program({"similarity", "--model", kModel, "--", "--a=", "--a="}).out, "1.000000\n");
  const auto query = run_program({"similarity", "--model", kModel, "--prompt=query=", "a", "a"});
  EXPECT_EQ(query.out, "1.000000\n") << query.err;
}

TEST(Program, AnInputIsNotReplacedByTheOutput) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::string pairs = folder.write("pairs.tsv", "a\tb\t1\nc\td\t2\n");
  fs::create_hard_link(pairs, folder / "other.tsv");
  for (const std::string& output : {pairs, folder / "other.tsv"}) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"encode", "--input", pairs, "--output", output},
                                               {"map", "--input", pairs, "--output", output},
                                               {"whiten", "--input", pairs, "--output", output},
                                               {"evaluate", "--plot", output, pairs}}) {
      auto command = arguments;
      command.insert(command.begin() + 1, {"--model", kModel});
      const auto result = run_program(command);
      EXPECT_EQ(result.status, 1) << arguments[0];
      EXPECT_NE(result.err.find("another file than the input"), std::string::npos) << result.err;
      EXPECT_EQ(read_file(pairs), "a\tb\t1\nc\td\t2\n");
    }
  }
}

// "-" is a file too, where the shell has opened one.
TEST(Program, AnInputIsNotReplacedByTheOutputUnderTheNamesOfTheShell) {
  const TemporaryFolder folder;
  const std::string text = "how are you\n";
  const std::string encode = "exec \"$PROGRAM\" encode --model " + kModel + " --format tsv ";
  for (const char* command :
       {"--input - --output FILE < FILE", "--input FILE --output - >> FILE",
        "--input FILE --output - 1<> FILE"}) {
    const std::string file = folder.write("texts.txt", text);
    std::string whole = encode + command;
    for (std::size_t at; (at = whole.find("FILE")) != whole.npos;) whole.replace(at, 4, file);
    const auto result = run_shell(whole);
    EXPECT_EQ(result.status, 1) << command;
    EXPECT_NE(result.err.find("another file than the input"), std::string::npos) << result.err;
    EXPECT_EQ(read_file(file), text) << command;
  }
}

TEST(Program, NumbersOutOfRangeAreWrongUsage) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"bench", "--threads", "-1"},
           {"bench", "--seconds", "nan"},
           {"bench", "--seconds", "inf"},
           {"similarity", "--threads", "0", "a", "b"},
           {"similarity", "--threads", " 0x10", "a", "b"},
           {"quantize", "--model", kModel, "--output", "absent", "--keep-above", "nan"}}) {
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 2) << arguments[0];
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_LT(result.err.size(), 120u) << result.err;
  }
}

TEST(Program, AFullDiskOrAClosedPipeIsOneLineAndStatusOne) {
  const std::string model = " --model " + kModels + "bert-mlm ";
  const auto full = run_shell("\"$PROGRAM\" similarity" + model + "a b >/dev/full");
  EXPECT_EQ(full.status, 1);
  EXPECT_TRUE(is_one_error_line(full.err)) << full.err;

  const auto help = run_shell("\"$PROGRAM\" --help >/dev/full");
  EXPECT_EQ(help.status, 1);
  EXPECT_TRUE(is_one_error_line(help.err)) << help.err;

  const auto device = run_shell("echo how | \"$PROGRAM\" encode" + model +
                                "--input - --output /dev/full --format tsv");
  EXPECT_EQ(device.status, 1);
  EXPECT_TRUE(is_one_error_line(device.err)) << device.err;

  const auto closed =
      run_shell("{ yes 2>/dev/null | head -c 300000 2>/dev/null | \"$PROGRAM\" encode" + model +
                "--input - --output - --format tsv; echo \"status $?\" >&2; } | :");
  const auto lines = lines_of(closed.err);
  ASSERT_EQ(lines.size(), 2u) << closed.err;
  EXPECT_TRUE(lines[0].starts_with("semblance: standard output: ")) << closed.err;
  EXPECT_EQ(lines[1], "status 1");
}

TEST(Program, MemoryThatRunsOutIsOneLineAndNoFile) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer asks for terabytes of addresses";
  const TemporaryFolder folder;
  const std::string input = folder.write("texts.txt", std::string(1'000'000, 'x') + "\nhow\n");
  int num_failures = 0;
  int status = 1;
  for (long kib = 8'000; status != 0; kib += kib / 16) {
    ASSERT_LT(kib, 8'000'000);
    const std::string limited = "ulimit -v " + std::to_string(kib) + "; exec \"$PROGRAM\" ";
    if (run_shell(limited + "--version").status != 0) continue;  // cannot even be started
    const auto result = run_shell(limited + "encode --model " + kModels + "bert-mlm --input " +
                                  input + " --output " + (folder / "out.npy"));
    status = result.status;
    if (status == 0) break;
    EXPECT_EQ(status, 1) << kib << " KiB: " << result.err;
    EXPECT_TRUE(is_one_error_line(result.err)) << kib << " KiB: " << result.err;
    EXPECT_EQ(folder.names().size(), 1u) << kib << " KiB";
    ++num_failures;
  }
  EXPECT_GT(num_failures, 0);
  EXPECT_EQ(folder.names().size(), 2u);
}

TEST(Program, AFileThatHasNoRoomToGrowIsOneLineAndNoFile) {
  const TemporaryFolder folder;
  for (const std::string format : {"npy", "jsonl", "tsv"}) {
    const auto full = run_shell(
        "ulimit -f 16; yes 'how are you' 2>/dev/null | head -n 2000 | "
        "exec \"$PROGRAM\" encode --model " +
        kModels + "bert-mlm --input - --output " + (folder / "out.") + format);
    EXPECT_EQ(full.status, 1);
    EXPECT_TRUE(is_one_error_line(full.err)) << full.err;
    EXPECT_TRUE(folder.names().empty()) << format;
  }
}

}  // namespace
}  // namespace semblance::testing
