#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/thread_pool.h"
#include "semblance/io/model_config_file.h"
#include "semblance/models/load_encoder.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;
using testing::largest_difference;

// Every folder of golden/models that make_models.py gives hidden states for.
const char* const kModels[] = {
    "bert-mlm",
    "bert-mlm-bin",
    "bert-mlm-bin-legacy",
    "bert-mlm-bin-sharded",
    "bert-f16",
    "bert-f16-bin-legacy",
    "bert-bf16",
    "bert-bf16-bin",
    "bert-f64",
    "bert-sharded-gamma-beta",
    "bert-relu-cased",
    "bert-silu-types1",
    "bert-tanh-types3",
    "bert-gelu-pytorch-tanh",
    "bert-wide",
    "system-bert-base-chinese",
    "system-roberta-wwm-ext",
    "system-erlangshen-simcse",
    "system-simbert-base",
    "system-simbert-small",
    "system-roformer-base",
    "system-roformer-char",
    "system-roformer-sim",
    "system-roformer-sim-small",
    "roformer-value-projected",
    "roformer-f16",
    "roformer-bf16-bin",
    "distilbert",
    "distilbert-mlm",
    "ernie",
    "ernie-without-task-id",
    "bert-use-task-id",
};

class GoldenModels : public ::testing::TestWithParam<const char*> {
 protected:
  template <LayerScalar Scalar>
  std::unique_ptr<EncoderModel<Scalar>> load(Executor& executor) {
    const ModelFolder folder(golden.folder());
    return load_encoder<Scalar>(read_model_config(folder),
                                std::make_shared<const WeightFiles>(WeightFiles::open(folder)),
                                executor);
  }

  struct Sentences {
    std::vector<std::int32_t> input_ids;
    std::vector<std::size_t> starts{0};
  };
  // The first `count` of the folder, one behind the other.
  Sentences gather(std::size_t count) {
    Sentences all;
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = golden.input_ids(i);
      all.input_ids.insert(all.input_ids.end(), row.begin(), row.end());
      all.starts.push_back(all.input_ids.size());
    }
    return all;
  }

  // The first four sentences together, as their hidden states are stored.
  template <LayerScalar Scalar>
  void expect_every_level(double least_tolerance) {
    InlineExecutor executor;
    const auto encoder = load<Scalar>(executor);
    const Sentences sentences = gather(4);
    const std::vector<std::size_t>& starts = sentences.starts;
    Workspace<Scalar> workspace;
    std::size_t levels = 0;
    const auto compare = [&](std::size_t level, MatrixView<const Scalar> hidden_states) {
      const std::string key = "hidden_states." + std::to_string(level);
      const auto expected = golden.expected(key);
      const std::size_t width = expected.shape[1];
      const std::size_t size = expected.shape[2];
      double worst = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t t = starts[i]; t < starts[i + 1]; ++t) {
          const auto row = expected.as<float>().subspan((i * width + t - starts[i]) * size, size);
          worst = std::max(worst, largest_difference<Scalar>(hidden_states.row_span(t), row));
        }
      }
      EXPECT_LE(worst, std::max(least_tolerance, sizeof(Scalar) == 8 ? 0 : golden.tolerance(key)))
          << key;
      ++levels;
    };
    encoder->forward(SequenceBatch(starts), sentences.input_ids, {}, workspace, executor,
                     HiddenStatesObserver<Scalar>(compare), WantedTokens::all);
    EXPECT_EQ(levels, encoder->sizes().num_hidden_layers + 1);
  }

  template <class Scalar>
  void expect_same_first_tokens() {
    InlineExecutor executor;
    const auto encoder = load<Scalar>(executor);
    const auto [input_ids, starts] = gather(golden.sentences().size());
    const SequenceBatch batch(starts);
    Workspace<Scalar> workspace, first_workspace;
    const auto all = encoder->forward(batch, input_ids, {}, workspace, executor);
    std::size_t last_rows = 0;
    const auto count = [&](std::size_t, MatrixView<const Scalar> rows) { last_rows = rows.rows; };
    const auto first = encoder->forward(batch, input_ids, {}, first_workspace, executor,
                                        HiddenStatesObserver<Scalar>(count), WantedTokens::first);
    EXPECT_EQ(last_rows, batch.batch_size());
    ASSERT_EQ(first.rows, batch.batch_size());
    for (std::size_t i = 0; i < first.rows; ++i) {
      const auto a = first.row_span(i);
      const auto b = all.row_span(batch.start(i));
      // Eigen's products in double may change their order with the number of rows.
      if constexpr (std::same_as<Scalar, float>) {
        EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << "sentence " << i;
      } else {
        for (std::size_t c = 0; c < a.size(); ++c) EXPECT_NEAR(a[c], b[c], 1e-10);
      }
    }
    const std::vector<std::size_t> with_an_empty_text{0, input_ids.size(), input_ids.size()};
    EXPECT_THROW(
        encoder->forward(SequenceBatch(with_an_empty_text), input_ids, {}, workspace, executor,
                         HiddenStatesObserver<Scalar>(count), WantedTokens::first),
        std::invalid_argument);
  }

  GoldenModel golden{GetParam()};
};

TEST_P(GoldenModels, FloatEqualsTheReferenceAtEveryLevel) { expect_every_level<float>(0); }

// The expected values are rounded to float32.
TEST_P(GoldenModels, DoubleEqualsTheReferenceAtEveryLevel) { expect_every_level<double>(1e-6); }

TEST_P(GoldenModels, TokenTypesOfAPairReachTheEmbeddings) {
  if (!golden.has("pair.input_ids")) return;  // a model with one token type
  InlineExecutor executor;
  const auto encoder = load<float>(executor);
  const auto expected = golden.expected("pair.last_hidden_state");
  const std::vector<std::size_t> starts{0, expected.shape[1]};
  Workspace<float> workspace;
  const auto last_hidden_state = encoder->forward(
      SequenceBatch(starts), golden.expected("pair.input_ids").as<std::int32_t>(),
      golden.expected("pair.token_type_ids").as<std::int32_t>(), workspace, executor);
  for (std::size_t t = 0; t < expected.shape[1]; ++t) {
    const auto row = expected.as<float>().subspan(t * expected.shape[2], expected.shape[2]);
    EXPECT_LE(largest_difference<float>(last_hidden_state.row_span(t), row),
              golden.tolerance("pair.last_hidden_state"))
        << "token " << t;
  }
}

TEST_P(GoldenModels, FirstTokensAloneHaveTheBitsThatTheyHaveAmongAll) {
  expect_same_first_tokens<float>();
  expect_same_first_tokens<double>();
}

TEST_P(GoldenModels, ThreadsAndNeighboursDoNotChangeABit) {
  InlineExecutor alone;
  const auto encoder = load<float>(alone);
  const auto [input_ids, starts] = gather(golden.sentences().size());
  Workspace<float> together_workspace;
  ThreadPool pool(4);
  ThreadPool::Team team(pool, 4);
  const auto together =
      encoder->forward(SequenceBatch(starts), input_ids, {}, together_workspace, team);
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    const std::size_t length = starts[i + 1] - starts[i];
    const std::vector<std::size_t> own{0, length};
    Workspace<float> workspace;
    const auto single = encoder->forward(
        SequenceBatch(own), std::span(input_ids).subspan(starts[i], length), {}, workspace, alone);
    for (std::size_t t = 0; t < length; ++t) {
      const auto a = single.row_span(t);
      const auto b = together.row_span(starts[i] + t);
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << "sentence " << i << " token " << t;
    }
  }
}

std::string identifier(const ::testing::TestParamInfo<const char*>& folder) {
  std::string name = folder.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenModels, ::testing::ValuesIn(kModels), identifier);

}  // namespace
}  // namespace semblance
