#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "semblance/semblance.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;

// Any numbers do: that a fitted whitening whitens is tested with the pooling.
Whitening some_whitening(std::size_t input_size, std::size_t dimensions) {
  std::mt19937 engine(1);
  const auto values = [&](std::size_t count) {
    std::vector<double> result(count);
    for (double& value : result) value = static_cast<double>(engine() % 2001) / 1000.0 - 1.0;
    return result;
  };
  auto mean = values(input_size);
  return Whitening(std::move(mean), values(input_size * dimensions));
}

double length(std::span<const float> vector) {
  double squares = 0.0;
  for (const float value : vector) squares += double{value} * value;
  return std::sqrt(squares);
}

TEST(EncoderWhitening, ComesAfterThePooling) {
  const GoldenModel golden("bert-mlm");
  const auto encoder = SentenceEncoder::load(golden.folder());
  const auto raw = encoder.encode(golden.sentences(), {.pooling = Pooling::first_last_avg});
  // More dimensions than the hidden states have, and fewer.
  for (const std::size_t dimensions : {raw.dim + 3, std::size_t{5}}) {
    const Whitening whitening = some_whitening(raw.dim, dimensions);
    const EncodeOptions options{.pooling = Pooling::first_last_avg, .whitening = &whitening};
    EXPECT_EQ(encoder.output_dim(options), dimensions);
    const auto found = encoder.encode(golden.sentences(), options);
    const auto expected = whitening.apply(raw);
    ASSERT_EQ(found.dim, dimensions);
    EXPECT_TRUE(std::equal(found.values.begin(), found.values.end(), expected.values().begin(),
                           expected.values().end()));
  }
}

TEST(EncoderWhitening, IsFollowedByTheCutAndTheNormalization) {
  const GoldenModel golden("bert-mlm");
  const auto encoder = SentenceEncoder::load(golden.folder());
  const auto& text = golden.sentences().front();
  const Whitening whitening = some_whitening(encoder.output_dim(), 8);
  const auto whole = encoder.encode(text, {.whitening = &whitening});
  const auto cut = encoder.encode(text, {.normalize = true, .whitening = &whitening, .dim = 3});
  ASSERT_EQ(cut.size(), 3u);
  EXPECT_NEAR(length(cut), 1.0, 1e-6);
  EXPECT_NEAR(cosine_similarity(cut, std::span(whole.values).first(3)), 1.0, 1e-6);
  EXPECT_THROW(encoder.encode(text, {.whitening = &whitening, .dim = 9}), std::invalid_argument);
}

TEST(EncoderWhitening, SeesVectorsBeforeTheFolderNormalizesThem) {
  const GoldenModel golden("st-cls-normalize-old");
  const auto encoder = SentenceEncoder::load(golden.folder());
  const auto& text = golden.sentences().back();
  const Whitening whitening = some_whitening(encoder.output_dim(), 6);
  const auto raw = encoder.encode(text, {.normalize = false});
  ASSERT_GT(std::abs(length(raw) - 1.0), 1e-2);
  const auto expected = whitening.apply(raw);
  const auto plain = encoder.encode(text, {.normalize = false, .whitening = &whitening});
  EXPECT_EQ(plain.values, expected);
  const auto as_the_folder_says = encoder.encode(text, {.whitening = &whitening});
  EXPECT_NEAR(length(as_the_folder_says), 1.0, 1e-6);
  EXPECT_NEAR(cosine_similarity(as_the_folder_says, expected), 1.0, 1e-6);
}

TEST(EncoderWhitening, ForVectorsOfAnotherWidthIsRefused) {
  const GoldenModel golden("bert-mlm");
  const auto encoder = SentenceEncoder::load(golden.folder());
  const Whitening whitening = some_whitening(encoder.output_dim() + 1, 4);
  EXPECT_THROW(encoder.encode("a", {.whitening = &whitening}), std::invalid_argument);
}

}  // namespace
}  // namespace semblance
