#include "semblance/io/quantized_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "semblance/io/safetensors_writer.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::TempFolder;

constexpr std::size_t kRows = 3, kColumns = 70;
const std::string kKey = "encoder.layer.0.output.dense.weight";

// A file with one matrix in 8 bits and one in 4, which tests then spoil.
struct QuantizedFile {
  std::vector<std::int8_t> codes = std::vector<std::int8_t>(kRows * kColumns, 5);
  std::vector<float> scales = std::vector<float>(kRows, 0.5f);
  std::vector<std::uint8_t> nibbles = std::vector<std::uint8_t>(kRows * kColumns / 2, 0x9F);
  std::vector<std::uint16_t> block_scales = std::vector<std::uint16_t>(kRows * 3, 0x3C00);
  std::map<std::string, std::string> metadata = {{"semblance_quantization", "1"}};
  std::map<std::string, TensorView> tensors = {
      {kKey, view(codes, DType::i8, {kRows, kColumns})},
      {kKey + "_scale", view(scales, DType::f32, {kRows})},
      {"four.weight", view(nibbles, DType::u8, {kRows, kColumns / 2})},
      {"four.weight_scale", view(block_scales, DType::f16, {kRows, 3})}};

  template <class T>
  static TensorView view(const std::vector<T>& values, DType dtype, Shape shape) {
    return {reinterpret_cast<const std::byte*>(values.data()), dtype, std::move(shape)};
  }
  WeightFiles write(const TempFolder& folder) const {
    std::vector<NamedTensor> named;
    for (const auto& [name, tensor] : tensors) named.push_back({name, tensor});
    write_safetensors(folder.path() + "/model.safetensors", named, metadata);
    return WeightFiles::open(folder.path());
  }
};

// What is said of the file after the folder's name; empty when nothing is wrong.
template <class Refusal>
std::string refusal(const std::function<void(QuantizedFile&)>& spoil, const std::string& key,
                    Shape shape = {kRows, kColumns}) {
  const TempFolder folder;
  QuantizedFile file;
  spoil(file);
  const WeightFiles files = file.write(folder);
  try {
    require_weight_matrix(files, key, shape);
  } catch (const Refusal& error) {
    return std::string(error.what()).substr(folder.path().size() + 1);
  }
  return {};
}

TEST(QuantizedWeights, AreFoundWithTheirScales) {
  const TempFolder folder;
  const WeightFiles files = QuantizedFile().write(folder);
  const WeightMatrix eight = require_weight_matrix(files, kKey, {kRows, kColumns});
  EXPECT_EQ(eight.elements.dtype, DType::i8);
  EXPECT_EQ(eight.shape, (Shape{kRows, kColumns}));
  EXPECT_EQ(eight.scales->as<float>()[2], 0.5f);
  const WeightMatrix four = require_weight_matrix(files, "four.weight", {kRows, kColumns});
  EXPECT_EQ(four.elements.shape, (Shape{kRows, kColumns / 2}));
  EXPECT_EQ(four.shape, (Shape{kRows, kColumns}));
  EXPECT_TRUE(is_quantized(files, kKey));
}

TEST(QuantizedWeights, AMissingScaleIsRefused) {
  EXPECT_EQ(refusal<ShapeError>([](auto& file) { file.tensors.erase(kKey + "_scale"); }, kKey),
            "model.safetensors: \"" + kKey + "_scale\": expected F32 [3], found no such tensor");
  EXPECT_EQ(refusal<ShapeError>([](auto& file) { file.tensors.erase("four.weight_scale"); },
                                "four.weight"),
            "model.safetensors: \"four.weight_scale\": expected F16 [3, 3], found no such tensor");
}

TEST(QuantizedWeights, AScaleThatIsNotANumberIsRefused) {
  for (const float value : {std::nanf(""), HUGE_VALF, -0.25f}) {
    const auto message = refusal<FormatError>([&](auto& file) { file.scales[1] = value; }, kKey);
    EXPECT_EQ(message.find("model.safetensors: \"" + kKey +
                           "_scale\": expected finite scales that are not negative, found "),
              0u)
        << message;
    EXPECT_NE(message.find(" at element 1"), message.npos) << message;
  }
  for (const std::uint16_t bits : std::vector<std::uint16_t>{0x7C00, 0xFC00, 0x7E00}) {
    const auto message =
        refusal<FormatError>([&](auto& file) { file.block_scales[8] = bits; }, "four.weight");
    EXPECT_EQ(message.find("model.safetensors: \"four.weight_scale\": expected finite scales"), 0u)
        << message;
  }
  // 4-bit scales may be negative.
  EXPECT_EQ(refusal<FormatError>([](auto& file) { file.block_scales[0] = 0xBC00; }, "four.weight"),
            "");
}

TEST(QuantizedWeights, WrongShapesAndTypesAreRefused) {
  const auto with = [](const std::string& key, TensorView view) {
    return [=](QuantizedFile& file) { file.tensors[key] = view; };
  };
  QuantizedFile other;
  EXPECT_EQ(refusal<ShapeError>([](auto&) {}, kKey, {kRows, kColumns + 1}),
            "model.safetensors: \"" + kKey + "\": expected I8 [3, 71], found I8 [3, 70]");
  EXPECT_EQ(refusal<ShapeError>([](auto&) {}, "four.weight", {kRows, kColumns * 2}),
            "model.safetensors: \"four.weight\": expected U8 [3, 70], found U8 [3, 35]");
  EXPECT_EQ(refusal<ShapeError>([](auto&) {}, "four.weight", {kRows, kColumns + 1}),
            "model.safetensors: \"four.weight\": expected I8 or floating point for an odd number "
            "of columns, found U8 [3, 35]");
  // As another library has them: a column of scales.
  EXPECT_EQ(
      refusal<ShapeError>(
          with(kKey + "_scale", QuantizedFile::view(other.scales, DType::f32, {kRows, 1})), kKey),
      "model.safetensors: \"" + kKey + "_scale\": expected F32 [3], found F32 [3, 1]");
  EXPECT_EQ(refusal<ShapeError>(
                with("four.weight_scale", QuantizedFile::view(other.scales, DType::f32, {kRows})),
                "four.weight"),
            "model.safetensors: \"four.weight_scale\": expected F16 [3, 3], found F32 [3]");
}

TEST(QuantizedWeights, TellAcrossHowManyPiecesTheirRowsWereTransformed) {
  const TempFolder folder;
  QuantizedFile file;
  const WeightFiles plain = file.write(folder);
  EXPECT_EQ(require_weight_matrix(plain, kKey, {kRows, kColumns}).pieces, 1u);
  const std::vector<std::uint8_t> two = {2};
  file.tensors[kKey + "_pieces"] = QuantizedFile::view(two, DType::u8, {1});
  const TempFolder other;
  const WeightFiles transformed = file.write(other);
  EXPECT_EQ(require_weight_matrix(transformed, kKey, {kRows, kColumns}).pieces, 2u);
}

TEST(QuantizedWeights, PiecesThatCannotBeAreRefused) {
  for (const int value : {0, 1, 3, 4, 32, 255}) {  // 4 is no divisor of 70
    const std::vector<std::uint8_t> pieces = {static_cast<std::uint8_t>(value)};
    EXPECT_EQ(refusal<FormatError>(
                  [&](auto& file) {
                    file.tensors[kKey + "_pieces"] = file.view(pieces, DType::u8, {1});
                  },
                  kKey),
              "model.safetensors: \"" + kKey +
                  "_pieces\": expected 2, 4, 8 or 16 that divides 70, found " +
                  std::to_string(value));
  }
  const std::vector<std::uint8_t> two = {2, 2, 0, 0};
  for (const auto& [dtype, shape] :
       {std::pair(DType::u8, Shape{2}), std::pair(DType::i32, Shape{1})}) {
    const auto message = refusal<ShapeError>(
        [&, dtype = dtype, shape = shape](auto& file) {
          file.tensors[kKey + "_pieces"] = file.view(two, dtype, shape);
        },
        kKey);
    EXPECT_EQ(message.find("model.safetensors: \"" + kKey + "_pieces\": expected U8 [1], found "),
              0u)
        << message;
  }
  EXPECT_EQ(refusal<FormatError>(
                [&](auto& file) {
                  file.tensors["four.weight_pieces"] = file.view(two, DType::u8, {1});
                },
                "four.weight"),
            "model.safetensors: \"four.weight_pieces\": expected no such tensor beside 4-bit "
            "codes, found 2");
}

TEST(QuantizedWeights, CodesOfAnotherLibraryAreRefused) {
  const auto message = refusal<FormatError>(
      [](auto& file) {
        file.metadata = {{"format", "pt"}};
      },
      kKey);
  EXPECT_EQ(message,
            "model.safetensors: \"__metadata__.semblance_quantization\": expected \"1\" beside \"" +
                kKey + "\", which is I8 [3, 70], found no such key");
  const auto version =
      refusal<FormatError>([](auto& file) { file.metadata["semblance_quantization"] = "2"; }, kKey);
  EXPECT_EQ(version,
            "model.safetensors: \"__metadata__.semblance_quantization\": expected \"1\", found "
            "\"2\"");
}

TEST(QuantizedWeights, SayWhatToComputeIn) {
  const auto precision = [](std::map<std::string, std::string> metadata) {
    const TempFolder folder;
    QuantizedFile file;
    file.metadata = std::move(metadata);
    return default_precision(file.write(folder), kKey);
  };
  EXPECT_EQ(precision({}), Precision::f32);
  EXPECT_EQ(precision({{"semblance_quantization", "1"}}), Precision::int8);
  EXPECT_EQ(precision({{"semblance_quantization", "1"}, {"semblance_precision", "bf16"}}),
            Precision::bf16);
  EXPECT_THROW(precision({{"semblance_quantization", "1"}, {"semblance_precision", "int4"}}),
               FormatError);
}

}  // namespace
}  // namespace semblance
