#include "semblance/search/rescore.h"

#include <gtest/gtest.h>

#include "search/float64_reference.h"
#include "semblance/search/binary_vectors.h"
#include "semblance/search/int8_vectors.h"
#include "semblance/search/top_k.h"

namespace semblance {
namespace {

using test::kMetrics;
using test::random_rows;

TEST(Rescore, OfEnoughInt8CandidatesGivesTheExactAnswer) {
  const auto rows = random_rows(2000, 128, 1);
  const auto queries = random_rows(10, 128, 2);
  const auto coarse = top_k(Int8Vectors(queries.matrix()), Int8Vectors(rows.matrix()), 60);
  EXPECT_EQ(rescore(queries.matrix(), rows.matrix(), coarse, 10),
            top_k(queries.matrix(), rows.matrix(), 10));
}

TEST(Rescore, OfAllBinaryCandidatesGivesTheExactAnswerForEveryMetric) {
  const auto rows = random_rows(500, 32, 1);
  const auto queries = random_rows(3, 32, 2);
  const auto coarse = top_k(BinaryVectors(queries.matrix()), BinaryVectors(rows.matrix()), 500);
  for (const Metric metric : kMetrics) {
    EXPECT_EQ(rescore(queries.matrix(), rows.matrix(), coarse, 25, metric),
              top_k(queries.matrix(), rows.matrix(), 25, metric));
  }
}

TEST(Rescore, RefusesRowsThatAreNotThere) {
  const auto rows = random_rows(5, 4, 1);
  EXPECT_THROW(rescore(rows.matrix().rows_from(0, 1), rows.matrix(), {{{5, 1.0f}}}, 1),
               std::invalid_argument);
  EXPECT_THROW(rescore(rows.matrix(), rows.matrix(), {{{0, 1.0f}}}, 1), std::invalid_argument);
}

}  // namespace
}  // namespace semblance
