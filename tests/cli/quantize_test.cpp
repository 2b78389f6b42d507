#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/run_program.h"
#include "semblance/io/quantized_weights.h"
#include "semblance/io/weight_files.h"
#include "semblance/semblance.h"

namespace semblance::testing {
namespace {

const std::vector<std::string> kTexts = {"how are you", "a b c d e f g", "", "fine thank you",
                                         "how how how how are are you you you you you you fine"};

// Mean cosine.
double similarity_of(const SentenceEncoder& a, const SentenceEncoder& b) {
  double sum = 0;
  const auto first = a.encode(kTexts, {.pooling = Pooling::mean});
  const auto second = b.encode(kTexts, {.pooling = Pooling::mean});
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    sum += static_cast<double>(similarity(first[i], second[i]));
  }
  return sum / static_cast<double>(kTexts.size());
}

// Of a line of --report: "8 bits   0.00512  key".
double relative_error_of(const std::string& line) {
  double error = -1;
  EXPECT_EQ(std::sscanf(line.c_str(), "%*d bits %lf", &error), 1) << line;
  return error;
}

class QuantizeProgram : public ::testing::TestWithParam<int> {
 protected:
  TemporaryFolder folder;
  std::string output = folder / "quantized";

  ProgramResult quantize(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"quantize", "--model", kModel, "--output", output, "--bits",
                               std::to_string(GetParam())});
    return run_program(more);
  }
};
INSTANTIATE_TEST_SUITE_P(Bits, QuantizeProgram, ::testing::Values(8, 4));

TEST_P(QuantizeProgram, WritesAFolderThatLoadsAndMeansNearlyTheSame) {
  const auto result = quantize({"--report"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto lines = lines_of(result.out);
  EXPECT_GT(lines.size(), 10u);
  const auto original = SentenceEncoder::load(kModel);
  // With 8 bits, what the library promises on average. With 4, what the report says of the
  // matrices: their errors are independent, so that the squares of their lengths add up; twice the
  // length that this gives, for what is computed between them, is the angle.
  double square = 0;
  for (const auto& line : lines) square += std::pow(relative_error_of(line), 2);
  const double bound = GetParam() == 8 ? 0.999 : std::cos(2 * std::sqrt(square));
  for (const auto precision : {std::optional<Precision>(), std::optional(Precision::f32),
                               std::optional(Precision::bf16)}) {
    const auto quantized = SentenceEncoder::load(output, {.precision = precision});
    EXPECT_GT(similarity_of(original, quantized), bound);
    EXPECT_LT(similarity_of(original, quantized), 1.0);
  }
  // Loaded without a word, it is computed in int8.
  EXPECT_EQ(SentenceEncoder::load(output).encode(kTexts).values,
            SentenceEncoder::load(output, {.precision = Precision::int8}).encode(kTexts).values);
  const auto weights = WeightFiles::open(output);
  const auto* codes = weights.describe("bert.encoder.layer.0.attention.self.query.weight");
  ASSERT_NE(codes, nullptr);
  EXPECT_EQ(codes->dtype, GetParam() == 8 ? DType::i8 : DType::u8);
  // 24 columns fall into 8 pieces; what does not come out of a LayerNorm is not transformed.
  const auto* pieces = weights.describe(codes->name + "_pieces");
  EXPECT_EQ(pieces != nullptr, GetParam() == 8);
  if (pieces != nullptr) {
    EXPECT_EQ(weights.find(pieces->name)->as<std::uint8_t>()[0], 8);
  }
  EXPECT_EQ(weights.describe("bert.encoder.layer.0.output.dense.weight_pieces"), nullptr);
  // The small tables stay as they are.
  EXPECT_EQ(weights.describe("bert.embeddings.position_embeddings.weight")->dtype, DType::f32);
  EXPECT_TRUE(is_quantized(weights, codes->name));
  EXPECT_LT(weights.total_bytes() * (GetParam() == 8 ? 2 : 3),
            WeightFiles::open(kModel).total_bytes());
}

TEST_P(QuantizeProgram, RefusesToQuantizeTwiceOrOverSomething) {
  ASSERT_EQ(quantize().status, 0);
  const auto again = quantize();
  EXPECT_EQ(again.status, 1);
  EXPECT_TRUE(is_one_error_line(again.err)) << again.err;
  const auto twice = run_program({"quantize", "--model", output, "--output", folder / "twice"});
  EXPECT_EQ(twice.status, 1);
  EXPECT_TRUE(is_one_error_line(twice.err)) << twice.err;
  EXPECT_NE(twice.err.find("not quantized yet"), std::string::npos) << twice.err;
}

TEST_P(QuantizeProgram, KeepsWhatWouldLoseTooMuch) {
  const auto result = quantize({"--report", "--keep-above", "1e-9"});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const auto& line : lines_of(result.out)) EXPECT_TRUE(line.starts_with("kept ")) << line;
  // All that is kept is computed in float32: the same bits as the original.
  EXPECT_EQ(SentenceEncoder::load(output).encode(kTexts).values,
            SentenceEncoder::load(kModel).encode(kTexts).values);
}

TEST_P(QuantizeProgram, TellsSpearmanBeforeAndAfter) {
  std::string pairs;
  for (int i = 0; i < 12; ++i) {
    pairs += kTexts[static_cast<std::size_t>(i) % 4] +
             std::string(static_cast<std::size_t>(i), 'a') + '\t' +
             kTexts[static_cast<std::size_t>(i * 7) % 5] + '\t' + std::to_string(i % 3) + '\n';
  }
  const auto result = quantize({"--scores", folder.write("pairs.tsv", pairs)});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(lines_of(result.out).size(), 1u);
  EXPECT_TRUE(result.out.starts_with("Spearman ")) << result.out;
}

TEST(QuantizeProgram, CopiesModulesWhateverTheirFoldersAreCalled) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  fs::copy(kModels + "st-mean-dense-normalize", folder / "model", fs::copy_options::recursive);
  std::string modules = read_file(folder / "model/modules.json");
  fs::rename(folder / "model/1_Pooling", folder / "model/pooling");
  modules.replace(modules.find("1_Pooling"), 9, "pooling");
  std::ofstream(folder / "model/modules.json") << modules;
  const auto result =
      run_program({"quantize", "--model", folder / "model", "--output", folder / "quantized"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto original = SentenceEncoder::load(folder / "model");
  const auto quantized = SentenceEncoder::load(folder / "quantized");
  EXPECT_GT(similarity(original.encode("how are you"), quantized.encode("how are you")), 0.99f);
}

TEST(QuantizeProgram, FillsAnEmptyFolderWhicheverWayItIsNamed) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  fs::create_directory(folder / "empty");
  fs::permissions(folder / "empty", fs::perms::owner_all);
  fs::create_directory_symlink("empty", folder / "link");
  const auto linked = run_program({"quantize", "--model", kModel, "--output", folder / "link"});
  EXPECT_EQ(linked.status, 0) << linked.err;
  EXPECT_EQ(fs::status(folder / "empty").permissions(), fs::perms::owner_all);
  fs::create_directory(folder / "here");
  const auto here = run_shell("cd '" + (folder / "here") + "' && exec \"$PROGRAM\" quantize " +
                              "--model '" + fs::absolute(kModel).string() + "' --output .");
  EXPECT_EQ(here.status, 0) << here.err;
  const auto beside = run_program({"quantize", "--model", kModel, "--output", folder / "new/one"});
  EXPECT_EQ(beside.status, 0) << beside.err;
  const auto expected = SentenceEncoder::load(folder / "new/one").encode("fine").values;
  for (const char* name : {"empty", "here"}) {
    EXPECT_EQ(SentenceEncoder::load(folder / name).encode("fine").values, expected);
    for (const auto& entry : fs::directory_iterator(folder / name)) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".part")) << entry.path();
    }
  }
}

TEST(QuantizeProgram, CopiesNothingFromOutsideOfTheFolder) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  folder.write("secret", "of this user");
  fs::copy(kModels + "st-mean-dense-normalize", folder / "model", fs::copy_options::recursive);
  for (const std::string place : {"README.md", "1_Pooling/more.txt"}) {
    const std::string link = folder / ("model/" + place);
    fs::remove(link);
    fs::create_symlink(folder / "secret", link);
    const auto result =
        run_program({"quantize", "--model", folder / "model", "--output", folder / "quantized"});
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find("a link that leaves it"), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(folder / "quantized"));
    fs::remove(link);
  }
}

TEST(QuantizeProgram, LeavesNothingWhereItFails) {
  const TemporaryFolder folder;
  const std::string alike = folder.write("alike.tsv", "a\tb\t1\nc\td\t1\n");
  for (const std::string& scores : {folder / "absent.tsv", alike}) {
    const auto result = run_program(
        {"quantize", "--model", kModel, "--output", folder / "new/quantized", "--scores", scores});
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find(scores), std::string::npos) << result.err;
  }
  const auto full = run_shell("ulimit -f 8; exec \"$PROGRAM\" quantize --model " + kModel +
                              " --output " + (folder / "quantized"));
  EXPECT_EQ(full.status, 1) << full.err;
  EXPECT_EQ(folder.names().size(), 1u);
}

TEST(QuantizeProgram, FindsOutWhereItCannotWriteBeforeItWorks) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("nothing", folder / "link");
  const auto link = run_program({"quantize", "--model", kModel, "--output", folder / "link"});
  EXPECT_EQ(link.status, 1);
  EXPECT_NE(link.err.find("a link to nothing"), std::string::npos) << link.err;
  const auto around =
      run_program({"quantize", "--model", kModel, "--output", folder / "new/../quantized/"});
  EXPECT_EQ(around.status, 0) << around.err;
  EXPECT_TRUE(std::filesystem::exists(folder / "quantized/model.safetensors"));
}

TEST(QuantizeProgram, AnInterruptLeavesNothing) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  std::string pairs;
  for (int i = 0; i < 200'000; ++i) {
    pairs += std::to_string(i) + " how are you\t" + std::to_string(i) + " fine thank you\t" +
             std::to_string(i % 2) + '\n';
  }
  const std::string scores = folder.write("pairs.tsv", pairs);
  fs::create_directory(folder / "empty");
  for (const std::string name : {"new", "empty"}) {
    RunningProgram program(program_command(
        {"quantize", "--model", kModel, "--output", folder / name, "--scores", scores}));
    // While the model is compared with the original.
    const auto has_weights = [&] {
      std::error_code ignored;
      for (const auto& entry : fs::recursive_directory_iterator(folder / ".", ignored)) {
        if (entry.path().filename() == "model.safetensors") return true;
      }
      return false;
    };
    for (int i = 0; i < 6000 && !has_weights(); ++i) ::usleep(10'000);
    program.kill(SIGINT);
    const auto result = program.finish();
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err, "semblance: interrupted\n");
    EXPECT_EQ(folder.names().size(), 2u) << name;
    EXPECT_TRUE(fs::is_empty(folder / "empty"));
  }
}

TEST(PrecisionOption, EveryChoiceIsTakenAndOnlyThose) {
  std::vector<std::string> results;
  for (const char* precision : {"f32", "f16", "bf16", "int8"}) {
    const auto result = run_program({"similarity", "--model", kModels + "bert-wide", "--pooling",
                                     "mean", "--precision", precision, "how are you", "fine fine"});
    EXPECT_EQ(result.status, 0) << result.err;
    results.push_back(result.out);
  }
  EXPECT_NEAR(std::stod(results[0]), std::stod(results[1]), 1e-3);
  EXPECT_NEAR(std::stod(results[0]), std::stod(results[2]), 1e-2);
  EXPECT_NEAR(std::stod(results[0]), std::stod(results[3]), 1e-2);
  EXPECT_EQ(run_program({"similarity", "--model", kModel, "--precision", "int4", "a", "b"}).status,
            2);
}

}  // namespace
}  // namespace semblance::testing
