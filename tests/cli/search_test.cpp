#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "cli/run_program.h"
#include "semblance/search/similarity.h"
#include "support/golden_model.h"

namespace semblance::testing {
namespace {

struct Found {
  std::string score;
  std::size_t line;
  std::string text;
};

std::vector<Found> parse(const std::string& output) {
  std::vector<Found> found;
  for (const auto& line : lines_of(output)) {
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    if (second == std::string::npos) {
      ADD_FAILURE() << line;
      continue;
    }
    found.push_back({line.substr(0, first), std::stoul(line.substr(first + 1, second)),
                     line.substr(second + 1)});
  }
  return found;
}

std::string cosine(const std::string& a, const std::string& b) {
  const auto result = run_program({"similarity", "--model", kModel, "--", a, b});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.ends_with('\n'));
  return result.out.substr(0, result.out.size() - 1);
}

TEST(SimilarityProgram, PrintsOneNumberWithSixDecimals) {
  const std::string same = cosine("how are you", "how are you");
  EXPECT_TRUE(same == "1.000000" || same == "0.999999" || same == "1.000001") << same;
  const std::string other = cosine("how are you", "fine");
  EXPECT_EQ(other.size() - other.find('.'), 7u) << other;
  EXPECT_LT(std::stod(other), 1.0);
  EXPECT_EQ(cosine("fine", "how are you"), other);
  EXPECT_EQ(cosine("", "").size(), 8u);
  EXPECT_EQ(cosine("--loud", "-1").find("0."), cosine("-1", "--loud").find("0."));
}

TEST(SearchProgram, GivesTheBestLinesWithTheirCosine) {
  const TemporaryFolder folder;
  const GoldenModel model("bert-mlm");
  std::string lines;
  for (const auto& text : model.sentences()) lines += text + '\n';
  const std::string corpus = folder.write("corpus.txt", lines);
  const std::string query = "how are they";
  const auto result = run_program(
      {"search", "--model", kModel, "--corpus", corpus, "--query", query, "--top-k", "4"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto found = parse(result.out);
  ASSERT_EQ(found.size(), 4u);

  std::vector<double> scores;
  for (const auto& text : model.sentences()) scores.push_back(std::stod(cosine(query, text)));
  for (const auto& hit : found) {
    EXPECT_EQ(hit.text, model.sentences()[hit.line - 1]);
    EXPECT_NEAR(std::stod(hit.score), scores[hit.line - 1], 1.5e-6);
  }
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::stod(a.score) > std::stod(b.score);
  }));
  std::sort(scores.rbegin(), scores.rend());
  EXPECT_NEAR(std::stod(found.back().score), scores[3], 1.5e-6);
}

// Without options as encode_query() and encode_document() of sentence-transformers.
TEST(SearchProgram, PutsTheirPromptsBeforeTheQueryAndTheCorpus) {
  const GoldenModel model("st-max-prompts");
  const auto sentences = model.sentences();
  std::string lines;
  for (const auto& text : sentences) lines += text + '\n';
  const auto expect = [&](const std::string& query_key, const std::string& corpus_key,
                          const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {
        "search",     "--model", kModels + "st-max-prompts",      "--corpus", "-", "--query",
        sentences[1], "--top-k", std::to_string(sentences.size())};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto result = run_program(arguments, lines);
    ASSERT_EQ(result.status, 0) << result.err;
    const auto queries = model.expected("sentence_embedding." + query_key).as<float>();
    const auto rows = model.expected("sentence_embedding." + corpus_key).as<float>();
    const std::size_t size = rows.size() / sentences.size();
    const auto found = parse(result.out);
    ASSERT_EQ(found.size(), sentences.size());
    for (const auto& hit : found) {
      const float score = cosine_similarity(std::span(queries).subspan(size, size),
                                            std::span(rows).subspan((hit.line - 1) * size, size));
      EXPECT_NEAR(std::stod(hit.score), score, 1e-5) << query_key << ", " << corpus_key;
    }
  };
  expect("query", "none", {});
  expect("passage", "none", {"--prompt-name", "passage"});
  expect("none", "none", {"--prompt", ""});
  expect("query", "passage", {"--corpus-prompt-name", "passage"});
  expect("query", "passage", {"--corpus-prompt", "fine: "});
  expect("none", "query", {"--prompt", "", "--corpus-prompt-name", "query"});
}

TEST(SearchProgram, FindsInACorpusOfManyBlocksAndKeepsEqualLinesInOrder) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += i % 1000 == 7 ? "fine\n" : "how are you ?\n";
  const auto result = run_program(
      {"search", "--model", kModel, "--corpus", "-", "--query", "fine", "--top-k", "6"}, lines);
  ASSERT_EQ(result.status, 0) << result.err;
  std::vector<std::size_t> found;
  for (const auto& hit : parse(result.out)) found.push_back(hit.line);
  EXPECT_EQ(found, (std::vector<std::size_t>{8, 1008, 2008, 3008, 4008, 1}));
}

TEST(SearchProgram, MoreAskedThanThereGivesAll) {
  const auto result = run_program({"search", "--model", kModel, "--corpus", "-", "--query", "how"},
                                  "how\n\nfine\n");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(parse(result.out).size(), 3u);
  EXPECT_EQ(run_program({"search", "--model", kModel, "--corpus", "-", "--query", "how"}).out, "");
}

TEST(SearchProgram, ReadsACorpusOfJsonLines) {
  const TemporaryFolder folder;
  const std::string corpus = folder.write("corpus.jsonl", "\"how\"\n{\"text\": \"fine\"}\n");
  const auto result =
      run_program({"search", "--model", kModel, "--corpus", corpus, "--query", "fine"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(parse(result.out).front().text, "fine");
}

TEST(SearchProgram, ATextWithALineEndStaysOneLine) {
  const TemporaryFolder folder;
  const std::string corpus = folder.write("corpus.jsonl", "\"how\\nare\\tyou\"\n");
  const auto result =
      run_program({"search", "--model", kModel, "--corpus", corpus, "--query", "fine"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(lines_of(result.out).size(), 1u) << result.out;
}

}  // namespace
}  // namespace semblance::testing
