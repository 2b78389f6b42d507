#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "semblance/pooling/whitening_file.h"

namespace semblance::testing {
namespace {

// Varied texts of tokens that the model knows.
std::string some_texts(int count) {
  std::string texts;
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j <= i % 5; ++j) texts += {static_cast<char>('a' + i * (2 * j + 1) % 26), ' '};
    texts += "how are you\n";
  }
  return texts;
}

std::vector<std::vector<double>> encoded(const std::vector<std::string>& arguments,
                                         const std::string& texts) {
  std::vector<std::string> command{"encode",   "--model", kModel,     "--input", "-",
                                   "--output", "-",       "--format", "jsonl"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto result = run_program(command, texts);
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<std::vector<double>> vectors;
  for (const auto& line : lines_of(result.out)) vectors.push_back(nlohmann::json::parse(line));
  return vectors;
}

TEST(WhitenProgram, FitsWhatEncodeThenApplies) {
  const TemporaryFolder folder;
  const std::string texts = some_texts(300);
  const std::string input = folder.write("texts.txt", texts);
  const std::string output = folder / "whitening.safetensors";
  const auto result = run_program({"whiten", "--model", kModel, "--pooling", "first_last_avg",
                                   "--input", input, "--dim", "6", "--output", output});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(load_whitening(output).dimensions(), 6u);

  const auto vectors = encoded({"--pooling", "first_last_avg", "--whitening", output}, texts);
  ASSERT_EQ(vectors.size(), 300u);
  for (std::size_t i = 0; i < 6; ++i) {
    double mean = 0.0;
    for (const auto& vector : vectors) mean += vector.at(i) / 300;
    EXPECT_NEAR(mean, 0.0, 1e-4);
    for (std::size_t j = 0; j < 6; ++j) {
      double covariance = 0.0;
      for (const auto& vector : vectors) covariance += vector.at(i) * vector.at(j) / 300;
      EXPECT_NEAR(covariance, i == j ? 1.0 : 0.0, 1e-3);
    }
  }
  const auto normalized =
      encoded({"--pooling", "first_last_avg", "--whitening", output, "--normalize", "--dim", "4"},
              "fine\n");
  ASSERT_EQ(normalized.at(0).size(), 4u);
  double squares = 0.0;
  for (const double value : normalized[0]) squares += value * value;
  EXPECT_NEAR(squares, 1.0, 1e-6);
}

TEST(WhitenProgram, KeepsAllDimensionsUnlessAsked) {
  const TemporaryFolder folder;
  const std::string output = folder / "whitening.safetensors";
  const auto result = run_program({"whiten", "--model", kModel, "--input", "-", "--output", output},
                                  some_texts(300));
  ASSERT_EQ(result.status, 0) << result.err;
  const auto whitening = load_whitening(output);
  EXPECT_GT(whitening.dimensions(), whitening.input_size() / 2);
}

TEST(WhitenProgram, WhatCannotBeFittedIsOneLineAndNoFile) {
  const TemporaryFolder folder;
  const std::string output = folder / "whitening.safetensors";
  const auto whiten = [&](const std::string& dim, const std::string& texts) {
    return run_program(
        {"whiten", "--model", kModel, "--input", "-", "--dim", dim, "--output", output}, texts);
  };
  const auto too_many = whiten("5", "how\nare\nyou\n");
  EXPECT_EQ(too_many.status, 1);
  EXPECT_TRUE(is_one_error_line(too_many.err)) << too_many.err;
  EXPECT_NE(too_many.err.find("5 dimensions asked for, but only 2 remain"), std::string::npos)
      << too_many.err;
  for (const std::string texts : {"", "how\n", "how\nhow\n"}) {
    const auto result = whiten("0", texts);
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(WhitenProgram, AWhiteningOfAnotherWidthIsOneLine) {
  const TemporaryFolder folder;
  const std::string path = folder / "narrow.safetensors";
  save_whitening(Whitening({1.0, 2.0}, {1.0, 2.0}), path);
  for (const std::string command : {"encode", "evaluate"}) {
    std::vector<std::string> arguments{command, "--model", kModel, "--whitening", path};
    if (command == "encode") {
      arguments.insert(arguments.end(), {"--input", "-", "--output", "-", "--format", "tsv"});
    } else {
      arguments.push_back(folder.write("pairs.tsv", "a\tb\t1\na\tc\t0\n"));
    }
    const auto result = run_program(arguments, "a\n");
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_NE(result.err.find("narrow.safetensors: \"mean\": expected F64 or F32 ["),
              std::string::npos)
        << result.err;
    EXPECT_NE(result.err.find("found F64 [2]"), std::string::npos) << result.err;
  }
}

}  // namespace
}  // namespace semblance::testing
