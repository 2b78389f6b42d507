#include "semblance/layers/embeddings.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <span>
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
using testing::RandomLayerNorm;
using testing::RandomLinear;
using testing::RandomValues;
using testing::StoredTensor;
using testing::Values;

constexpr std::size_t kVocab = 30, kPositions = 12, kTypes = 3, kSize = 70, kProjectedSize = 41;

struct Tables {
  RandomValues random;
  StoredTensor word, position, token_type, task_type;
  RandomLayerNorm norm;
  RandomLinear projection;

  explicit Tables(DType dtype = DType::f32)
      : random(1),
        word({kVocab, kSize}, random, dtype),
        position({kPositions, kSize}, random, dtype),
        token_type({kTypes, kSize}, random, dtype),
        task_type({4, kSize}, random, dtype),
        norm(kSize, random, 1e-5),
        projection(kProjectedSize, kSize, random, dtype) {}
};

// Texts of 12, 0, 1 and 7 tokens.
const std::vector<std::size_t> kStarts{0, 12, 12, 13, 20};
const std::vector<std::int32_t> kInputIds{0, 29, 5,  5, 7, 1, 2,  3, 4, 6,
                                          8, 9,  29, 0, 0, 0, 11, 5, 5, 12};
const std::vector<std::int32_t> kTypeIds{0, 0, 0, 1, 1, 1, 2, 2, 2, 2,
                                         0, 1, 2, 0, 1, 2, 0, 0, 1, 1};

struct Present {
  bool position = true, token_type = true, task_type = true, projection = false;
};

EmbeddingsParameters parameters(const Tables& tables, const Present& present) {
  EmbeddingsParameters result{.word = tables.word.view(),
                              .position = {},
                              .token_type = {},
                              .task_type = {},
                              .layer_norm = tables.norm.parameters(),
                              .projection = {}};
  if (present.position) result.position = tables.position.view();
  if (present.token_type) result.token_type = tables.token_type.view();
  if (present.task_type) result.task_type = tables.task_type.view();
  if (present.projection) result.projection = tables.projection.parameters();
  return result;
}

Values plain_embeddings(const Tables& tables, const Present& present,
                        std::span<const std::int32_t> type_ids) {
  Values sum;
  for (std::size_t text = 0; text + 1 < kStarts.size(); ++text) {
    for (std::size_t token = kStarts[text]; token < kStarts[text + 1]; ++token) {
      const auto at = [&](const StoredTensor& table, std::size_t row, std::size_t i) {
        return static_cast<double>(table.values()[row * kSize + i]);
      };
      const auto id = static_cast<std::size_t>(kInputIds[token]);
      const auto type = type_ids.empty() ? 0 : static_cast<std::size_t>(type_ids[token]);
      for (std::size_t i = 0; i < kSize; ++i) {
        double value = at(tables.word, id, i);
        if (present.position) value += at(tables.position, token - kStarts[text], i);
        if (present.token_type) value += at(tables.token_type, type, i);
        if (present.task_type) value += at(tables.task_type, 0, i);
        sum.push_back(value);
      }
    }
  }
  const Values normal = plain_layer_norm(tables.norm, sum);
  return present.projection ? plain_linear(tables.projection, normal) : normal;
}

template <class Scalar>
std::vector<Scalar> embed(const Tables& tables, const Present& present,
                          std::span<const std::int32_t> type_ids, Executor& executor) {
  const Embeddings<Scalar> embeddings(parameters(tables, present), executor);
  EXPECT_EQ(embeddings.embedding_size(), kSize);
  PaddedRows<Scalar> scratch(20, kSize);
  PaddedRows<Scalar> hidden(20, present.projection ? kProjectedSize : kSize);
  embeddings.forward(SequenceBatch(kStarts), kInputIds, type_ids, scratch.view(), hidden.view(),
                     executor);
  EXPECT_TRUE(scratch.padding_untouched() && hidden.padding_untouched());
  return hidden.values();
}

// A sum of four, a layer norm over 70 (as in layer_norm_test) and, with a projection, 70 more
// products of values of about 1: 5e-6 and 2e-5 in float.
template <class Scalar>
double tolerance(const Present& present) {
  if (!std::is_same_v<Scalar, float>) return 1e-12;
  return present.projection ? 2e-5 : 5e-6;
}

template <class Scalar>
class EmbeddingsOf : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(EmbeddingsOf, Scalars);

TYPED_TEST(EmbeddingsOf, SumTheTablesThatThereAre) {
  const Tables tables;
  InlineExecutor executor;
  for (int bits = 0; bits < 16; ++bits) {
    const Present present{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
    expect_near<TypeParam, double>(embed<TypeParam>(tables, present, kTypeIds, executor),
                                   plain_embeddings(tables, present, kTypeIds),
                                   tolerance<TypeParam>(present));
  }
}

TYPED_TEST(EmbeddingsOf, NoTypeIdsMeansTypeZero) {
  const Tables tables;
  InlineExecutor executor;
  const std::vector<std::int32_t> zeros(20, 0);
  EXPECT_EQ(embed<TypeParam>(tables, {}, {}, executor),
            embed<TypeParam>(tables, {}, zeros, executor));
  EXPECT_NE(embed<TypeParam>(tables, {}, {}, executor),
            embed<TypeParam>(tables, {}, kTypeIds, executor));
}

TYPED_TEST(EmbeddingsOf, TablesOfEveryTypeGiveTheBitsOfTheSameValuesInFloat32) {
  InlineExecutor executor;
  const Present all{.projection = true};
  const auto expected = embed<TypeParam>(Tables(DType::f32), all, kTypeIds, executor);
  for (const DType dtype : {DType::f16, DType::bf16, DType::f64}) {
    EXPECT_EQ(embed<TypeParam>(Tables(dtype), all, kTypeIds, executor), expected) << name_of(dtype);
  }
}

TEST(Embeddings, HaveTheSameBitsWithAnyThreadCount) {
  const Tables tables;
  const Present all{.projection = true};
  InlineExecutor alone;
  const auto expected = embed<float>(tables, all, kTypeIds, alone);
  ThreadPool pool(4);
  for (std::size_t num_threads = 1; num_threads <= 4; ++num_threads) {
    ThreadPool::Team team(pool, num_threads);
    EXPECT_TRUE(testing::same_bits(embed<float>(tables, all, kTypeIds, team), expected));
  }
}

// Enough tokens that each thread takes rows of its own, from the middle of a text on.
TEST(Embeddings, OfManyTextsAreThoseOfEachAlone) {
  const Tables tables;
  InlineExecutor alone;
  const Embeddings<float> embeddings(parameters(tables, {}), alone);
  constexpr std::size_t kTimes = 17;
  std::vector<std::size_t> starts{0};
  std::vector<std::int32_t> input_ids, type_ids;
  std::vector<float> expected;
  const std::vector<float> once = embed<float>(tables, {}, kTypeIds, alone);
  for (std::size_t time = 0; time < kTimes; ++time) {
    for (std::size_t i = 1; i < kStarts.size(); ++i) {
      starts.push_back(time * kInputIds.size() + kStarts[i]);
    }
    input_ids.insert(input_ids.end(), kInputIds.begin(), kInputIds.end());
    type_ids.insert(type_ids.end(), kTypeIds.begin(), kTypeIds.end());
    expected.insert(expected.end(), once.begin(), once.end());
  }
  ThreadPool pool(4);
  for (std::size_t num_threads = 1; num_threads <= 4; ++num_threads) {
    ASSERT_EQ(has_row_slices(input_ids.size(), num_threads), num_threads > 1);
    ThreadPool::Team team(pool, num_threads);
    PaddedRows<float> hidden(input_ids.size(), kSize);
    embeddings.forward(SequenceBatch(starts), input_ids, type_ids, {}, hidden.view(), team);
    EXPECT_TRUE(hidden.padding_untouched());
    EXPECT_TRUE(testing::same_bits(hidden.values(), expected)) << num_threads << " threads";
  }
}

TEST(Embeddings, OfNoTextsAreNone) {
  const Tables tables;
  InlineExecutor executor;
  const Embeddings<float> embeddings(parameters(tables, {}), executor);
  const std::vector<std::size_t> starts{0};
  embeddings.forward(SequenceBatch(starts), {}, {}, {}, MatrixView<float>(nullptr, 0, kSize),
                     executor);
  EXPECT_EQ(SequenceBatch(starts).batch_size(), 0u);
}

}  // namespace
}  // namespace semblance
