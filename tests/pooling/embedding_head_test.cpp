#include "semblance/pooling/embedding_head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "layers/plain_layers.h"
#include "semblance/core/thread_pool.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::PaddedRows;
using testing::plain_layer_norm;
using testing::plain_linear;
using testing::PlainFunction;
using testing::RandomLayerNorm;
using testing::RandomLinear;
using testing::RandomValues;
using testing::same_bits;
using testing::Values;

// Products of at most 64 terms, weights below 1/4 and inputs of about 1: 66 roundings of 6e-8 on
// sums below 8, in the worst case 3e-5; a wrong order, sign or activation shows at 1e-2.
constexpr double kTolerance = 3e-5;
constexpr std::size_t kTexts = 5;

Values to_double(const std::vector<float>& values) { return {values.begin(), values.end()}; }

struct Named {
  const char* name;
  PlainFunction function;
};
const std::vector<Named>& activations() {
  static const std::vector<Named> all{{"identity", testing::plain_identity},
                                      {"tanh", [](double x) { return std::tanh(x); }},
                                      {"relu", [](double x) { return std::max(x, 0.0); }},
                                      {"gelu", testing::plain_gelu},
                                      {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
                                      {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }}};
  return all;
}

TEST(Dense, KnowsTheActivationsOfSentenceTransformersByName) {
  for (const auto& named : activations())
    EXPECT_TRUE(Dense::activation_of(named.name)) << named.name;
  EXPECT_EQ(Dense::activation_of("mish"), std::nullopt);
  EXPECT_EQ(Dense::activation_of("Tanh"), std::nullopt);
  EXPECT_EQ(Dense::activation_of(""), std::nullopt);
}

TEST(Dense, EveryActivationAgreesWithThePlainFormWithAndWithoutEachResidual) {
  for (const auto& named : activations()) {
    SCOPED_TRACE(named.name);
    for (const auto residual :
         {Dense::Residual::none, Dense::Residual::identity, Dense::Residual::projection}) {
      const std::size_t in = 40, out = residual == Dense::Residual::identity ? in : 33;
      RandomValues random(7, 0.25f);
      const RandomLinear linear(out, in, random);
      const RandomLinear projection(out, in, random, DType::f32, false);
      const bool projected = residual == Dense::Residual::projection;
      InlineExecutor executor;
      const Dense dense(
          linear.parameters(), *Dense::activation_of(named.name), residual,
          projected ? std::optional<LinearParameters>(projection.parameters()) : std::nullopt,
          executor);
      EXPECT_EQ(dense.in_features(), in);
      EXPECT_EQ(dense.out_features(), out);
      const std::vector<float> x = RandomValues(8).take(kTexts * in);
      const PaddedRows<float> input(kTexts, in, x);
      PaddedRows<float> output(kTexts, out);
      dense.forward(input.view(), output.view(), executor);
      EXPECT_TRUE(output.padding_untouched());
      Values expected = plain_linear(linear, to_double(x), named.function);
      const Values skip = projected ? plain_linear(projection, to_double(x)) : to_double(x);
      if (residual != Dense::Residual::none) {
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += skip[i];
      }
      expect_near<float, double>(output.values(), expected, kTolerance);
    }
  }
}

TEST(Dense, SigmoidSaturatesWithinZeroAndOne) {
  const testing::StoredTensor weight({1, 1}, {1.0f});
  InlineExecutor executor;
  const Dense dense({.weight = weight.view(), .bias = {}}, Dense::Activation::sigmoid,
                    Dense::Residual::none, std::nullopt, executor);
  for (const float x : {-1e30f, -200.0f, -20.0f, 0.0f, 20.0f, 200.0f, 1e30f}) {
    float y = -1;
    dense.forward(MatrixView<const float>(&x, 1, 1), MatrixView<float>(&y, 1, 1), executor);
    EXPECT_GE(y, 0.0f);
    EXPECT_LE(y, 1.0f);
    // 1/2 + tanh / 2: tanh is within 1.3 ulp.
    EXPECT_NEAR(y, 1 / (1 + std::exp(-static_cast<double>(x))), 1e-7);
  }
}

// Runs a head the way the encoder does: two buffers of the widest row each.
std::vector<float> run(const EmbeddingHead& head, const std::vector<float>& x, std::size_t in,
                       bool normalize, Executor& executor) {
  const std::size_t rows = x.size() / in;
  const std::size_t widest = head.widest(in);
  PaddedRows<float> first(rows, widest), second(rows, widest);
  MatrixView<float> input(first.view().data, rows, in, first.view().stride);
  for (std::size_t r = 0; r < rows; ++r) std::copy_n(x.data() + r * in, in, input.row(r));
  const auto result = head.forward(input, second.view(), normalize, executor);
  EXPECT_TRUE(first.padding_untouched() && second.padding_untouched());
  EXPECT_EQ(result.rows, rows);
  EXPECT_EQ(result.cols, head.output_size(in));
  std::vector<float> values;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = result.row_span(r);
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

void normalize_rows(Values& values, std::size_t size) {
  for (std::size_t first = 0; first < values.size(); first += size) {
    double squares = 0;
    for (std::size_t i = 0; i < size; ++i) squares += values[first + i] * values[first + i];
    for (std::size_t i = 0; i < size; ++i) values[first + i] /= std::sqrt(squares);
  }
}

// Dense 40 -> 64, layer norm, Dense 64 -> 9 with a residual projection, normalize: each buffer is
// used twice, with rows that grow and shrink.
struct Chain {
  RandomValues random{9, 0.25f};
  RandomLinear first{64, 40, random};
  RandomLayerNorm norm{64, random, 1e-5};
  RandomLinear second{9, 64, random};
  RandomLinear projection{9, 64, random, DType::f32, false};
  InlineExecutor executor;

  EmbeddingHead head(Executor& packer) const {
    std::vector<EmbeddingHead::Step> steps;
    steps.emplace_back(Dense(first.parameters(), Dense::Activation::tanh, Dense::Residual::none,
                             std::nullopt, packer));
    steps.emplace_back(LayerNorm<float>(norm.parameters()));
    steps.emplace_back(Dense(second.parameters(), Dense::Activation::sigmoid,
                             Dense::Residual::projection, projection.parameters(), packer));
    steps.emplace_back(NormalizeStep{});
    return EmbeddingHead(std::move(steps));
  }
  Values plain(const std::vector<float>& x, bool normalize) const {
    const Values wide = plain_layer_norm(
        norm, plain_linear(first, to_double(x), [](double v) { return std::tanh(v); }));
    Values narrow = plain_linear(second, wide, [](double v) { return 1 / (1 + std::exp(-v)); });
    const Values skip = plain_linear(projection, wide);
    for (std::size_t i = 0; i < narrow.size(); ++i) narrow[i] += skip[i];
    if (normalize) normalize_rows(narrow, 9);
    return narrow;
  }
};

TEST(EmbeddingHead, RunsAChainOfAllStepsInOrder) {
  Chain chain;
  const EmbeddingHead head = chain.head(chain.executor);
  EXPECT_EQ(head.output_size(40), 9u);
  EXPECT_EQ(head.widest(40), 64u);
  EXPECT_TRUE(head.ends_normalized());
  for (const std::size_t rows : {1u, 5u, 0u, 17u}) {
    const std::vector<float> x = RandomValues(10).take(rows * 40);
    for (const bool normalize : {true, false}) {
      expect_near<float, double>(run(head, x, 40, normalize, chain.executor),
                                 chain.plain(x, normalize), kTolerance);
    }
  }
}

TEST(EmbeddingHead, HasTheSameBitsWithAnyThreadCountAndEachRowAlone) {
  Chain chain;
  const EmbeddingHead head = chain.head(chain.executor);
  const std::vector<float> x = RandomValues(11).take(7 * 40);
  const auto expected = run(head, x, 40, true, chain.executor);
  ThreadPool pool(4);
  for (std::size_t num_threads = 1; num_threads <= 4; ++num_threads) {
    ThreadPool::Team team(pool, num_threads);
    EXPECT_TRUE(same_bits(run(chain.head(team), x, 40, true, team), expected));
  }
  for (std::size_t r = 0; r < 7; ++r) {
    const std::vector<float> row(x.begin() + static_cast<long>(r * 40),
                                 x.begin() + static_cast<long>((r + 1) * 40));
    EXPECT_TRUE(
        same_bits(run(head, row, 40, true, chain.executor), std::span(expected).subspan(r * 9, 9)));
  }
}

TEST(EmbeddingHead, WithoutStepsLeavesTheRowsWhereTheyAre) {
  const EmbeddingHead head;
  EXPECT_FALSE(head.ends_normalized());
  EXPECT_EQ(head.output_size(12), 12u);
  EXPECT_EQ(head.widest(12), 12u);
  const std::vector<float> x = RandomValues(12).take(24);
  InlineExecutor executor;
  EXPECT_EQ(run(head, x, 12, true, executor), x);
}

TEST(EmbeddingHead, NormalizeInTheMiddleRunsToo) {
  Chain chain;
  std::vector<EmbeddingHead::Step> steps;
  steps.emplace_back(NormalizeStep{});
  steps.emplace_back(Dense(chain.first.parameters(), Dense::Activation::identity,
                           Dense::Residual::none, std::nullopt, chain.executor));
  const EmbeddingHead head(std::move(steps));
  EXPECT_FALSE(head.ends_normalized());
  const std::vector<float> x = RandomValues(13).take(3 * 40);
  Values unit = to_double(x);
  normalize_rows(unit, 40);
  expect_near<float, double>(run(head, x, 40, true, chain.executor),
                             plain_linear(chain.first, unit), kTolerance);
  expect_near<float, double>(run(head, x, 40, false, chain.executor),
                             plain_linear(chain.first, to_double(x)), kTolerance);
}

}  // namespace
}  // namespace semblance
