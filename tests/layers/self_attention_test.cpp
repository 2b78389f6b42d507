#include "semblance/layers/self_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "layers/plain_layers.h"
#include "semblance/core/thread_pool.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::plain_self_attention;
using testing::PlainPositions;
using testing::RandomEncoderLayer;
using testing::RandomTexts;
using testing::RandomValues;
using testing::run_layer;
using testing::same_bits;
using testing::Values;

// Sums of at most 64 terms of size one and a softmax, then a layer norm that brings the result to
// about 1: some tens of roundings of 6e-8. A wrong scale, head or position shows at 1e-2.
template <class Scalar>
constexpr double kAttentionTolerance = std::is_same_v<Scalar, float> ? 1e-5 : 1e-12;

template <class Scalar>
class SelfAttentionOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SelfAttentionOf, Scalars);

template <class Scalar, class Positions>
void check_against_plain(const Positions& positions, PlainPositions plain, std::size_t hidden_size,
                         std::size_t num_heads) {
  RandomValues random(hidden_size + num_heads, 0.25f);
  const RandomEncoderLayer parameters(hidden_size, 8, num_heads, random);
  const std::vector<std::size_t> lengths{1, 5, 0, 17, 33, 2};
  const RandomTexts texts(lengths, hidden_size, 11);
  InlineExecutor executor;
  const SelfAttention<Scalar, Positions> attention(parameters.attention(), &positions, executor);
  const auto found = run_layer<Scalar>(
      attention, texts, 0, lengths.size(),
      {.hidden_size = hidden_size, .head_dim = hidden_size / num_heads}, executor);
  Values expected;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto text = texts.text(i);
    const Values part = plain_self_attention(parameters, Values(text.begin(), text.end()), plain);
    expected.insert(expected.end(), part.begin(), part.end());
  }
  expect_near<Scalar, double>(found, expected, kAttentionTolerance<Scalar>);
}

TYPED_TEST(SelfAttentionOf, AbsolutePositionsAgreeWithThePlainForm) {
  check_against_plain<TypeParam>(AbsolutePositions{}, PlainPositions::absolute, 48, 3);
  check_against_plain<TypeParam>(AbsolutePositions{}, PlainPositions::absolute, 20, 4);
  check_against_plain<TypeParam>(AbsolutePositions{}, PlainPositions::absolute, 35, 1);
}

TYPED_TEST(SelfAttentionOf, RotaryPositionsAgreeWithThePlainForm) {
  check_against_plain<TypeParam>(RotaryPositions<TypeParam>(40, 16, false), PlainPositions::rotary,
                                 48, 3);
  check_against_plain<TypeParam>(RotaryPositions<TypeParam>(33, 64, true),
                                 PlainPositions::rotary_with_value, 64, 1);
  check_against_plain<TypeParam>(RotaryPositions<TypeParam>(40, 6, true),
                                 PlainPositions::rotary_with_value, 24, 4);
}

TEST(SelfAttention, TextWithNanLeavesTheOthersAlone) {
  constexpr std::size_t kHidden = 32;
  RandomValues random(1, 0.25f);
  const RandomEncoderLayer parameters(kHidden, 8, 2, random);
  const std::vector<std::size_t> lengths{4, 6, 3};
  RandomTexts texts(lengths, kHidden, 2);
  const AbsolutePositions positions;
  InlineExecutor executor;
  const SelfAttention<float, AbsolutePositions> attention(parameters.attention(), &positions,
                                                          executor);
  const Workspace<float>::Sizes sizes{.hidden_size = kHidden, .head_dim = 16};
  const auto clean = run_layer<float>(attention, texts, 0, 3, sizes, executor);
  texts.hidden_states[7 * kHidden] = std::numeric_limits<float>::quiet_NaN();
  const auto found = run_layer<float>(attention, texts, 0, 3, sizes, executor);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i / kHidden == 7) {
      EXPECT_TRUE(std::isnan(found[i]));
    } else if (i / kHidden < 4 || i / kHidden >= 10) {
      EXPECT_EQ(found[i], clean[i]);
    }
  }
}

// Texts short of and at the length from which on scores are in int8 too, in a batch and alone.
TEST(SelfAttention, InInt8LongTextsAreNearFloat32AndTheSameAlone) {
  constexpr std::size_t kHidden = 128;
  RandomValues random(7, 0.1f);
  const RandomEncoderLayer layer(kHidden, 8, 2, random);
  const std::vector<std::size_t> lengths{255, 3, 256, 300};
  const RandomTexts texts(lengths, kHidden, 5);
  const AbsolutePositions positions;
  InlineExecutor executor;
  SelfAttentionParameters parameters = layer.attention();
  const SelfAttention<float, AbsolutePositions> in_f32(parameters, &positions, executor);
  for (auto* part : {&parameters.query, &parameters.key, &parameters.value, &parameters.output}) {
    part->precision = Precision::int8;
  }
  const SelfAttention<float, AbsolutePositions> in_int8(parameters, &positions, executor);
  const Workspace<float>::Sizes sizes{.hidden_size = kHidden, .head_dim = 64, .int8 = true};
  const auto expected = run_layer<float>(in_f32, texts, 0, lengths.size(), sizes, executor);
  const auto together = run_layer<float>(in_int8, texts, 0, lengths.size(), sizes, executor);
  double error = 0, magnitude = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(static_cast<double>(together[i]) - static_cast<double>(expected[i]), 2);
    magnitude += std::pow(static_cast<double>(expected[i]), 2);
  }
  EXPECT_LT(std::sqrt(error / magnitude), 0.01);
  std::vector<float> alone;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto text = run_layer<float>(in_int8, texts, i, i + 1, sizes, executor);
    alone.insert(alone.end(), text.begin(), text.end());
  }
  EXPECT_TRUE(same_bits(together, alone));
}

TEST(SelfAttention, LargeScoresDoNotOverflow) {
  constexpr std::size_t kHidden = 16, kLength = 6;
  RandomValues random(3);
  const RandomEncoderLayer parameters(kHidden, 8, 1, random);
  RandomTexts texts(std::vector<std::size_t>{kLength}, kHidden, 4);
  for (float& value : texts.hidden_states) value *= 1e3f;  // scores of about 1e6
  const AbsolutePositions positions;
  InlineExecutor executor;
  const Workspace<float>::Sizes sizes{.hidden_size = kHidden, .head_dim = kHidden};
  const SelfAttention<float, AbsolutePositions> attention(parameters.attention(), &positions,
                                                          executor);
  for (const float value : run_layer<float>(attention, texts, 0, 1, sizes, executor)) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace semblance
