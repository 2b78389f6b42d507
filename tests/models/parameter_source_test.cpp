#include "semblance/models/parameter_source.h"

#include <gtest/gtest.h>

#include <cstddef>

#include "semblance/io/model_config_file.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

TEST(ParameterSource, TheLinearMapsOfAModelArePackedIntoOneArena) {
  const testing::GoldenModel golden("bert-relu-cased");
  const ModelFolder folder(golden.folder());
  const WeightFiles files = WeightFiles::open(folder);
  const std::size_t size = read_model_config(folder).hidden_size;
  const ParameterSource source(files, {"", "bert."}, "embeddings.word_embeddings.weight");
  const auto query = source.layer_linear("encoder.layer.0.attention.self.query", size, size);
  const auto pooler = source.linear("pooler.dense", size, size);
  ASSERT_NE(query.arena, nullptr);
  EXPECT_EQ(pooler.arena, query.arena);
}

}  // namespace
}  // namespace semblance
