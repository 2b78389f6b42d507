#include "semblance/pooling/whitening.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <Eigen/Core>
#include <fstream>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/thread_pool.h"
#include "semblance/tensor/eigen_map.h"
#include "semblance/tensor/tensor.h"

namespace semblance {
namespace {

// Correlated dimensions of different variance around a mean.
Tensor<float> correlated_rows(std::size_t num_rows, std::size_t size, double mean,
                              std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  Tensor<float> rows(Shape{num_rows, size});
  for (std::size_t r = 0; r < num_rows; ++r) {
    const double shared = normal(engine);
    for (std::size_t i = 0; i < size; ++i) {
      const double spread = 0.2 + static_cast<double>(i % 7);
      rows.matrix().row(r)[i] = static_cast<float>(mean + shared + spread * normal(engine));
    }
  }
  return rows;
}

Whitening fitted(MatrixView<const float> rows, std::size_t dimensions = 0) {
  WhiteningFit fit(rows.cols);
  fit.add(rows);
  return fit.fit(dimensions);
}

std::string message_of_fit(const WhiteningFit& fit, std::size_t dimensions) {
  try {
    fit.fit(dimensions);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(Whitening, EqualsNumpy) {
  std::ifstream file(SEMBLANCE_TEST_DATA "/golden/pooling/whitening.json");
  const auto cases = nlohmann::json::parse(file).at("cases");
  ASSERT_EQ(cases.size(), 5u);
  for (const auto& test_case : cases) {
    const std::string name = test_case.at("name");
    const auto values = test_case.at("rows").get<std::vector<std::vector<float>>>();
    const auto kernel = test_case.at("kernel").get<std::vector<std::vector<double>>>();
    const auto expected = test_case.at("whitened").get<std::vector<std::vector<double>>>();
    Tensor<float> rows(Shape{values.size(), values[0].size()});
    for (std::size_t r = 0; r < values.size(); ++r) {
      std::copy(values[r].begin(), values[r].end(), rows.matrix().row(r));
    }
    const Whitening whitening = fitted(rows.matrix(), kernel[0].size());
    ASSERT_EQ(whitening.input_size(), values[0].size());
    ASSERT_EQ(whitening.dimensions(), kernel[0].size());
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      const double mean = test_case.at("mean").at(i);
      EXPECT_NEAR(whitening.mean()[i], mean, 1e-14 * (1 + std::abs(mean))) << name;
      for (std::size_t d = 0; d < kernel[0].size(); ++d) {
        EXPECT_NEAR(whitening.kernel()[i * kernel[0].size() + d], kernel[i][d], 1e-10) << name;
      }
    }
    const auto whitened = whitening.apply(rows.matrix());
    for (std::size_t r = 0; r < expected.size(); ++r) {
      for (std::size_t d = 0; d < kernel[0].size(); ++d) {
        EXPECT_NEAR(whitened.matrix().row(r)[d], expected[r][d], 3e-6) << name;
      }
    }
  }
}

TEST(Whitening, WhitenedVectorsHaveMeanZeroAndTheUnitMatrixAsCovariance) {
  // A mean a thousand times the spread, over several blocks: nothing may cancel.
  constexpr std::size_t kRows = 2000;
  const auto rows = correlated_rows(kRows, 40, 1000.0, 3);
  const auto whitened = fitted(rows.matrix()).apply(rows.matrix());
  const Eigen::MatrixXd map = as_eigen(whitened.matrix()).cast<double>();
  const Eigen::VectorXd mean = map.colwise().mean();
  EXPECT_LT(mean.cwiseAbs().maxCoeff(), 1e-5);
  const Eigen::MatrixXd covariance = map.transpose() * map / kRows;
  EXPECT_LT((covariance - Eigen::MatrixXd::Identity(40, 40)).cwiseAbs().maxCoeff(), 1e-5);
}

TEST(Whitening, DirectionsComeByFallingVarianceWithTheirLargestComponentPositive) {
  const auto rows = correlated_rows(500, 12, 0.0, 4);
  const Whitening whitening = fitted(rows.matrix());
  double last_norm = 0.0;
  for (std::size_t d = 0; d < 12; ++d) {
    double norm = 0.0;
    double largest = 0.0;
    for (std::size_t i = 0; i < 12; ++i) {
      const double value = whitening.kernel()[i * 12 + d];
      norm += value * value;
      if (std::fabs(value) > std::fabs(largest)) largest = value;
    }
    EXPECT_GT(largest, 0.0);
    EXPECT_GT(norm, last_norm);  // 1 / eigenvalue
    last_norm = norm;
  }
}

TEST(Whitening, CutToFewerDimensionsKeepsTheFirst) {
  const auto rows = correlated_rows(300, 10, 0.0, 4);
  const Whitening whole = fitted(rows.matrix());
  const auto all = whole.apply(rows.matrix());
  for (const Whitening& cut : {fitted(rows.matrix(), 4), whole.truncated(4)}) {
    ASSERT_EQ(cut.dimensions(), 4u);
    const auto some = cut.apply(rows.matrix());
    for (std::size_t r = 0; r < 300; ++r) {
      for (std::size_t d = 0; d < 4; ++d) {
        EXPECT_EQ(some.matrix().row(r)[d], all.matrix().row(r)[d]);
      }
    }
  }
  EXPECT_THROW(whole.truncated(0), std::invalid_argument);
  EXPECT_THROW(whole.truncated(11), std::invalid_argument);
}

TEST(Whitening, TheCutOfTheStreamAndTheThreadsChangeNoBit) {
  const auto rows = correlated_rows(1000, 150, 5.0, 6);
  const Whitening whole = fitted(rows.matrix());
  ThreadPool pool(3);
  ThreadPool::Team team(pool, 3);
  WhiteningFit fit(150);
  std::size_t first = 0;
  for (std::size_t count = 1; first < 1000; count = count * 3 + 1) {
    count = std::min(count, 1000 - first);
    fit.add(rows.matrix().rows_from(first, count), &team);
    first += count;
    // Looking at what there is so far must not change what follows.
    if (first > 100) fit.fit();
  }
  EXPECT_EQ(fit.num_rows(), 1000u);
  const Whitening streamed = fit.fit();
  EXPECT_TRUE(std::equal(whole.mean().begin(), whole.mean().end(), streamed.mean().begin()));
  ASSERT_EQ(whole.kernel().size(), streamed.kernel().size());
  EXPECT_TRUE(std::equal(whole.kernel().begin(), whole.kernel().end(), streamed.kernel().begin()));
}

TEST(Whitening, AVectorHasTheSameBitsAloneAndInABatchAndForAnyNumberOfThreads) {
  const auto rows = correlated_rows(200, 33, 5.0, 6);
  const Whitening whitening = fitted(rows.matrix(), 20);
  const auto batch = whitening.apply(rows.matrix());
  ThreadPool pool(3);
  ThreadPool::Team team(pool, 3);
  const auto shared = whitening.apply(rows.matrix(), &team);
  EXPECT_TRUE(std::equal(batch.values().begin(), batch.values().end(), shared.values().begin()));
  for (std::size_t r = 0; r < 200; ++r) {
    const auto alone = whitening.apply(rows.matrix().row_span(r));
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), batch.matrix().row(r)));
  }
  EXPECT_EQ(whitening.apply(rows.matrix().rows_from(0, 0)).shape(), (Shape{0, 20}));
}

TEST(Whitening, AskingForMoreDimensionsThanRemainSaysHowManyDo) {
  // 10 vectors span 9 directions around their mean.
  WhiteningFit few(30);
  few.add(correlated_rows(10, 30, 0.0, 8).matrix());
  EXPECT_EQ(few.fit().dimensions(), 9u);
  EXPECT_EQ(few.fit(9).dimensions(), 9u);
  EXPECT_EQ(message_of_fit(few, 10),
            "whitening: 10 dimensions asked for, but only 9 remain of the 10 vectors of 30 "
            "dimensions");
  WhiteningFit equal(3);
  Tensor<float> rows(Shape{400, 3});
  for (float& value : rows.values()) value = 0.1f;
  equal.add(rows.matrix());
  EXPECT_EQ(message_of_fit(equal, 0),
            "whitening: no directions remain, the 400 vectors of 3 dimensions are all equal");
  EXPECT_EQ(message_of_fit(WhiteningFit(3), 1), "whitening: no vectors to fit on");
}

TEST(Whitening, DropsDirectionsBelowABillionthOfTheLargestVariance) {
  // Variances 1, 1e-8 and 1e-10 of independent signs.
  Tensor<float> rows(Shape{8, 3});
  for (std::size_t r = 0; r < 8; ++r) {
    rows.matrix().row(r)[0] = r & 1 ? 1.0f : -1.0f;
    rows.matrix().row(r)[1] = r & 2 ? 1e-4f : -1e-4f;
    rows.matrix().row(r)[2] = r & 4 ? 1e-5f : -1e-5f;
  }
  EXPECT_EQ(fitted(rows.matrix()).dimensions(), 2u);
}

class FailingExecutor final : public Executor {
 public:
  std::size_t concurrency() const noexcept override { return 2; }
  void run(std::size_t, FunctionRef<void(std::size_t)>) override { throw std::bad_alloc(); }
};

TEST(Whitening, WritesNowhereElseAfterAnExecutorFailed) {
  WhiteningFit fit(3);
  FailingExecutor failing;
  const std::vector<float> values(3 * 700, 1.0f);
  const MatrixView<const float> rows(values.data(), 700, 3);
  EXPECT_THROW(fit.add(rows, &failing), std::bad_alloc);
  EXPECT_THROW(fit.add(rows, &failing), std::bad_alloc);
  fit.add(rows);
  EXPECT_GE(fit.num_rows(), 700u);
}

// Eigen keeps what it multiplies on the stack, as far as it is small.
TEST(Whitening, NeedsLittleOfAThreadsStack) {
  const auto fit = [](void*) -> void* {
    constexpr std::size_t kSize = 128;
    for (const std::size_t num_rows : {kSize - 1, std::size_t{700}}) {
      const Tensor<float> rows = correlated_rows(num_rows, kSize, 0.5, 3);
      WhiteningFit whitening(kSize);
      whitening.add(rows.matrix());
      EXPECT_EQ(whitening.fit(2).dimensions(), 2);
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{192} << 10);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, fit, nullptr), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST(Whitening, AFitThatIsMovedFromHasNothing) {
  const auto rows = correlated_rows(300, 3, 0.0, 1);
  WhiteningFit fit(3);
  fit.add(rows.matrix());
  const WhiteningFit moved = std::move(fit);
  EXPECT_EQ(moved.fit().dimensions(), 3u);
  EXPECT_EQ(fit.num_rows(), 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(fit.fit(), std::invalid_argument);
}

TEST(Whitening, RefusesWhatDoesNotFit) {
  EXPECT_THROW(WhiteningFit(0), std::invalid_argument);
  WhiteningFit fit(3);
  EXPECT_THROW(fit.add(correlated_rows(2, 4, 0.0, 1).matrix()), std::invalid_argument);
  auto rows = correlated_rows(2, 3, 0.0, 1);
  rows.matrix().row(1)[2] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(fit.add(rows.matrix()), std::invalid_argument);
  EXPECT_EQ(fit.num_rows(), 0u);
}

}  // namespace
}  // namespace semblance
