#include "semblance/layers/feed_forward.h"

#include <gtest/gtest.h>

#include <vector>

#include "layers/plain_layers.h"
#include "support/padded_rows.h"
#include "support/random_values.h"

namespace semblance {
namespace {

using testing::expect_near;
using testing::plain_feed_forward;
using testing::PlainFunction;
using testing::RandomEncoderLayer;
using testing::RandomValues;
using testing::Values;

// Two products of at most 90 terms, some tens of roundings of 6e-8 on values that the layer norm
// brings to about 1.
template <class Scalar>
constexpr double kTolerance = std::is_same_v<Scalar, float> ? 1e-5 : 1e-12;

template <class Scalar>
class FeedForwardOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FeedForwardOf, Scalars);

template <class Scalar, class Activation>
void check_against_plain(std::size_t num_tokens, const PlainFunction& plain) {
  constexpr std::size_t kHidden = 35, kIntermediate = 90;
  RandomValues random(num_tokens, 0.25f);
  const RandomEncoderLayer parameters(kHidden, kIntermediate, 1, random);
  const std::vector<float> x = RandomValues(5).take(num_tokens * kHidden);
  InlineExecutor executor;
  const FeedForward<Scalar, Activation> feed_forward(parameters.feed_forward(), executor);
  const std::vector<std::size_t> starts{0, num_tokens};
  Workspace<Scalar> workspace;
  workspace.prepare({.hidden_size = kHidden, .intermediate_size = kIntermediate},
                    SequenceBatch(starts), 1);
  testing::PaddedRows<Scalar> rows(num_tokens, kHidden, x);
  feed_forward.forward(rows.view(), workspace, executor);
  EXPECT_TRUE(rows.padding_untouched());
  expect_near<Scalar, double>(rows.values(),
                              plain_feed_forward(parameters, Values(x.begin(), x.end()), plain),
                              kTolerance<Scalar>);
}

TYPED_TEST(FeedForwardOf, AgreesWithThePlainFormForEveryActivation) {
  check_against_plain<TypeParam, Gelu>(7, testing::plain_gelu);
  check_against_plain<TypeParam, GeluTanh>(7, GeluTanh::apply);
  check_against_plain<TypeParam, Relu>(7, Relu::apply);
  check_against_plain<TypeParam, Silu>(7, Silu::apply);
  check_against_plain<TypeParam, Tanh>(7, Tanh::apply);
}

TYPED_TEST(FeedForwardOf, TakesAnyNumberOfTokens) {
  for (const std::size_t num_tokens : {0u, 1u, 13u, 14u, 15u, 50u}) {
    check_against_plain<TypeParam, Gelu>(num_tokens, testing::plain_gelu);
  }
}

}  // namespace
}  // namespace semblance
