#include "semblance/layers/encoder_layer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "layers/plain_layers.h"
#include "semblance/core/thread_pool.h"
#include "semblance/layers/row_slices.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::PlainPositions;
using testing::RandomEncoderLayer;
using testing::RandomTexts;
using testing::RandomValues;
using testing::run_layer;
using testing::same_bits;
using testing::Values;

struct Nothing {};
template <class Scalar, class Activation, class Positions>
concept LayerExists = requires {
  typename EncoderLayer<Scalar, Activation, Positions>;
};
static_assert(LayerExists<float, Gelu, AbsolutePositions>);
static_assert(LayerExists<double, Relu, RotaryPositions<double>>);
static_assert(!LayerExists<int, Gelu, AbsolutePositions>);
static_assert(!LayerExists<float, Nothing, AbsolutePositions>);
static_assert(!LayerExists<float, Gelu, Nothing>);
static_assert(!LayerExists<float, Gelu, RotaryPositions<double>>);

constexpr std::size_t kHiddenSize = 48, kIntermediateSize = 70, kHeads = 3;
const std::vector<std::size_t> kLengths{1, 9, 33, 0, 17, 2};

template <class Scalar>
typename Workspace<Scalar>::Sizes sizes() {
  return {.hidden_size = kHiddenSize,
          .intermediate_size = kIntermediateSize,
          .head_dim = kHiddenSize / kHeads};
}

template <class Scalar>
class EncoderLayerOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(EncoderLayerOf, Scalars);

// As for attention and feed-forward alone, 1e-5 in float: two layer norms keep the values at about
// 1, and the first passes its error on through sums of at most 70 weights of deviation 0.14.
template <class Scalar, class Positions>
void check_against_plain(const Positions& positions, PlainPositions plain) {
  RandomValues random(1, 0.25f);
  const RandomEncoderLayer parameters(kHiddenSize, kIntermediateSize, kHeads, random);
  const RandomTexts texts(kLengths, kHiddenSize, 2);
  InlineExecutor executor;
  const EncoderLayer<Scalar, Gelu, Positions> layer(parameters.parameters(), &positions, executor);
  const auto found = run_layer<Scalar>(layer, texts, 0, kLengths.size(), sizes<Scalar>(), executor);
  Values expected;
  for (std::size_t i = 0; i < kLengths.size(); ++i) {
    const auto text = texts.text(i);
    const Values part = plain_feed_forward(
        parameters, plain_self_attention(parameters, Values(text.begin(), text.end()), plain));
    expected.insert(expected.end(), part.begin(), part.end());
  }
  expect_near<Scalar, double>(found, expected, std::is_same_v<Scalar, float> ? 1e-5 : 1e-12);
}

TYPED_TEST(EncoderLayerOf, AgreesWithThePlainForm) {
  check_against_plain<TypeParam>(AbsolutePositions{}, PlainPositions::absolute);
  check_against_plain<TypeParam>(RotaryPositions<TypeParam>(64, kHiddenSize / kHeads, false),
                                 PlainPositions::rotary);
}

template <class Positions>
class EncoderLayerWith : public ::testing::Test {
 protected:
  RandomValues random{3, 0.25f};
  RandomEncoderLayer parameters{kHiddenSize, kIntermediateSize, kHeads, random};
  RandomTexts texts{kLengths, kHiddenSize, 4};
  Positions positions = [] {
    if constexpr (std::is_same_v<Positions, AbsolutePositions>) {
      return Positions{};
    } else {
      return Positions(64, kHiddenSize / kHeads, true);
    }
  }();
  InlineExecutor alone;
  EncoderLayer<float, Gelu, Positions> layer{parameters.parameters(), &positions, alone};
  std::vector<float> expected =
      run_layer<float>(layer, texts, 0, kLengths.size(), sizes<float>(), alone);
};
using PositionSchemes = ::testing::Types<AbsolutePositions, RotaryPositions<float>>;
TYPED_TEST_SUITE(EncoderLayerWith, PositionSchemes);

TYPED_TEST(EncoderLayerWith, HasTheSameBitsWithOneToFourThreads) {
  ThreadPool pool(4);
  for (std::size_t num_threads = 1; num_threads <= 4; ++num_threads) {
    ThreadPool::Team team(pool, num_threads);
    ASSERT_EQ(team.concurrency(), num_threads);
    const EncoderLayer<float, Gelu, TypeParam> packed_by_team(this->parameters.parameters(),
                                                              &this->positions, team);
    EXPECT_TRUE(same_bits(
        run_layer<float>(packed_by_team, this->texts, 0, kLengths.size(), sizes<float>(), team),
        this->expected))
        << num_threads << " threads";
  }
}

// Rows enough that up to four threads take rows of their own, and too few for five.
TEST(EncoderLayer, HasTheSameBitsWithRowsOfEachThreadsOwn) {
  const std::vector<std::size_t> lengths{140, 1, 120};
  ASSERT_TRUE(has_row_slices(261, 4) && !has_row_slices(261, 5));
  RandomValues random(3, 0.25f);
  const RandomEncoderLayer parameters(kHiddenSize, kIntermediateSize, kHeads, random);
  const RandomTexts texts(lengths, kHiddenSize, 4);
  const AbsolutePositions positions;
  InlineExecutor alone;
  ThreadPool pool(5);
  for (const Precision precision : {Precision::f32, Precision::int8}) {
    EncoderLayerParameters in_precision = parameters.parameters();
    for (auto* part :
         {&in_precision.attention.query, &in_precision.attention.key, &in_precision.attention.value,
          &in_precision.attention.output, &in_precision.feed_forward.intermediate,
          &in_precision.feed_forward.output}) {
      part->precision = precision;
    }
    const EncoderLayer<float, Gelu, AbsolutePositions> layer(in_precision, &positions, alone);
    auto in_sizes = sizes<float>();
    in_sizes.int8 = precision == Precision::int8;
    const auto expected = run_layer<float>(layer, texts, 0, lengths.size(), in_sizes, alone);
    for (std::size_t num_threads = 1; num_threads <= 5; ++num_threads) {
      ThreadPool::Team team(pool, num_threads);
      EXPECT_TRUE(
          same_bits(run_layer<float>(layer, texts, 0, lengths.size(), in_sizes, team), expected))
          << num_threads << " threads";
    }
  }
}

TYPED_TEST(EncoderLayerWith, HasTheSameBitsHoweverTheBatchIsCut) {
  for (std::size_t first = 0; first < kLengths.size(); ++first) {
    for (std::size_t last = first; last <= kLengths.size(); ++last) {
      const auto found =
          run_layer<float>(this->layer, this->texts, first, last, sizes<float>(), this->alone);
      const std::size_t begin = this->texts.starts[first] * kHiddenSize;
      ASSERT_TRUE(same_bits(found, std::span(this->expected).subspan(begin, found.size())))
          << "texts " << first << " to " << last;
    }
  }
}

TYPED_TEST(EncoderLayerWith, HasTheSameBitsInAnyOrderOfTheTexts) {
  RandomTexts backwards(std::vector<std::size_t>(kLengths.rbegin(), kLengths.rend()), kHiddenSize,
                        0);
  std::vector<float> reordered;
  backwards.hidden_states.clear();
  for (std::size_t i = kLengths.size(); i-- > 0;) {
    const auto text = this->texts.text(i);
    backwards.hidden_states.insert(backwards.hidden_states.end(), text.begin(), text.end());
    const auto part = std::span(this->expected)
                          .subspan(this->texts.starts[i] * kHiddenSize, kLengths[i] * kHiddenSize);
    reordered.insert(reordered.end(), part.begin(), part.end());
  }
  EXPECT_TRUE(same_bits(
      run_layer<float>(this->layer, backwards, 0, kLengths.size(), sizes<float>(), this->alone),
      reordered));
}

TEST(EncoderLayer, SaysTheBytesOfItsMatrices) {
  RandomValues random(5, 0.25f);
  const RandomEncoderLayer parameters(kHiddenSize, kIntermediateSize, kHeads, random);
  const AbsolutePositions positions;
  InlineExecutor executor;
  const EncoderLayer<double, Gelu, AbsolutePositions> layer(parameters.parameters(), &positions,
                                                            executor);
  EXPECT_EQ(layer.byte_count(), sizeof(double) * (4 * (kHiddenSize * kHiddenSize + kHiddenSize) +
                                                  2 * kHiddenSize * kIntermediateSize +
                                                  kIntermediateSize + kHiddenSize));
}

}  // namespace
}  // namespace semblance
