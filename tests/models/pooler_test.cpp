#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/io/model_config_file.h"
#include "semblance/models/load_encoder.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;
using testing::largest_difference;

// Folders of golden/models with a pooler; RoFormer-Sim's has tanh or is linear, as
// pooler_activation says.
class Pooler : public ::testing::TestWithParam<const char*> {};

TEST_P(Pooler, EqualsTheReference) {
  const GoldenModel golden(GetParam());
  const ModelFolder folder(golden.folder());
  InlineExecutor executor;
  const auto encoder =
      load_encoder<float>(read_model_config(folder),
                          std::make_shared<const WeightFiles>(WeightFiles::open(folder)), executor);
  ASSERT_TRUE(encoder->has_pooler());
  const std::size_t hidden_size = encoder->sizes().hidden_size;
  const auto expected = golden.expected("pooler_output").as<float>();
  for (std::size_t i = 0; i < golden.sentences().size(); ++i) {
    const std::vector<std::int32_t> input_ids = golden.input_ids(i);
    const std::vector<std::size_t> starts{0, input_ids.size()};
    Workspace<float> workspace;
    const auto last_hidden_state =
        encoder->forward(SequenceBatch(starts), input_ids, {}, workspace, executor);
    std::vector<float> pooler_output(hidden_size);
    encoder->pool(last_hidden_state.rows_from(0, 1),
                  MatrixView<float>(pooler_output.data(), 1, hidden_size), executor);
    EXPECT_LE(
        largest_difference<float>(pooler_output, expected.subspan(i * hidden_size, hidden_size)),
        golden.tolerance("pooler_output"))
        << "sentence " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, Pooler,
                         ::testing::Values("bert-sharded-gamma-beta", "bert-relu-cased",
                                           "system-simbert-base", "system-simbert-small",
                                           "system-roformer-sim", "system-roformer-sim-small"),
                         [](const auto& folder) {
                           std::string name = folder.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace semblance
