#include "semblance/search/binary_vectors.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "search/float64_reference.h"
#include "semblance/core/thread_pool.h"

namespace semblance {
namespace {

using test::random_rows;

TEST(BinaryVectors, BitsLieAsNumpyPacksThem) {
  // numpy.packbits(numpy.array([...]) > 0) gives [0b10010001, 0b01000000].
  const float values[] = {
      1.0f,  0.0f, -1.0f, 1e-40f, -0.0f, std::numeric_limits<float>::quiet_NaN(),
      -5.0f, 2.0f, -1.0f, 3.0f};
  const BinaryVectors vectors(MatrixView<const float>(values, 1, 10));
  ASSERT_EQ(vectors.bytes(0).size(), 2u);
  EXPECT_EQ(vectors.bytes(0)[0], std::byte{0b10010001});
  EXPECT_EQ(vectors.bytes(0)[1], std::byte{0b01000000});
}

TEST(BinaryVectors, AreNoneOnceMovedFrom) {
  const auto rows = random_rows(20, 70, 1);
  BinaryVectors vectors(rows.matrix());
  const BinaryVectors moved = std::move(vectors);
  EXPECT_EQ(vectors.num_rows(), 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(top_k(moved, vectors, 3).front().empty());
  EXPECT_EQ(top_k(moved, moved, 1).size(), 20u);
}

TEST(BinaryVectors, HammingDistanceCountsTheSignsThatDiffer) {
  for (std::size_t size = 0; size <= 200; ++size) {
    const auto rows = random_rows(2, size, static_cast<std::uint32_t>(size));
    const BinaryVectors vectors(rows.matrix());
    std::size_t expected = 0;
    for (std::size_t i = 0; i < size; ++i) {
      expected += (rows.matrix().row(0)[i] > 0.0f) != (rows.matrix().row(1)[i] > 0.0f);
    }
    EXPECT_EQ(hamming_distance(vectors.words(0), vectors.words(1)), expected);
  }
}

TEST(BinaryVectors, SearchEqualsBruteForceOverTheSignsForAnyNumberOfThreads) {
  for (const std::size_t size : {1u, 9u, 64u, 130u}) {
    const auto float_rows = random_rows(5000, size, 1);
    const auto float_queries = random_rows(4, size, 2);
    const BinaryVectors rows(float_rows.matrix());
    const BinaryVectors queries(float_queries.matrix());
    const auto found = top_k(queries, rows, 70);
    for (std::size_t q = 0; q < 4; ++q) {
      std::vector<Hit> expected;
      for (std::size_t r = 0; r < 5000; ++r) {
        double cosine_of_signs = 0.0;
        for (std::size_t i = 0; i < size; ++i) {
          cosine_of_signs +=
              (float_queries.matrix().row(q)[i] > 0.0f) == (float_rows.matrix().row(r)[i] > 0.0f)
                  ? 1.0
                  : -1.0;
        }
        expected.push_back({r, static_cast<float>(cosine_of_signs / static_cast<double>(size))});
      }
      std::sort(expected.begin(), expected.end(), ranks_before);
      expected.resize(70);
      EXPECT_EQ(found[q], expected);
    }
    ThreadPool pool(3);
    ThreadPool::Team team(pool, 3);
    EXPECT_EQ(top_k(queries, rows, 70, &team), found);
  }
}

TEST(BinaryVectors, RefusesQueriesOfAnotherSize) {
  const auto rows = random_rows(2, 65, 1);
  const BinaryVectors a(rows.matrix());
  const BinaryVectors b(MatrixView<const float>(rows.data(), 2, 64, 65));
  EXPECT_THROW(top_k(a, b, 1), std::invalid_argument);
  EXPECT_THROW(hamming_distance(a.words(0), b.words(0)), std::invalid_argument);
}

}  // namespace
}  // namespace semblance
