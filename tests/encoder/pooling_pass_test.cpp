#include "semblance/pooling_pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "semblance/core/executor.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

// An encoder whose hidden states the test makes up; of its own it only has a pooler.
class MadeUpEncoder final : public EncoderModel<float> {
 public:
  MadeUpEncoder(std::size_t num_hidden_layers, std::size_t hidden_size)
      : sizes_{.hidden_size = hidden_size, .num_hidden_layers = num_hidden_layers} {}

  const EncoderSizes& sizes() const noexcept override { return sizes_; }
  MatrixView<const float> forward(const SequenceBatch&, std::span<const std::int32_t>,
                                  std::span<const std::int32_t>, Workspace<float>&, Executor&,
                                  HiddenStatesObserver<float>, WantedTokens) const override {
    ADD_FAILURE() << "the pooling ran the encoder";
    return {};
  }
  bool has_pooler() const noexcept override { return true; }
  // tanh(cls / 2 + 1)
  void pool(MatrixView<const float> cls, MatrixView<float> pooler_output,
            Executor&) const override {
    for (std::size_t r = 0; r < cls.rows; ++r) {
      std::transform(cls.row(r), cls.row(r) + cls.cols, pooler_output.row(r),
                     [](float value) { return std::tanh(value / 2 + 1); });
    }
  }
  std::size_t byte_count() const noexcept override { return 0; }

 private:
  EncoderSizes sizes_;
};

// Texts laid end to end and what every level makes of them, [tokens, hidden_size] each.
struct HiddenStates {
  std::vector<std::size_t> starts{0};
  std::vector<testing::PaddedRows<float>> levels;

  HiddenStates(std::vector<std::size_t> lengths, std::size_t num_layers, std::size_t hidden_size,
               std::uint64_t seed = 1) {
    for (const std::size_t length : lengths) starts.push_back(starts.back() + length);
    testing::RandomValues random(seed);
    for (std::size_t level = 0; level <= num_layers; ++level) {
      levels.emplace_back(starts.back(), hidden_size, random.take(starts.back() * hidden_size));
    }
  }

  std::size_t num_texts() const { return starts.size() - 1; }
  std::size_t num_layers() const { return levels.size() - 1; }
  std::size_t hidden_size() const { return levels[0].view().cols; }
  std::span<float> token(std::size_t level, std::size_t text, std::size_t i) {
    return levels[level].view().row_span(starts[text] + i);
  }
  // The texts [first, last) alone.
  HiddenStates part(std::size_t first, std::size_t last) const {
    HiddenStates result({}, 0, hidden_size());
    for (std::size_t i = first; i < last; ++i) {
      result.starts.push_back(result.starts.back() + starts[i + 1] - starts[i]);
    }
    result.levels.clear();
    for (const auto& level : levels) {
      const auto rows = level.view().rows_from(starts[first], starts[last] - starts[first]);
      result.levels.emplace_back(rows.rows, rows.cols);
      for (std::size_t r = 0; r < rows.rows; ++r) {
        std::ranges::copy(rows.row_span(r), result.levels.back().view().row(r));
      }
    }
    return result;
  }
};

using Vectors = std::vector<std::vector<float>>;

// The vectors of the texts by a pass over all levels, as an encoder's forward() shows them.
Vectors pooled(const PoolingPlan& plan, const HiddenStates& states, PoolingPass::Scratch& scratch) {
  const MadeUpEncoder encoder(states.num_layers(), states.hidden_size());
  std::vector<float> position_weights(states.starts.back());
  std::iota(position_weights.begin(), position_weights.end(), 1.0f);
  const SequenceBatch batch(states.starts);
  const PoolingPass pass(encoder, plan, states.num_texts(), position_weights, scratch);
  for (std::size_t level = 0; level < states.levels.size(); ++level) {
    pass.see_level(level, batch, states.levels[level].view());
  }
  InlineExecutor executor;
  const auto rows = pass.run(batch, states.levels.back().view(), executor);
  Vectors vectors;
  for (std::size_t i = 0; i < states.num_texts(); ++i) {
    vectors.emplace_back(rows.row(i), rows.row(i) + rows.cols);
  }
  return vectors;
}
Vectors pooled(const PoolingPlan& plan, const HiddenStates& states) {
  PoolingPass::Scratch scratch;
  return pooled(plan, states, scratch);
}

// A text's vector by the definition of its pooling, in float64. The averages over two levels take
// every token, the pooler the first one, whatever the prompt.
std::vector<double> plain_vector(Pooling pooling, const HiddenStates& states, std::size_t text,
                                 std::size_t num_prompt_tokens = 0) {
  const std::size_t length = states.starts[text + 1] - states.starts[text];
  const auto value = [&](std::size_t level, std::size_t token, std::size_t c) {
    return static_cast<double>(states.levels[level].view().row(states.starts[text] + token)[c]);
  };
  const std::size_t last = states.num_layers();
  const std::size_t first = std::min(num_prompt_tokens, length);
  const auto count = static_cast<double>(length - first);
  std::vector<double> vector(states.hidden_size());
  for (std::size_t c = 0; c < vector.size(); ++c) {
    double sum = 0, weighted = 0, weights = 0, first_sum = 0, last_but_one_sum = 0, whole_sum = 0;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t t = 0; t < length; ++t) {
      whole_sum += value(last, t, c);
      first_sum += value(1, t, c);
      last_but_one_sum += value(last - 1, t, c);
      if (t < first) continue;
      sum += value(last, t, c);
      weighted += value(last, t, c) * static_cast<double>(t + 1);
      weights += static_cast<double>(t + 1);
      largest = std::max(largest, value(last, t, c));
    }
    if (pooling == Pooling::pooler_output) {
      vector[c] = std::tanh((length == 0 ? 0 : value(last, 0, c)) / 2 + 1);
      continue;
    }
    if (pooling == Pooling::cls) {  // of a text that is all prompt, its first token
      if (length != 0) vector[c] = value(last, first == length ? 0 : first, c);
      continue;
    }
    if (count == 0) continue;
    switch (pooling) {
      case Pooling::mean: vector[c] = sum / count; break;
      case Pooling::max: vector[c] = largest; break;
      case Pooling::mean_sqrt_len_tokens: vector[c] = sum / std::sqrt(count); break;
      case Pooling::weightedmean: vector[c] = weighted / weights; break;
      case Pooling::lasttoken: vector[c] = value(last, length - 1, c); break;
      case Pooling::first_last_avg: vector[c] = (first_sum + whole_sum) / 2 / count; break;
      case Pooling::last_two_avg: vector[c] = (last_but_one_sum + whole_sum) / 2 / count; break;
      default: ADD_FAILURE();
    }
  }
  return vector;
}

bool is_a_copy(Pooling pooling) {
  return pooling == Pooling::cls || pooling == Pooling::max || pooling == Pooling::lasttoken;
}

// Copies and maxima are exact. The mean of at most 64 values below 1 takes 9 additions on the tree
// and a division, 2^-24 each, and the average over two levels two more steps; the mean over the
// square root is at most 8 times that.
void expect_plain(const PoolingPlan& plan, const HiddenStates& states, const Vectors& found) {
  ASSERT_EQ(found.size(), states.num_texts());
  const std::size_t size = states.hidden_size();
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].size(), size * plan.poolings.size());
    for (std::size_t p = 0; p < plan.poolings.size(); ++p) {
      const Pooling pooling = plan.poolings[p];
      SCOPED_TRACE(std::string(name_of(pooling)) + " of text " + std::to_string(i));
      testing::expect_near<float, double>(std::span(found[i]).subspan(p * size, size),
                                          plain_vector(pooling, states, i, plan.num_prompt_tokens),
                                          is_a_copy(pooling)                         ? 0
                                          : pooling == Pooling::mean_sqrt_len_tokens ? 6e-6
                                                                                     : 8e-7);
    }
  }
}

TEST(PoolingPass, EveryPoolingAgreesWithItsDefinition) {
  for (const std::size_t num_layers : {1u, 2u, 3u, 12u}) {
    for (const std::size_t size : {1u, 17u, 32u}) {
      const HiddenStates states({1, 5, 2, 17, 64}, num_layers, size);
      for (const auto& [pooling, name] : kPoolingNames) {
        const PoolingPlan plan{.poolings = std::span(&pooling, 1)};
        expect_plain(plan, states, pooled(plan, states));
      }
    }
  }
}

TEST(PoolingPass, OneLayerIsTheFirstAndTheLastAndTheEmbeddingsAreTheLevelBeforeIt) {
  HiddenStates states({2}, 1, 1);
  const float values[2][2] = {{10, 30}, {1, 5}};  // levels 0 and 1
  for (std::size_t level = 0; level < 2; ++level) {
    for (std::size_t t = 0; t < 2; ++t) states.token(level, 0, t)[0] = values[level][t];
  }
  const auto vector_of = [&](Pooling pooling) {
    return pooled({.poolings = std::span(&pooling, 1)}, states)[0][0];
  };
  EXPECT_EQ(vector_of(Pooling::first_last_avg), 3.0f);
  EXPECT_EQ(vector_of(Pooling::last_two_avg), (20.0f + 3.0f) / 2.0f);
}

TEST(PoolingPass, SeveralPoolingsStandSideBySideEachWithTheBitsThatItHasAlone) {
  const HiddenStates states({3, 1, 20}, 3, 17);
  for (const Pooling average : {Pooling::first_last_avg, Pooling::last_two_avg}) {
    const std::vector<Pooling> poolings{Pooling::mean,          average,
                                        Pooling::pooler_output, Pooling::lasttoken,
                                        Pooling::pooler_output, Pooling::cls,
                                        Pooling::weightedmean,  Pooling::max,
                                        Pooling::mean,          Pooling::mean_sqrt_len_tokens};
    const PoolingPlan plan{.poolings = poolings};
    const Vectors together = pooled(plan, states);
    expect_plain(plan, states, together);
    for (std::size_t p = 0; p < poolings.size(); ++p) {
      const Vectors alone = pooled({.poolings = std::span(&poolings[p], 1)}, states);
      for (std::size_t i = 0; i < alone.size(); ++i) {
        EXPECT_TRUE(testing::same_bits(std::span(together[i]).subspan(p * 17, 17), alone[i]))
            << name_of(poolings[p]) << " of text " << i;
      }
    }
  }
}

const std::vector<Pooling> kOfTheLastLevel{
    Pooling::cls,          Pooling::mean,      Pooling::max,          Pooling::mean_sqrt_len_tokens,
    Pooling::weightedmean, Pooling::lasttoken, Pooling::pooler_output};

TEST(PoolingPass, ThePromptIsLeftOutOfAllButThePooler) {
  for (const std::size_t prompt : {1u, 3u, 4u, 100u}) {  // texts shorter than it and as long
    const HiddenStates states({8, 3, 1, 4, 33}, 2, 17);
    const PoolingPlan plan{.poolings = kOfTheLastLevel, .num_prompt_tokens = prompt};
    expect_plain(plan, states, pooled(plan, states));
  }
}

TEST(PoolingPass, WhatThePromptHoldsDoesNotMatter) {
  HiddenStates states({8, 5}, 2, 17);
  const PoolingPlan plan{.poolings = std::span(kOfTheLastLevel).first(6), .num_prompt_tokens = 3};
  const Vectors before = pooled(plan, states);
  for (std::size_t text = 0; text < 2; ++text) {
    for (std::size_t t = 0; t < 3; ++t) {
      std::ranges::fill(states.token(2, text, t), std::numeric_limits<float>::quiet_NaN());
    }
  }
  const Vectors after = pooled(plan, states);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(testing::same_bits(before[i], after[i]));
  std::ranges::fill(states.token(2, 1, 3), std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(std::isnan(pooled(plan, states)[1][0]));
}

TEST(PoolingPass, LevelsThatNoPoolingIsOfDoNotMatter) {
  for (const auto& [pooling, name] : kPoolingNames) {
    HiddenStates states({3, 7}, 4, 17);
    const PoolingPlan plan{.poolings = std::span(&pooling, 1)};
    const Vectors before = pooled(plan, states);
    for (std::size_t level = 0; level < 4; ++level) {
      if (pooling == Pooling::first_last_avg && level == 1) continue;
      if (pooling == Pooling::last_two_avg && level == 3) continue;
      for (std::size_t t = 0; t < 7; ++t) {
        std::ranges::fill(states.token(level, 1, t), std::numeric_limits<float>::quiet_NaN());
      }
    }
    EXPECT_TRUE(testing::same_bits(before[1], pooled(plan, states)[1])) << name;
  }
}

TEST(PoolingPass, ATextWithoutTokensIsZeroAndItsNeighboursAreAsEver) {
  const HiddenStates states({0, 4, 0, 0, 2, 0}, 3, 17);
  for (const auto& [pooling, name] : kPoolingNames) {
    for (const std::size_t prompt : {0u, 2u}) {
      const bool over_two = pooling == Pooling::first_last_avg || pooling == Pooling::last_two_avg;
      if (over_two && prompt != 0) continue;
      const PoolingPlan plan{.poolings = std::span(&pooling, 1), .num_prompt_tokens = prompt};
      const Vectors vectors = pooled(plan, states);
      expect_plain(plan, states, vectors);
      if (pooling == Pooling::pooler_output) continue;  // of zeros
      for (const std::size_t empty : {0u, 2u, 3u, 5u}) {
        EXPECT_TRUE(testing::same_bits(vectors[empty], std::vector<float>(17, 0.0f))) << name;
      }
    }
  }
}

// The scratch of one group serves the next ones, larger and smaller.
TEST(PoolingPass, ATextHasTheBitsThatItHasAloneWhereverABatchIsSplit) {
  const HiddenStates states({3, 20, 0, 1, 64, 2}, 3, 17);
  for (const Pooling average : {Pooling::first_last_avg, Pooling::last_two_avg}) {
    std::vector<Pooling> poolings = kOfTheLastLevel;
    poolings.push_back(average);
    const PoolingPlan plan{.poolings = poolings};
    Vectors alone;
    for (std::size_t i = 0; i < states.num_texts(); ++i) {
      alone.push_back(pooled(plan, states.part(i, i + 1))[0]);
    }
    PoolingPass::Scratch scratch;
    for (std::size_t split = 1; split < states.num_texts(); ++split) {
      Vectors found = pooled(plan, states.part(0, split), scratch);
      const Vectors rest = pooled(plan, states.part(split, states.num_texts()), scratch);
      found.insert(found.end(), rest.begin(), rest.end());
      ASSERT_EQ(found.size(), alone.size());
      for (std::size_t i = 0; i < alone.size(); ++i) {
        EXPECT_TRUE(testing::same_bits(found[i], alone[i])) << "text " << i << " split " << split;
      }
    }
  }
}

TEST(PoolingPass, TheFirstTokensAreEnoughWhereNoPoolingTakesAnother) {
  const std::vector<std::size_t> starts{0, 3, 4}, with_an_empty_text{0, 3, 3, 4};
  const auto wanted = [&](std::vector<Pooling> poolings, std::size_t prompt,
                          std::span<const std::size_t> of) {
    const PoolingPlan plan{.poolings = poolings, .num_prompt_tokens = prompt};
    return plan.wanted_tokens(SequenceBatch(of));
  };
  const auto kFirst = WantedTokens::first, kAll = WantedTokens::all;
  for (const auto& [pooling, name] : kPoolingNames) {
    const bool pooler = pooling == Pooling::pooler_output;
    const bool first = pooler || pooling == Pooling::cls;
    EXPECT_EQ(wanted({pooling}, 0, starts), first ? kFirst : kAll) << name;
    EXPECT_EQ(wanted({Pooling::cls, pooling}, 0, starts), first ? kFirst : kAll) << name;
    EXPECT_EQ(wanted({pooling}, 1, starts), pooler ? kFirst : kAll) << name;
    EXPECT_EQ(wanted({pooling}, 0, with_an_empty_text), kAll) << name;
  }
}

TEST(PoolingPass, FirstTokensAloneGiveTheBitsThatTheyGiveAmongAll) {
  const HiddenStates states({3, 1, 20}, 2, 17);
  const std::vector<Pooling> poolings{Pooling::pooler_output, Pooling::cls};
  const PoolingPlan plan{.poolings = poolings};
  const Vectors among_all = pooled(plan, states);
  HiddenStates first({1, 1, 1}, 2, 17);
  for (std::size_t i = 0; i < 3; ++i) {
    std::ranges::copy(states.levels[2].view().row_span(states.starts[i]),
                      first.token(2, i, 0).begin());
  }
  const MadeUpEncoder encoder(2, 17);
  PoolingPass::Scratch scratch;
  const PoolingPass pass(encoder, plan, 3, {}, scratch);
  // The levels before the last have all tokens, the last one these.
  pass.see_level(1, SequenceBatch(states.starts), states.levels[1].view());
  pass.see_level(2, SequenceBatch(states.starts), first.levels[2].view());
  InlineExecutor executor;
  const auto rows = pass.run(SequenceBatch(first.starts), first.levels[2].view(), executor);
  ASSERT_EQ(rows.rows, 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(testing::same_bits(rows.row_span(i), among_all[i])) << "text " << i;
  }
}

// Steps that widen and narrow the rows, and a whitening wider than a level.
class PoolingPassHead : public ::testing::Test {
 protected:
  static constexpr std::size_t kSize = 6, kPooled = 2 * kSize, kWide = 20, kNarrow = 5, kWhite = 8;

  EmbeddingHead make_head() {
    std::vector<EmbeddingHead::Step> steps;
    for (const auto* weight : {&widen, &narrow}) {
      LinearParameters parameters;
      parameters.weight = weight->view();
      steps.push_back(Dense(parameters, Dense::Activation::identity, Dense::Residual::none,
                            std::nullopt, executor));
    }
    steps.push_back(NormalizeStep{});
    return EmbeddingHead(std::move(steps));
  }
  static std::vector<double> times(std::span<const double> x, const testing::StoredTensor& weight) {
    std::vector<double> y(weight.view().shape[0]);
    for (std::size_t o = 0; o < y.size(); ++o) {
      for (std::size_t i = 0; i < x.size(); ++i) {
        y[o] += x[i] * static_cast<double>(weight.values()[o * x.size() + i]);
      }
    }
    return y;
  }
  // What the whitening sees of a text, in float64.
  std::vector<double> plain_head(std::size_t text, bool normalize) const {
    std::vector<double> x;
    for (const Pooling pooling : poolings) {
      const auto part = plain_vector(pooling, states, text);
      x.insert(x.end(), part.begin(), part.end());
    }
    x = times(times(x, widen), narrow);
    const double length = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
    for (double& value : x) value /= normalize ? length : 1;
    return x;
  }

  InlineExecutor executor;
  testing::RandomValues random{7};
  HiddenStates states{{3, 1, 20}, 3, kSize};
  std::vector<Pooling> poolings{Pooling::mean, Pooling::first_last_avg};
  testing::StoredTensor widen{{kWide, kPooled}, random}, narrow{{kNarrow, kWide}, random};
  EmbeddingHead head = make_head();
};

TEST_F(PoolingPassHead, ComesAfterThePoolingAndNormalizesUnlessToldNot) {
  for (const bool normalizes : {true, false}) {
    const auto found =
        pooled({.poolings = poolings, .head = &head, .head_normalizes = normalizes}, states);
    for (std::size_t i = 0; i < states.num_texts(); ++i) {
      // 12 and 20 products of values below 1, summed in float32.
      testing::expect_near<float, double>(found[i], plain_head(i, normalizes), 4e-6);
    }
  }
}

TEST_F(PoolingPassHead, IsFollowedByTheWhitening) {
  std::vector<double> mean(kNarrow), kernel(kNarrow * kWhite);
  for (double& value : mean) value = static_cast<double>(random.next());
  for (double& value : kernel) value = static_cast<double>(random.next());
  const Whitening whitening(mean, kernel);
  const auto found = pooled({.poolings = poolings, .head = &head, .whitening = &whitening}, states);
  for (std::size_t i = 0; i < states.num_texts(); ++i) {
    const auto x = plain_head(i, true);
    std::vector<double> expected(kWhite);
    for (std::size_t d = 0; d < kWhite; ++d) {
      for (std::size_t c = 0; c < kNarrow; ++c) {
        expected[d] += (x[c] - mean[c]) * kernel[c * kWhite + d];
      }
    }
    testing::expect_near<float, double>(found[i], expected, 4e-6);
  }
}

}  // namespace
}  // namespace semblance
