#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "semblance/evaluation/evaluator.h"
#include "semblance/pooling/whitening.h"
#include "semblance/semblance.h"

namespace semblance::testing {
namespace {

// Pairs of varied sentences, some of which come more than once, with scores 0 ... levels - 1.
std::string some_pairs(int count, int levels) {
  const auto letter = [](int i) { return std::string(1, static_cast<char>('a' + i % 26)); };
  std::string lines;
  for (int i = 0; i < count; ++i) {
    const std::string first = "how " + letter(i) + ' ' + letter(3 * i);
    std::string second = i % 3 == 0 ? first : "you " + letter(7 * i) + " are " + letter(11 * i + 5);
    for (int j = 0; j < i % levels; ++j) second += " fine";
    lines += first + '\t' + second + '\t' + std::to_string(levels - 1 - i % levels) + '\n';
  }
  return lines;
}

nlohmann::json results_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"evaluate", "--model", kModel, "--json"});
  const auto result = run_program(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.status == 0 ? nlohmann::json::parse(result.out).at("results") : nullptr;
}

// What the library makes of the file.
Evaluation expected(const std::string& file, EncodeOptions options,
                    std::optional<std::size_t> whitening = {}) {
  const auto encoder = SentenceEncoder::load(kModel);
  return evaluate(read_score_file(file), [&](std::span<const std::string_view> sentences) {
    const auto vectors = encoder.encode(sentences, options);
    Tensor<float> copy(Shape{vectors.num_texts, vectors.dim});
    std::copy(vectors.values.begin(), vectors.values.end(), copy.data());
    if (!whitening) return copy;
    WhiteningFit fit(vectors.dim);
    fit.add(vectors);
    return fit.fit(*whitening).apply(vectors);
  });
}

TEST(EvaluateProgram, PrintsTheCorrelationsAsJson) {
  const TemporaryFolder folder;
  const std::string graded = folder.write("graded.tsv", some_pairs(200, 5));
  const std::string binary = folder.write("binary.tsv", some_pairs(150, 2));
  const auto results = results_of({graded, binary});
  ASSERT_EQ(results.size(), 2u);
  for (const auto& [file, pairs, result] :
       {std::tuple(graded, 200, results[0]), std::tuple(binary, 150, results[1])}) {
    const auto evaluation = expected(file, {});
    EXPECT_EQ(result.at("file"), file);
    EXPECT_EQ(result.at("pairs"), pairs);
    EXPECT_EQ(result.at("spearman"), *evaluation.spearman);
    EXPECT_EQ(result.at("pearson"), *evaluation.pearson);
    EXPECT_EQ(result.at("ci_low"), evaluation.interval->low);
    EXPECT_EQ(result.at("ci_high"), evaluation.interval->high);
    EXPECT_LT(result.at("ci_low"), result.at("spearman"));
    EXPECT_GT(result.at("ci_high"), result.at("spearman"));
    EXPECT_GT(result.at("sentences_per_second"), 0.0);
    EXPECT_EQ(result.size(), 7u);
  }
}

TEST(EvaluateProgram, WhitensEachSetWithItsOwnSentencesOrWithASavedWhitening) {
  const TemporaryFolder folder;
  const std::string file = folder.write("graded.tsv", some_pairs(200, 5));
  const EncodeOptions options{.pooling = Pooling::first_last_avg, .normalize = false};
  for (const std::size_t dimensions : {0u, 4u}) {
    const auto results = results_of(
        {"--pooling", "first_last_avg", "--whitening", std::to_string(dimensions), file});
    EXPECT_EQ(results[0].at("spearman"), *expected(file, options, dimensions).spearman);
  }
  // --dim cuts what is whitened.
  for (const char* dimensions : {"0", "7"}) {
    const auto results =
        results_of({"--pooling", "first_last_avg", "--whitening", dimensions, "--dim", "4", file});
    EXPECT_NEAR(results[0].at("spearman"), *expected(file, options, 4).spearman, 1e-9);
  }

  // Fitted on the distinct sentences in order of appearance, a saved whitening is the same.
  std::string sentences;
  const auto pairs = read_score_file(file);
  for (const auto sentence : distinct_sentences(pairs).sentences) {
    sentences += std::string(sentence) + '\n';
  }
  const std::string saved = folder / "whitening.safetensors";
  ASSERT_EQ(run_program({"whiten", "--model", kModel, "--pooling", "first_last_avg", "--dim", "4",
                         "--input", "-", "--output", saved},
                        sentences)
                .status,
            0);
  const auto results = results_of({"--pooling", "first_last_avg", "--whitening", saved, file});
  EXPECT_EQ(results[0].at("spearman"), *expected(file, options, 4).spearman);
}

TEST(EvaluateProgram, PrintsATableWithAColumnASet) {
  const TemporaryFolder folder;
  const std::string graded = folder.write("graded.test.tsv", some_pairs(200, 5));
  const std::string binary = folder.write("binary.tsv", some_pairs(150, 2));
  const auto result = run_program({"evaluate", "--model", kModel, graded, binary});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 8u) << result.out;
  const auto cells = [&](std::size_t row) {
    std::istringstream stream(lines[row]);
    return std::vector<std::string>(std::istream_iterator<std::string>(stream), {});
  };
  EXPECT_EQ(cells(0), (std::vector<std::string>{"graded.test", "binary"}));
  ASSERT_EQ(cells(1).size(), 3u);
  EXPECT_EQ(cells(1)[0], "Spearman");
  EXPECT_NEAR(std::stod(cells(1)[1]), 100 * *expected(graded, {}).spearman, 0.0051);
  EXPECT_NEAR(std::stod(cells(1)[2]), 100 * *expected(binary, {}).spearman, 0.0051);
  EXPECT_EQ(cells(5), (std::vector<std::string>{"pairs", "200", "150"}));
  for (const auto& line : lines) EXPECT_EQ(line.size(), lines[0].size());
}

TEST(EvaluateProgram, CalibratesAThresholdForLabelledPairs) {
  const TemporaryFolder folder;
  const std::string file = folder.write("binary.tsv", some_pairs(150, 2));
  const auto result = results_of({"--threshold", file})[0];
  // Judged anew with the threshold given, the figures are those given.
  const auto pairs = read_score_file(file);
  const auto evaluation = expected(file, {});
  int right = 0;
  int hits = 0;
  int called = 0;
  int same = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const bool is_same = pairs[i].score == 1.0;
    right += (evaluation.scores[i] >= result.at("accuracy_threshold").get<double>()) == is_same;
    const bool says_same = evaluation.scores[i] >= result.at("f1_threshold").get<double>();
    hits += says_same && is_same;
    called += says_same;
    same += is_same;
  }
  EXPECT_DOUBLE_EQ(result.at("accuracy"), right / 150.0);
  EXPECT_DOUBLE_EQ(result.at("f1"), 2.0 * hits / (called + same));

  const auto table = run_program({"evaluate", "--model", kModel, "--threshold", file});
  EXPECT_NE(table.out.find("\nF1 "), std::string::npos) << table.out;

  const std::string graded = folder.write("graded.tsv", some_pairs(20, 5));
  const auto refused = run_program({"evaluate", "--model", kModel, "--threshold", graded});
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(is_one_error_line(refused.err)) << refused.err;
  EXPECT_NE(refused.err.find("graded.tsv: line 1: expected 0 or 1"), std::string::npos);
}

TEST(EvaluateProgram, BadInputIsOneLineThatNamesFileAndPlace) {
  const TemporaryFolder folder;
  const std::string good = folder.write("good.tsv", some_pairs(20, 5));
  struct Case {
    std::string lines;
    std::string message;
  };
  const std::vector<Case> cases{
      {"", "bad.tsv: expected scored pairs of sentences, found an empty file"},
      {"a\tb\t1\na b\t0\n", "bad.tsv: line 2: expected sentence1, sentence2 and score"},
      {"a\tb\tyes\n", "bad.tsv: line 1: expected a number as score, found \"yes\""},
      {"a\tb\t1\nc\td\t1\n", "bad.tsv: expected scores that differ, or Spearman is undefined"},
      {"a\tb\t1\n", "bad.tsv: expected scores that differ, or Spearman is undefined"},
      {"a\ta\t1\nb\tb\t2\n", "bad.tsv: Spearman is undefined, since the model's cosines do not"},
  };
  for (const auto& [lines, message] : cases) {
    const std::string bad = folder.write("bad.tsv", lines);
    for (const std::string format : {"--json", "--no-modules"}) {
      const auto result = run_program({"evaluate", "--model", kModel, format, good, bad});
      EXPECT_EQ(result.status, 1);
      EXPECT_EQ(result.out, "");
      EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
      EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
    }
  }
  EXPECT_EQ(run_program({"evaluate", "--model", kModel, folder / "absent.tsv"}).status, 1);
  EXPECT_EQ(run_program({"evaluate", "--model", kModel}).status, 2);
}

}  // namespace
}  // namespace semblance::testing
