#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "support/golden_model.h"
#include "support/sanitized.h"

namespace semblance::testing {
namespace {

// A NumPy file of float32 rows.
struct Npy {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> values;

  std::span<const float> row(std::size_t i) const { return {values.data() + i * cols, cols}; }
};

Npy parse_npy(const std::string& bytes) {
  Npy npy;
  if (bytes.size() < 128 || !bytes.starts_with(std::string("\x93NUMPY\x01\x00", 8))) return npy;
  const auto header_size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[8])) +
                           256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[9]));
  const std::string header = bytes.substr(10, header_size);
  EXPECT_EQ((10 + header_size) % 64, 0u);
  EXPECT_TRUE(header.ends_with('\n'));
  EXPECT_EQ(
      std::sscanf(header.c_str(), "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }",
                  &npy.rows, &npy.cols),
      2)
      << header;
  const std::string body = bytes.substr(10 + header_size);
  EXPECT_EQ(body.size(), npy.rows * npy.cols * sizeof(float));
  npy.values.resize(body.size() / sizeof(float));
  if (!body.empty()) std::memcpy(npy.values.data(), body.data(), body.size());
  return npy;
}

std::string lines_from(const std::vector<std::string>& texts, const std::string& line_end = "\n") {
  std::string lines;
  for (const auto& text : texts) lines += text + line_end;
  return lines;
}

class EncodeProgram : public ::testing::Test {
 protected:
  // Encodes `input` (a file name says its format) and gives the .npy file's content.
  Npy encode(const std::string& model_name, const std::string& input,
             const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"encode", "--model",  kModels + model_name, "--input",
                                          input,    "--output", folder / "out.npy"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return parse_npy(read_file(folder / "out.npy"));
  }

  TemporaryFolder folder;
  GoldenModel bert{"bert-mlm"};
};

TEST_F(EncodeProgram, GivesOneRowALineAndTheReferenceVectors) {
  const std::string input = folder.write("texts.txt", lines_from(bert.sentences()));
  const Npy npy = encode("bert-mlm", input);
  ASSERT_EQ(npy.rows, bert.sentences().size());
  EXPECT_EQ(npy.cols, 24u);
  EXPECT_LE(largest_difference<float>(npy.values, bert.expected("cls").as<float>()),
            bert.tolerance("cls"));
}

TEST_F(EncodeProgram, LineEndsAndAMissingLastOneMakeNoDifference) {
  const auto& texts = bert.sentences();
  const Npy plain = encode("bert-mlm", folder.write("texts.txt", lines_from(texts)));
  EXPECT_EQ(encode("bert-mlm", folder.write("crlf.txt", lines_from(texts, "\r\n"))).values,
            plain.values);
  std::string unfinished = lines_from(texts);
  unfinished.pop_back();
  EXPECT_EQ(encode("bert-mlm", folder.write("unfinished.txt", unfinished)).values, plain.values);
}

TEST_F(EncodeProgram, AnEmptyLineIsATextAndAnEmptyFileHasNone) {
  const Npy npy = encode("bert-mlm", folder.write("texts.txt", "\nhow\n\n\nhow"));
  ASSERT_EQ(npy.rows, 5u);
  EXPECT_TRUE(std::ranges::equal(npy.row(0), npy.row(2)));
  EXPECT_TRUE(std::ranges::equal(npy.row(0), npy.row(3)));
  EXPECT_TRUE(std::ranges::equal(npy.row(1), npy.row(4)));
  EXPECT_FALSE(std::ranges::equal(npy.row(0), npy.row(1)));

  const Npy none = encode("bert-mlm", folder.write("empty.txt", ""));
  EXPECT_EQ(none.rows, 0u);
  EXPECT_EQ(none.cols, 24u);
}

TEST_F(EncodeProgram, JsonLinesAreStringsOrObjectsWithText) {
  const auto& texts = bert.sentences();
  std::string lines;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const nlohmann::json text = texts[i];
    lines += (i % 2 == 0 ? text : nlohmann::json{{"id", i}, {"text", text}}).dump() + "\n";
  }
  const Npy plain = encode("bert-mlm", folder.write("texts.txt", lines_from(texts)));
  EXPECT_EQ(encode("bert-mlm", folder.write("texts.jsonl", lines)).values, plain.values);
  EXPECT_EQ(encode("bert-mlm", folder.write("texts", lines), {"--input-format", "jsonl"}).values,
            plain.values);
  // And by its name alone, JSON is text.
  EXPECT_NE(encode("bert-mlm", folder.write("texts", lines)).values, plain.values);
}

TEST_F(EncodeProgram, AnInputLineThatIsNoTextIsNamed) {
  for (const std::string line : {"", "17", "{\"txt\": \"a\"}", "{\"text\": 1}", "\"a", "\"\xff\"",
                                 "\"a\" \"b\"", "[\"a\"]", "null", "\"\\ud800\""}) {
    const std::string input = folder.write("texts.jsonl", "\"fine\"\n" + line + "\n\"fine\"\n");
    const auto result = run_program({"encode", "--model", kModels + "bert-mlm", "--input", input,
                                     "--output", folder / "out.npy"});
    EXPECT_EQ(result.status, 1) << line;
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_NE(result.err.find("texts.jsonl: line 2"), std::string::npos) << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy"));
  }
}

TEST_F(EncodeProgram, EveryFormatHoldsTheSameFloats) {
  const std::string input = folder.write("texts.txt", lines_from(bert.sentences()));
  const Npy npy = encode("bert-mlm", input);
  const std::vector<std::string> arguments = {"encode",  "--model", kModels + "bert-mlm",
                                              "--input", input,     "--output"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), arguments.begin(), arguments.end());
    return run_program(more);
  };

  ASSERT_EQ(with({folder / "out.jsonl"}).status, 0);
  std::vector<float> from_json;
  for (const auto& line : lines_of(read_file(folder / "out.jsonl"))) {
    for (const auto& value : nlohmann::json::parse(line)) from_json.push_back(value.get<float>());
  }
  EXPECT_EQ(from_json, npy.values);

  ASSERT_EQ(with({folder / "out.tsv"}).status, 0);
  std::vector<float> from_tsv;
  const auto lines = lines_of(read_file(folder / "out.tsv"));
  EXPECT_EQ(lines.size(), npy.rows);
  for (const auto& line : lines) {
    std::istringstream columns(line);
    for (std::string value; std::getline(columns, value, '\t');) {
      from_tsv.push_back(std::stof(value));
    }
  }
  EXPECT_EQ(from_tsv, npy.values);

  EXPECT_EQ(with({"-", "--format", "jsonl"}).out, read_file(folder / "out.jsonl"));
  ASSERT_EQ(with({folder / "out", "--format", "tsv"}).status, 0);
  EXPECT_EQ(read_file(folder / "out"), read_file(folder / "out.tsv"));
}

TEST_F(EncodeProgram, AnNpyFileNeedsAFileAndNoPipe) {
  const std::string command = "printf 'how\\nare\\n' | \"$PROGRAM\" encode --model " + kModels +
                              "bert-mlm --input - --output - --format npy";
  const auto piped = run_shell(command);
  EXPECT_EQ(piped.status, 1);
  EXPECT_TRUE(is_one_error_line(piped.err)) << piped.err;
  EXPECT_EQ(piped.out, "");

  EXPECT_EQ(run_shell("mkfifo " + (folder / "p.npy")).status, 0);
  const auto named =
      run_shell("cat " + (folder / "p.npy") + " & printf 'how\\n' | \"$PROGRAM\" " +
                "encode --model " + kModels + "bert-mlm --input - --output " + (folder / "p.npy"));
  EXPECT_EQ(named.status, 1);
  EXPECT_TRUE(is_one_error_line(named.err)) << named.err;

  const auto redirected = run_shell(command + " >" + (folder / "out.npy"));
  EXPECT_EQ(redirected.status, 0) << redirected.err;
  EXPECT_EQ(parse_npy(read_file(folder / "out.npy")).rows, 2u);

  EXPECT_EQ(run_shell(command + " >>" + (folder / "out.npy")).status, 1);
}

TEST_F(EncodeProgram, OptionsReachTheEncoder) {
  const std::string input = folder.write("texts.txt", lines_from(bert.sentences()));
  const Npy cls = encode("bert-mlm", input);
  for (const std::string pooling : {"mean", "max", "first_last_avg", "last_two_avg", "lasttoken",
                                    "weightedmean", "mean_sqrt_len_tokens"}) {
    EXPECT_LE(largest_difference<float>(encode("bert-mlm", input, {"--pooling", pooling}).values,
                                        bert.expected(pooling).as<float>()),
              bert.tolerance(pooling))
        << pooling;
  }

  const auto length = [](std::span<const float> row) {
    double sum = 0;
    for (const float value : row) sum += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(sum);
  };
  const Npy normalized = encode("bert-mlm", input, {"--normalize"});
  for (std::size_t i = 0; i < normalized.rows; ++i) {
    EXPECT_NEAR(length(normalized.row(i)), 1.0, 1e-6);
    EXPECT_NEAR(normalized.row(i)[0], cls.row(i)[0] / length(cls.row(i)), 1e-6);
  }
  EXPECT_EQ(encode("bert-mlm", input, {"--no-normalize"}).values, cls.values);

  const Npy cut = encode("bert-mlm", input, {"--dim", "5"});
  ASSERT_EQ(cut.cols, 5u);
  EXPECT_TRUE(std::ranges::equal(cut.row(1), cls.row(1).first(5)));

  // Nothing but [CLS] and [SEP] is left of any text, so all are as the empty one.
  const Npy two_tokens = encode("bert-mlm", input, {"--max-length", "2"});
  for (std::size_t i = 0; i < two_tokens.rows; ++i) {
    EXPECT_TRUE(std::ranges::equal(two_tokens.row(i), cls.row(2))) << i;
  }

  EXPECT_EQ(encode("bert-mlm", input, {"--batch-size", "1", "--threads", "1"}).values, cls.values);
  EXPECT_EQ(encode("bert-mlm", input, {"--batch-size", "5", "--threads", "3"}).values, cls.values);
}

TEST_F(EncodeProgram, ThePromptsAndModulesOfAFolderAreFollowedUnlessAskedOtherwise) {
  const GoldenModel prompts("st-max-prompts");
  const std::string input = folder.write("texts.txt", lines_from(prompts.sentences()));
  const auto expect = [&](const std::string& key, const std::vector<std::string>& arguments) {
    EXPECT_LE(largest_difference<float>(encode("st-max-prompts", input, arguments).values,
                                        prompts.expected(key).as<float>()),
              prompts.tolerance(key))
        << key;
  };
  expect("sentence_embedding", {});
  expect("sentence_embedding.query", {"--prompt-name", "query"});
  expect("sentence_embedding.passage", {"--prompt-name", "passage"});
  expect("sentence_embedding.passage", {"--prompt", "fine: "});
  expect("sentence_embedding.none", {"--prompt", ""});

  const auto unknown = run_program({"encode", "--model", kModels + "st-max-prompts", "--input",
                                    input, "--output", folder / "x.npy", "--prompt-name", "poem"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_TRUE(is_one_error_line(unknown.err)) << unknown.err;
  EXPECT_NE(unknown.err.find("poem"), std::string::npos) << unknown.err;

  const GoldenModel dense("st-mean-dense-normalize");
  const Npy with_modules = encode("st-mean-dense-normalize", input);
  const Npy bare = encode("st-mean-dense-normalize", input, {"--no-modules", "--pooling", "mean"});
  EXPECT_LE(largest_difference<float>(with_modules.values,
                                      dense.expected("sentence_embedding").as<float>()),
            dense.tolerance("sentence_embedding"));
  EXPECT_NE(bare.cols, with_modules.cols);
}

TEST_F(EncodeProgram, AVectorComesBeforeTheInputEnds) {
  RunningProgram program(program_command({"encode", "--model", kModels + "bert-mlm", "--input", "-",
                                          "--output", "-", "--format", "tsv"}));
  program.write("how\n");
  const std::string first = program.read_line();
  EXPECT_EQ(std::count(first.begin(), first.end(), '\t'), 23);
  program.write("how\n");
  EXPECT_EQ(program.read_line(), first);
  const auto result = program.finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
}

TEST_F(EncodeProgram, MemoryDoesNotGrowWithTheFile) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory grows";
  std::string lines;
  while (lines.size() < 500'000) lines += "how are you ? fine , thank you !\n";
  const auto encode_lines = [&](std::string_view input) {
    const auto result = run_program(
        {"encode", "--model", kModels + "bert-mlm", "--input", "-", "--output", folder / "out.npy"},
        input);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.max_resident_kib;
  };
  const long for_some = encode_lines(std::string_view(lines).substr(0, lines.size() / 8));
  const long for_many = encode_lines(lines + lines + lines + lines);  // 2 MB, 6 MB of vectors
  EXPECT_LE(for_many, for_some + 1024);
}

TEST_F(EncodeProgram, ALineOfAHundredMegabytesIsALine) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory grows";
  constexpr std::size_t kBytes = 100'000'000;
  std::string line(kBytes, 'x');
  const Npy npy = encode("bert-mlm", folder.write("texts.txt", line + "\n[UNK]\n"));
  ASSERT_EQ(npy.rows, 2u);
  EXPECT_TRUE(std::ranges::equal(npy.row(0), npy.row(1))) << "one word too long for a token";
  const auto result = run_program({"encode", "--model", kModels + "bert-mlm", "--input",
                                   folder / "texts.txt", "--output", folder / "out.npy"});
  EXPECT_EQ(result.status, 0) << result.err;
  // The line as it is read into a string that doubles, and the text.
  EXPECT_LE(result.max_resident_kib, static_cast<long>(3.5 * kBytes / 1024));
}

TEST_F(EncodeProgram, WhatFailsLeavesTheOldFileAsItWas) {
  folder.write("out.npy", "precious");
  const std::string input = folder.write("texts.jsonl", "\"fine\"\n17\n");
  EXPECT_EQ(run_program({"encode", "--model", kModels + "bert-mlm", "--input", input, "--output",
                         folder / "out.npy"})
                .status,
            1);
  EXPECT_EQ(read_file(folder / "out.npy"), "precious");
  EXPECT_EQ(folder.names().size(), 2u);

  const auto nowhere = run_program({"encode", "--model", kModels + "bert-mlm", "--input", input,
                                    "--output", folder / "no/such/folder/out.npy"});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_TRUE(is_one_error_line(nowhere.err)) << nowhere.err;
}

TEST_F(EncodeProgram, AnInterruptLeavesNothingBehind) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU}) {
    RunningProgram program(program_command({"encode", "--model", kModels + "bert-mlm", "--input",
                                            "-", "--output", folder / "out.npy"}));
    program.write("how\n");
    for (int tries = 0; tries < 600 && folder.names().empty(); ++tries) ::usleep(100'000);
    EXPECT_EQ(folder.names().size(), 1u);
    program.kill(signal_number);
    const auto result = program.finish();
    EXPECT_EQ(result.status == 1, signal_number == SIGINT);
    EXPECT_EQ(result.err, "semblance: interrupted\n");
    EXPECT_TRUE(folder.names().empty());
  }
}

TEST_F(EncodeProgram, ALinkStaysALink) {
  namespace fs = std::filesystem;
  folder.write("real.npy", "old");
  fs::create_symlink("real.npy", folder / "out.npy");
  EXPECT_EQ(encode("bert-mlm", folder.write("texts.txt", "how\n")).rows, 1u);
  EXPECT_TRUE(fs::is_symlink(folder / "out.npy"));
  EXPECT_EQ(parse_npy(read_file(folder / "real.npy")).rows, 1u);
}

TEST_F(EncodeProgram, ALinkToNothingIsRefusedAndStays) {
  namespace fs = std::filesystem;
  const std::string input = folder.write("texts.txt", "how\n");
  for (const char* target : {"nothing", "loop"}) {
    fs::create_symlink(target, folder / "loop");
    for (const std::vector<std::string>& more :
         std::vector<std::vector<std::string>>{{}, {"--resume"}}) {
      std::vector<std::string> arguments = {"encode",  "--format",           "jsonl",
                                            "--model", kModels + "bert-mlm", "--input",
                                            input,     "--output",           folder / "loop"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const auto result = run_program(arguments);
      EXPECT_EQ(result.status, 1);
      EXPECT_NE(result.err.find("a link to nothing"), std::string::npos) << result.err;
      EXPECT_TRUE(fs::is_symlink(folder / "loop"));
      EXPECT_EQ(folder.names().size(), 2u);
    }
    fs::remove(folder / "loop");
  }
}

TEST_F(EncodeProgram, AnotherNameOfStandardOutputIsStandardOutput) {
  namespace fs = std::filesystem;
  const std::string input = folder.write("texts.txt", "how\nare\n");
  fs::create_symlink("/proc/self/fd/1", folder / "stdout");
  const auto result = run_shell("(echo first; \"$PROGRAM\" encode --model " + kModels +
                                "bert-mlm --input " + input + " --format jsonl --output " +
                                (folder / "stdout") + "; echo last) >> " + (folder / "all"));
  EXPECT_EQ(result.status, 0) << result.err;
  const auto lines = lines_of(read_file(folder / "all"));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines.front(), "first");
  EXPECT_EQ(lines.back(), "last");
  EXPECT_TRUE(fs::is_symlink(folder / "stdout"));
}

TEST_F(EncodeProgram, InputThatCannotBeReadIsNamed) {
  for (const std::string& input : {folder / "nothing.txt", std::string("/")}) {
    const auto result = run_program({"encode", "--model", kModels + "bert-mlm", "--input", input,
                                     "--output", folder / "out.npy"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_TRUE(result.err.starts_with("semblance: " + input + ": ")) << result.err;
  }
}

}  // namespace
}  // namespace semblance::testing
