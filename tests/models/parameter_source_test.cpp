#include "semblance/models/parameter_source.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/model_config_file.h"
#include "semblance/io/safetensors_writer.h"
#include "semblance/models/bert.h"
#include "support/golden_model.h"
#include "support/temp_folder.h"

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

// transformers loads these for a BertModel.
TEST(ParameterSource, KeysUnderTheFamilysOwnPrefixGoBeforeBareOnes) {
  const testing::GoldenModel golden("bert-relu-cased");
  const ModelFolder folder(golden.folder());
  const WeightFiles files = WeightFiles::open(folder);
  const testing::TempFolder both;
  std::vector<NamedTensor> tensors;
  const std::vector<float> zeros(1 << 20);
  for (const std::string_view name : files.names()) {
    const TensorView tensor = *files.find(name);
    const std::string key(name.substr(name.starts_with("bert.") ? 5 : 0));
    tensors.push_back({"bert." + key, tensor});
    ASSERT_LE(tensor.element_count(), zeros.size());
    const auto bytes = std::as_bytes(std::span(zeros)).data();
    tensors.push_back({key, TensorView{bytes, DType::f32, tensor.shape}});
  }
  write_safetensors(both.path() + "/model.safetensors", tensors);
  const WeightFiles opened = WeightFiles::open(ModelFolder(both.path()));
  const auto parameters = bert_parameters(opened, read_model_config(folder), Precision::f32);
  EXPECT_NE(parameters.layers[0].feed_forward.output.weight.elements.as<float>()[0], 0.0f);
}

// transformers renames each of the two by itself.
TEST(ParameterSource, ALayerNormHasEitherNameForEachOfItsTwo) {
  const std::vector<float> values{1.0f, 2.0f};
  const auto bytes = std::as_bytes(std::span(values)).data();
  const TensorView tensor{bytes, DType::f32, {2}};
  const testing::TempFolder folder;
  write_safetensors(folder.path() + "/model.safetensors", {{"a.gamma", tensor},
                                                           {"a.bias", tensor},
                                                           {"b.weight", tensor},
                                                           {"b.bias", tensor},
                                                           {"b.beta", tensor}});
  const WeightFiles files = WeightFiles::open(ModelFolder(folder.path()));
  const ParameterSource source(files, {""}, "a.gamma");
  EXPECT_EQ(source.layer_norm("a", 2, 1e-12).weight.as<float>()[1], 2.0f);
  try {
    source.layer_norm("b", 2, 1e-12);
    FAIL() << "took one of two biases";
  } catch (const FormatError& error) {
    EXPECT_EQ(error.what(), folder.path() +
                                "/model.safetensors: \"b.beta\": expected one name for it, found a "
                                "tensor \"b.bias\" too");
  }
}

TEST(ParameterSource, RefusesAMatrixTooWideForInt8ByItsName) {
  constexpr std::size_t kWidth = simd::kMaxInt8Features + 1;
  const std::vector<float> values(kWidth, 0.5f);
  const auto bytes = std::as_bytes(std::span(values)).data();
  const testing::TempFolder folder;
  write_safetensors(folder.path() + "/model.safetensors",
                    {{"wide.weight", TensorView{bytes, DType::f32, {1, kWidth}}},
                     {"wide.bias", TensorView{bytes, DType::f32, {1}}}});
  const WeightFiles files = WeightFiles::open(ModelFolder(folder.path()));
  const auto wide = [&](Precision precision) {
    return ParameterSource(files, {""}, "wide.weight", precision).layer_linear("wide", 1, kWidth);
  };
  EXPECT_EQ(wide(Precision::f32).weight.columns(), kWidth);
  try {
    wide(Precision::int8);
    FAIL() << "took a matrix that int8 cannot sum";
  } catch (const ShapeError& error) {
    EXPECT_EQ(error.what(), folder.path() +
                                "/model.safetensors: \"wide.weight\": expected at most 65793 "
                                "columns in int8, found 65794");
  }
}

}  // namespace
}  // namespace semblance
