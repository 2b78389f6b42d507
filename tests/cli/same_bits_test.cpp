#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cli/run_program.h"
#include "semblance/simd/isa.h"
#include "support/golden_model.h"

namespace semblance::testing {
namespace {

struct Case {
  const char* model;
  const char* pooling;
  const char* precision = "f32";
};
// Every activation, position scheme, weight type and kind of head, and the other precisions.
constexpr Case kCases[] = {{"bert-mlm", "mean"},
                           {"bert-gelu-pytorch-tanh", "first_last_avg"},
                           {"bert-relu-cased", "max"},
                           {"bert-silu-types1", "weightedmean"},
                           {"bert-tanh-types3", "mean_sqrt_len_tokens"},
                           {"bert-f16", "mean"},
                           {"bert-bf16-bin", "cls"},
                           {"distilbert", "lasttoken"},
                           {"roformer-value-projected", "mean"},
                           {"system-roformer-char", "last_two_avg"},
                           {"system-simbert-small", "pooler_output"},
                           {"st-dense-chain-old", ""},
                           {"st-layernorm", ""},
                           {"bert-mlm", "mean", "f16"},
                           {"bert-mlm", "mean", "bf16"},
                           {"bert-mlm", "mean", "int8"},
                           {"roformer-value-projected", "cls", "int8"}};

// FNV-1a.
std::string hash(const std::string& bytes) {
  std::uint64_t state = 14695981039346656037u;
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(state));
  return text;
}

// The vectors of a folder's sentences, as the file that the program writes.
std::string encode(const Case& c, const std::string& environment, const std::string& options) {
  const TemporaryFolder folder;
  const GoldenModel golden(c.model);
  std::string lines;
  for (const auto& sentence : golden.sentences()) {
    std::string line = sentence;
    for (char& letter : line) {
      if (letter == '\n' || letter == '\r') letter = ' ';
    }
    lines += line + '\n';
  }
  const std::string pooling = *c.pooling == '\0' ? "" : " --pooling " + std::string(c.pooling);
  const auto result = run_shell(environment + " \"$PROGRAM\" encode --model " + kModels + c.model +
                                " --input " + folder.write("in.txt", lines) + " --output " +
                                (folder / "out.npy") + " --precision " + c.precision + pooling +
                                options);
  EXPECT_EQ(result.status, 0) << result.err;
  return read_file(folder / "out.npy");
}

// vector_bits.txt holds what every CPU, compiler and flag must give.
TEST(ProgramsBits, AreTheSameOnEveryInstructionSetThreadCountAndBatch) {
  std::string found;
  for (const Case& c : kCases) {
    const std::string vectors = encode(c, "SEMBLANCE_ISA=scalar", " --threads 1 --batch-size 1");
    ASSERT_GT(vectors.size(), 128u);
    std::size_t threads = 1;
    for (const simd::Isa isa : simd::kAllIsas) {
      if (!simd::isa_supported(isa)) continue;
      threads = threads % 4 + 1;
      const std::string options =
          " --threads " + std::to_string(threads) + " --batch-size " + std::to_string(threads * 3);
      EXPECT_EQ(encode(c, "SEMBLANCE_ISA=" + std::string(name_of(isa)), options), vectors)
          << c.model << ' ' << c.precision << " on " << name_of(isa) << options;
    }
    found += std::string(c.model) + ' ' + c.pooling + (*c.pooling ? " " : "") + c.precision + ' ' +
             hash(vectors) + '\n';
  }
  EXPECT_EQ(found, read_file(std::string(SEMBLANCE_TEST_DATA) + "/cli/vector_bits.txt"));
}

}  // namespace
}  // namespace semblance::testing
