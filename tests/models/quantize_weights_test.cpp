#include "semblance/models/quantize_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "semblance/core/executor.h"
#include "semblance/core/thread_pool.h"
#include "semblance/io/quantized_weights.h"
#include "semblance/io/safetensors_writer.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/linear.h"
#include "support/padded_rows.h"
#include "support/random_values.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

// Stores tensors in a file, quantizes it and reads what was written.
class QuantizeWeights : public ::testing::Test {
 protected:
  using Tensor = testing::StoredTensor;

  const Tensor& store(const std::string& key, Shape shape, std::vector<float> values,
                      DType dtype = DType::f32) {
    stored_.emplace_back(std::move(shape), std::move(values), dtype);
    tensors_.push_back({key, stored_.back().view()});
    return stored_.back();
  }
  const Tensor& store(const std::string& key, Shape shape, DType dtype = DType::f32) {
    return store(key, shape, random_.take(*shape.element_count()), dtype);
  }

  void forget() { tensors_.clear(); }

  WeightFiles original() const {
    write_safetensors(original_path_, tensors_);
    return WeightFiles::open(original_path_);
  }
  std::vector<QuantizedMatrix> quantize(const QuantizeOptions& options, Executor& executor) const {
    return quantize_weights(original(), quantized_path_, options, executor);
  }
  std::vector<QuantizedMatrix> quantize(const QuantizeOptions& options) const {
    InlineExecutor executor;
    return quantize(options, executor);
  }
  WeightFiles quantized() const { return WeightFiles::open(quantized_path_); }
  std::string written() const {
    std::ifstream file(quantized_path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool nothing_written() const {
    const std::filesystem::directory_iterator entries(folder_.path());
    return std::all_of(begin(entries), end(entries),
                       [&](const auto& entry) { return entry.path() == original_path_; });
  }

  // What is said of the original after its path when it is refused; empty when it is not.
  std::string refusal(const QuantizeOptions& options = {}) const {
    try {
      quantize(options);
    } catch (const FormatError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with(original_path_ + ": ")) << message;
      EXPECT_TRUE(nothing_written());
      return message.substr(std::min(original_path_.size() + 2, message.size()));
    }
    return "";
  }

  testing::RandomValues random_{1};
  testing::TempFolder folder_;
  std::string original_path_ = folder_.path() + "/model.safetensors";
  std::string quantized_path_ = folder_.path() + "/quantized.safetensors";

 private:
  std::list<Tensor> stored_;
  std::vector<NamedTensor> tensors_;
};

double float16_of(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 0x3FF;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 15 - 10);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double rounded_to_float16(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -24));
  return std::nearbyint(value / unit) * unit;
}

// The transform across pieces in float64: row k of the Walsh-Hadamard matrix has the sign of the
// number of bits that k and the column share.
std::vector<double> hadamard(std::span<const float> row, std::size_t pieces) {
  const std::size_t size = row.size() / pieces;
  std::vector<double> transformed(row.size());
  for (std::size_t to = 0; to < pieces; ++to) {
    for (std::size_t from = 0; from < pieces; ++from) {
      const double sign = std::popcount(to & from) % 2 == 0 ? 1.0 : -1.0;
      for (std::size_t i = 0; i < size; ++i) {
        transformed[to * size + i] += sign * static_cast<double>(row[from * size + i]);
      }
    }
  }
  return transformed;
}

// The scale of 8-bit codes of a row: its largest magnitude over 127 and, in a layer, so that codes
// of one sign of the columns 2 i and 2 i + 1 sum to at most 127.99 before they are rounded.
double eight_bit_scale(std::span<const double> row, bool table) {
  double scale = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    scale = std::max(scale, std::abs(row[i]) / 127);
    if (table || i % 2 == 0) continue;
    if (row[i - 1] * row[i] > 0) scale = std::max(scale, std::abs(row[i - 1] + row[i]) / 127.99);
  }
  return scale;
}

// The codes and scales of a matrix in 8 bits against float64. What float32 makes of value times
// inverse differs by less than 7 * 2^-24 * 127 = 6e-5 of a code, and by a few of transformed rows.
void expect_eight_bits(const WeightFiles& files, const std::string& key,
                       const testing::StoredTensor& weight, std::size_t pieces, bool table) {
  SCOPED_TRACE(key);
  const std::size_t columns = weight.view().shape[1];
  const auto codes = files.find(key);
  const auto scales = files.find(key + "_scale");
  ASSERT_TRUE(codes && scales);
  ASSERT_EQ(codes->to_string(), "I8 " + weight.view().shape.to_string());
  ASSERT_EQ(scales->to_string(), "F32 " + Shape{weight.view().shape[0]}.to_string());
  for (std::size_t r = 0; r < weight.view().shape[0]; ++r) {
    const auto row = hadamard(weight.values().subspan(r * columns, columns), pieces);
    const auto found = codes->as<std::int8_t>().subspan(r * columns, columns);
    const double scale = static_cast<double>(scales->as<float>()[r]) * static_cast<double>(pieces);
    const double expected = eight_bit_scale(row, table);
    ASSERT_NEAR(scale, expected, 1e-6 * expected) << "row " << r;
    for (std::size_t c = 0; c < columns; ++c) {
      ASSERT_NEAR(found[c] * scale, row[c], scale * 0.5002) << "row " << r << " column " << c;
      ASSERT_GE(found[c], -127);
      if (table || c % 2 == 0 || found[c - 1] * found[c] <= 0) continue;
      ASSERT_LE(std::abs(found[c - 1] + found[c]), 128) << "row " << r << " column " << c;
    }
  }
}

TEST_F(QuantizeWeights, EightBitCodesAndScalesFollowTheirRule) {
  constexpr std::size_t kColumns = 37;
  std::vector<float> values = random_.take(6 * kColumns);
  for (std::size_t c = 0; c < kColumns; ++c) {
    values[c] = 0.0f;                                       // no scale
    values[kColumns + c] = 0.75f;                           // neighbours set the scale
    values[2 * kColumns + c] = c % 2 == 0 ? 0.5f : -0.25f;  // the largest value does
    values[3 * kColumns + c] *= 0x1p-20f;
    values[4 * kColumns + c] *= 0x1p60f;
  }
  const Tensor& layer = store("layer.0.output.dense.weight", {6, kColumns}, values);
  const Tensor& table = store("embeddings.word_embeddings.weight", {6, kColumns}, values);
  quantize({.bits = 8});
  const WeightFiles files = quantized();
  expect_eight_bits(files, "layer.0.output.dense.weight", layer, 1, false);
  expect_eight_bits(files, "embeddings.word_embeddings.weight", table, 1, true);
  for (const std::string key :
       {"layer.0.output.dense.weight", "embeddings.word_embeddings.weight"}) {
    EXPECT_EQ(files.find(key + "_scale")->as<float>()[0], 0.0f);
    for (std::size_t c = 0; c < kColumns; ++c) {
      EXPECT_EQ(files.find(key)->as<std::int8_t>()[c], 0) << key;
    }
  }
}

// The inputs of the first ones come out of a LayerNorm, in BERT and in DistilBERT.
TEST_F(QuantizeWeights, EightBitRowsThatMeetANormalizedInputAreTransformed) {
  const std::map<std::string, bool> kTransformed = {
      {"encoder.layer.0.attention.self.query.weight", true},
      {"encoder.layer.0.attention.self.key.weight", true},
      {"encoder.layer.0.attention.self.value.weight", true},
      {"encoder.layer.0.intermediate.dense.weight", true},
      {"transformer.layer.0.attention.q_lin.weight", true},
      {"transformer.layer.0.attention.k_lin.weight", true},
      {"transformer.layer.0.attention.v_lin.weight", true},
      {"transformer.layer.0.ffn.lin1.weight", true},
      {"encoder.layer.0.attention.output.dense.weight", false},
      {"encoder.layer.0.output.dense.weight", false},
      {"transformer.layer.0.attention.out_lin.weight", false},
      {"transformer.layer.0.ffn.lin2.weight", false},
      {"pooler.dense.weight", false},
      {"embeddings.word_embeddings.weight", false}};
  // As many pieces as divide the columns, 16 at most.
  const std::map<std::size_t, std::size_t> kPieces = {{33, 1}, {34, 2},  {20, 4},
                                                      {24, 8}, {48, 16}, {64, 16}};
  std::map<std::string, const Tensor*> weights;
  for (const auto& [columns, pieces] : kPieces) {
    for (const auto& [name, transformed] : kTransformed) {
      const std::string key = std::to_string(columns) + "." + name;
      weights[key] = &store(key, {5, columns});
    }
  }
  quantize({.bits = 8});
  const WeightFiles files = quantized();
  for (const auto& [columns, most_pieces] : kPieces) {
    for (const auto& [name, transformed] : kTransformed) {
      const std::string key = std::to_string(columns) + "." + name;
      const std::size_t pieces = transformed ? most_pieces : 1;
      const auto tensor = files.find(key + "_pieces");
      ASSERT_EQ(tensor.has_value(), pieces != 1) << key;
      if (tensor) {
        EXPECT_EQ(tensor->to_string(), "U8 [1]");
        EXPECT_EQ(tensor->as<std::uint8_t>()[0], pieces) << key;
      }
      expect_eight_bits(files, key, *weights[key], pieces, name.starts_with("embeddings."));
    }
  }
}

TEST_F(QuantizeWeights, EightBitCodesAreThoseThatLoadingInInt8Makes) {
  constexpr std::size_t kRows = 4, kIn = 48, kOut = 20;
  InlineExecutor executor;
  for (const bool normalized : {true, false}) {
    const std::string key =
        normalized ? "layer.0.self.query.weight" : "layer.0.output.dense.weight";
    const Tensor& weight = store(key, {kOut, kIn});
    quantize({.bits = 8});
    const WeightFiles files = quantized();
    const auto in_int8 = [&](const WeightMatrix& matrix) {
      LinearParameters parameters;
      parameters.weight = matrix;
      parameters.precision = Precision::int8;
      parameters.input_is_normalized = normalized;
      return Linear<float>(parameters, executor);
    };
    const auto loaded = in_int8(require_weight_matrix(files, key, {kOut, kIn}));
    const auto made = in_int8(weight.view());
    const testing::PaddedRows<float> input(kRows, kIn, random_.take(kRows * kIn));
    testing::PaddedRows<float> found(kRows, kOut), expected(kRows, kOut);
    loaded.forward(input.view(), found.view(), executor);
    made.forward(input.view(), expected.view(), executor);
    EXPECT_TRUE(testing::same_bits(found.values(), expected.values())) << key;
  }
}

// Of the two plain scales of io/quantized_weights.h and of those down to 0.65 of them, in steps of
// 0.05, the least sum of squared differences that a block can have.
double least_squared_error(std::span<const float> block) {
  double extreme = 0;
  for (const double value : block) {
    if (std::abs(value) > std::abs(extreme)) extreme = value;
  }
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 8; ++step) {
    for (const double levels : {-8.0, 7.0}) {
      const double scale = rounded_to_float16((1 - 0.05 * step) * extreme / levels);
      double error = 0;
      for (const double value : block) {
        const double code = std::clamp(std::nearbyint(value / scale), -8.0, 7.0);
        error += std::pow(value - code * scale, 2);
      }
      least = std::min(least, error);
    }
  }
  return least;
}

TEST_F(QuantizeWeights, FourBitBlocksHaveTheScaleOfTheLeastSquaredError) {
  constexpr std::size_t kRows = 7, kColumns = 70, kBlocks = 3;  // of 32, 32 and 6 columns
  std::vector<float> values = random_.take(kRows * kColumns);
  for (std::size_t c = 0; c < kColumns; ++c) {
    values[kColumns + c] = c < 32 ? 0.0f : -0.625f;
    values[2 * kColumns + c] *= 0x1p-16f;  // scales that are subnormal in binary16
    values[3 * kColumns + c] *= 0x1p12f;
    if (c < 32) values[6 * kColumns + c] = c < 15 ? -0.9375f : -0.328125f;  // 0.8 v / 7 is best
  }
  values[4 * kColumns + 3] = 4.0f;  // one far from the others, of either sign
  values[5 * kColumns + 68] = -4.0f;
  values[6 * kColumns + 31] = 1.0f;
  for (const std::string key : {"layer.0.self.query.weight", "embeddings.word_embeddings.weight"}) {
    store(key, {kRows, kColumns}, values);
  }
  quantize({.bits = 4});
  const WeightFiles files = quantized();
  for (const std::string key : {"layer.0.self.query.weight", "embeddings.word_embeddings.weight"}) {
    SCOPED_TRACE(key);
    const auto codes = files.find(key);
    const auto scales = files.find(key + "_scale");
    ASSERT_TRUE(codes && scales);
    EXPECT_EQ(codes->to_string(), "U8 [7, 35]");
    EXPECT_EQ(scales->to_string(), "F16 [7, 3]");
    EXPECT_FALSE(files.contains(key + "_pieces"));
    for (std::size_t block = 0; block < kRows * kBlocks; ++block) {
      SCOPED_TRACE(block);
      const double scale = float16_of(scales->as<std::uint16_t>()[block]);
      const std::size_t first = block / kBlocks * kColumns + block % kBlocks * kFourBitBlock;
      const std::size_t count = block % kBlocks == 2 ? 6 : 32;
      double error = 0;
      for (std::size_t i = first; i < first + count; ++i) {
        const int nibble = codes->as<std::uint8_t>()[i / 2] >> (i % 2 * 4) & 15;
        error += std::pow(values[i] - (nibble - 8) * scale, 2);
        const double quotient = scale == 0 ? 0 : values[i] / scale;
        ASSERT_NEAR(nibble - 8, std::clamp(quotient, -8.0, 7.0), 0.500001);
      }
      if (block == kBlocks) {
        EXPECT_EQ(scale, 0);
        EXPECT_EQ(error, 0);
      } else {
        const double least = least_squared_error(std::span(values).subspan(first, count));
        EXPECT_NEAR(error, least, 1e-5 * least);
      }
    }
  }
}

TEST_F(QuantizeWeights, MatricesThatAreMultipliedOrLookedUpAreQuantizedAllElseIsCopied) {
  struct Bits {
    int of_eight = 8;
    int of_four = 4;
  };
  const Bits kCopied{0, 0}, kEight{8, 8};
  std::map<std::string, Bits> expected;
  const auto add = [&](const std::string& key, const Shape& shape, Bits bits,
                       DType dtype = DType::f32) {
    store(key, shape, dtype);
    expected[key] = bits;
  };
  add("embeddings.word_embeddings.weight", {10, 32}, {});
  add("encoder.layer.0.attention.self.query.weight", {6, 32}, {});
  add("encoder.layer.0.output.dense.weight", {6, 32}, {});
  add("pooler.dense.weight", {1, 2}, {});
  add("of_f64.weight", {6, 32}, {}, DType::f64);
  add("of_f16.weight", {6, 32}, {}, DType::f16);
  add("of_bf16.weight", {6, 32}, {}, DType::bf16);
  // Two codes share a byte.
  add("odd.weight", {6, 33}, kEight);
  add("one_column.weight", {6, 1}, kEight);
  // What a sum of int8 products can hold: 0x7FFFFFFF / (255 * 128) columns.
  add("widest.weight", {1, 65793}, kEight);
  add("too_wide.weight", {1, 65794}, kCopied);
  add("embeddings.position_embeddings.weight", {8, 32}, kCopied);
  add("embeddings.token_type_embeddings.weight", {2, 32}, kCopied);
  add("embeddings.task_type_embeddings.weight", {2, 32}, kCopied);
  add("encoder.embed_positions.weight", {8, 32}, kCopied);
  add("embeddings.LayerNorm.weight", {32}, kCopied);
  add("embeddings.LayerNorm.bias", {32}, kCopied);
  add("encoder.layer.0.output.dense.bias", {6}, kCopied);
  add("of_three_axes.weight", {2, 4, 4}, kCopied);
  add("no_rows.weight", {0, 32}, kCopied);
  add("no_columns.weight", {6, 0}, kCopied);
  add("not_a_weight", {6, 32}, kCopied);
  add("a_factor.weights", {6, 32}, kCopied);
  add("of_integers.weight", {6, 32}, kCopied, DType::i32);
  for (const int bits : {8, 4}) {
    SCOPED_TRACE(bits);
    const auto report = quantize({.bits = bits});
    const WeightFiles before = original();
    const WeightFiles after = quantized();
    auto entry = report.begin();  // in the order of the names, as `expected`
    for (const auto& [key, of] : expected) {
      SCOPED_TRACE(key);
      const TensorView tensor = *before.find(key);
      const int expected_bits = bits == 8 ? of.of_eight : of.of_four;
      ASSERT_TRUE(after.contains(key));
      EXPECT_EQ(after.contains(key + "_scale"), expected_bits != 0);
      if (expected_bits == 0) {
        EXPECT_EQ(after.find(key)->to_string(), tensor.to_string());
        EXPECT_TRUE(std::ranges::equal(after.find(key)->bytes(), tensor.bytes()));
        continue;
      }
      EXPECT_EQ(after.find(key)->dtype, expected_bits == 8 ? DType::i8 : DType::u8);
      EXPECT_TRUE(require_weight_matrix(after, key, tensor.shape).is_quantized());
      ASSERT_NE(entry, report.end());
      EXPECT_EQ(entry->key, key);
      EXPECT_EQ(entry->shape, tensor.shape);
      EXPECT_EQ(entry->bits, expected_bits);
      ++entry;
    }
    EXPECT_EQ(entry, report.end());
    EXPECT_EQ(*after.metadata_of("odd.weight", "format"), "pt");
    EXPECT_EQ(*after.metadata_of("odd.weight", "semblance_quantization"), "1");
    EXPECT_EQ(*after.metadata_of("odd.weight", "semblance_precision"), "int8");
  }
}

// The values of a matrix by their definition, in float64.
std::vector<double> restored(const WeightFiles& files, const std::string& key, const Shape& shape) {
  const auto codes = files.find(key);
  const auto scales = files.find(key + "_scale");
  const auto pieces = files.find(key + "_pieces");
  std::vector<double> values;
  for (std::size_t r = 0; r < shape[0]; ++r) {
    std::vector<float> row(shape[1]);
    std::vector<double> scale(shape[1]);
    for (std::size_t c = 0; c < shape[1]; ++c) {
      const std::size_t i = r * shape[1] + c;
      if (codes->dtype == DType::i8) {
        row[c] = codes->as<std::int8_t>()[i];
        scale[c] = scales->as<float>()[r];
      } else {
        const int nibble = codes->as<std::uint8_t>()[i / 2] >> (i % 2 * 4) & 15;
        row[c] = static_cast<float>(nibble - 8);
        scale[c] = float16_of(scales->as<std::uint16_t>()[r * scales->shape[1] + c / 32]);
      }
    }
    const auto transformed = hadamard(row, pieces ? pieces->as<std::uint8_t>()[0] : 1);
    for (std::size_t c = 0; c < shape[1]; ++c) values.push_back(transformed[c] * scale[c]);
  }
  return values;
}

// The differences are those of values that a reader rounds to float32: at most 2^-24 of a value,
// where they are about 2^-9 of one with 8 bits.
TEST_F(QuantizeWeights, TheReportSaysHowFarTheWrittenMatrixIsFromTheOriginal) {
  const Shape shape{9, 48};
  std::map<std::string, const Tensor*> weights;
  for (const std::string key : {"a.self.key.weight", "b.word_embeddings.weight", "c.weight"}) {
    weights[key] = &store(key, shape);
  }
  for (const int bits : {8, 4}) {
    const auto report = quantize({.bits = bits});
    const WeightFiles files = quantized();
    ASSERT_EQ(report.size(), weights.size());
    for (const QuantizedMatrix& matrix : report) {
      const auto values = weights.at(matrix.key)->values();
      const auto found = restored(files, matrix.key, shape);
      double error = 0, square = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        error += std::pow(values[i] - found[i], 2);
        square += std::pow(values[i], 2);
      }
      const double expected = std::sqrt(error / square);
      EXPECT_NEAR(matrix.relative_error, expected, 1e-4 * expected) << matrix.key << " " << bits;
    }
  }
}

TEST_F(QuantizeWeights, AMatrixOfALargerErrorThanKeepAboveIsCopied) {
  std::vector<float> whole(4 * 32);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    whole[i] = i % 2 == 0 ? 127.0f : -static_cast<float>(i);  // codes as they are
  }
  store("exact.weight", {4, 32}, whole);
  const Tensor& rounded = store("rounded.weight", {4, 32});
  store("zero.weight", {4, 32}, std::vector<float>(4 * 32));
  const auto bits_with = [&](double keep_above, double* error = nullptr) {
    std::vector<int> bits;
    for (const auto& matrix : quantize({.bits = 8, .keep_above = keep_above})) {
      bits.push_back(matrix.bits);
      const bool lossy = matrix.key == "rounded.weight";
      EXPECT_EQ(matrix.relative_error != 0, lossy) << matrix.key;
      if (lossy && error != nullptr) *error = matrix.relative_error;
    }
    return bits;
  };
  double error = 0;
  EXPECT_EQ(bits_with(std::numeric_limits<double>::infinity(), &error), (std::vector{8, 8, 8}));
  EXPECT_EQ(bits_with(error), (std::vector{8, 8, 8}));
  double kept_error = 0;
  EXPECT_EQ(bits_with(std::nextafter(error, 0.0), &kept_error), (std::vector{8, 0, 8}));
  EXPECT_EQ(kept_error, error);
  const WeightFiles files = quantized();
  EXPECT_FALSE(files.contains("rounded.weight_scale"));
  EXPECT_EQ(files.find("rounded.weight")->to_string(), "F32 [4, 32]");
  EXPECT_TRUE(std::ranges::equal(files.find("rounded.weight")->bytes(), rounded.view().bytes()));
}

TEST_F(QuantizeWeights, AMatrixThatFourBitsDoNotReachIsCopied) {
  for (const float largest : {524032.0f, 524064.0f, -524064.0f}) {
    std::vector<float> values(2 * 32, 1.0f);
    values[40] = largest;
    store(std::to_string(static_cast<int>(largest)) + ".weight", {2, 32}, values);
  }
  std::map<std::string, int> bits;
  for (const auto& matrix : quantize({.bits = 4})) {
    bits[matrix.key] = matrix.bits;
    EXPECT_EQ(std::isinf(matrix.relative_error), matrix.bits == 0) << matrix.key;
  }
  EXPECT_EQ(bits, (std::map<std::string, int>{
                      {"524032.weight", 4}, {"524064.weight", 0}, {"-524064.weight", 0}}));
  EXPECT_EQ(quantized().find("524064.weight")->dtype, DType::f32);
}

TEST_F(QuantizeWeights, ThreadsDoNotChangeAByte) {
  store("a.self.query.weight", {37, 48});
  store("b.weight", {3, 70});
  for (const int bits : {8, 4}) {
    quantize({.bits = bits});
    const auto alone = written();
    ThreadPool pool(4);
    ThreadPool::Team team(pool, 4);
    quantize({.bits = bits}, team);
    EXPECT_TRUE(written() == alone) << bits;
  }
}

TEST_F(QuantizeWeights, AWeightThatIsNotFiniteIsRefusedByName) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity}) {
    for (const std::string key : {"a.self.query.weight", "b.word_embeddings.weight", "c.weight"}) {
      std::vector<float> values(2 * 32, 1.0f);
      values[40] = value;
      forget();
      store(key, {2, 32}, values);
      for (const int bits : {8, 4}) {
        EXPECT_EQ(refusal({.bits = bits}),
                  '"' + key + "\": expected finite weights, found nan or infinity")
            << value << " " << bits;
      }
    }
  }
}

// Counts what is run on it, and asks for a stop then.
class StoppingExecutor final : public Executor {
 public:
  std::size_t concurrency() const noexcept override { return 2; }
  void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) override {
    ++num_runs;
    InlineExecutor().run(num_tasks, task);
    source.request_stop();
  }

  std::size_t num_runs = 0;
  std::stop_source source;
};

// The name that the scales or the pieces would have is taken.
TEST_F(QuantizeWeights, ATensorByTheNameOfAScaleOrOfPiecesIsRefusedBeforeAnythingIsQuantized) {
  for (const std::string key : {"x.weight", "x.self.query.weight", "word_embeddings.weight"}) {
    for (const std::string suffix : {"_scale", "_pieces"}) {
      forget();
      store(key, {2, 4});
      store(key + suffix, {2}, DType::f16);
      for (const int bits : {8, 4}) {
        EXPECT_EQ(refusal({.bits = bits}),
                  '"' + key + suffix +
                      "\": expected no such tensor beside a matrix that is to be quantized, found "
                      "F16 [2]");
        StoppingExecutor executor;
        EXPECT_THROW(quantize({.bits = bits}, executor), FormatError);
        EXPECT_EQ(executor.num_runs, 0u);
      }
    }
  }
}

TEST_F(QuantizeWeights, ATensorByTheNameOfTheScaleOfWhatIsCopiedIsCopiedToo) {
  store("position_embeddings.weight", {2, 4});
  const Tensor& scale = store("position_embeddings.weight_scale", {2});
  store("x.weight_scale", {2});
  EXPECT_TRUE(quantize({}).empty());
  const WeightFiles files = quantized();
  EXPECT_TRUE(std::ranges::equal(files.find("position_embeddings.weight_scale")->bytes(),
                                 scale.view().bytes()));
}

TEST_F(QuantizeWeights, WhatIsQuantizedAlreadyIsRefused) {
  store("x.weight", {2, 4});
  for (const int bits : {8, 4}) {
    quantize({.bits = bits});
    const std::string again = folder_.path() + "/again.safetensors";
    InlineExecutor executor;
    try {
      quantize_weights(quantized(), again, {}, executor);
      ADD_FAILURE() << bits;
    } catch (const FormatError& error) {
      EXPECT_EQ(error.what(), quantized_path_ +
                                  ": \"__metadata__.semblance_quantization\": expected a model "
                                  "that is not quantized yet, found one that is");
    }
    EXPECT_FALSE(std::filesystem::exists(again));
  }
}

TEST_F(QuantizeWeights, RefusesOtherNumbersOfBits) {
  store("x.weight", {2, 4});
  for (const int bits : {-8, 0, 1, 2, 3, 5, 6, 7, 9, 16}) {
    try {
      quantize({.bits = bits});
      ADD_FAILURE() << bits;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(), "bits: expected 8 or 4, found " + std::to_string(bits));
    }
  }
  EXPECT_TRUE(nothing_written());
}

TEST_F(QuantizeWeights, WritesNothingWhenAskedToStop) {
  store("a.weight", {2, 4});
  store("b.weight", {2, 4});
  store("c.weight", {2, 4});
  StoppingExecutor executor;
  const QuantizeOptions options{.stop_token = executor.source.get_token()};
  EXPECT_THROW(quantize(options, executor), Cancelled);
  EXPECT_EQ(executor.num_runs, 1u);  // the first matrix was under way
  EXPECT_TRUE(nothing_written());
  EXPECT_THROW(quantize(options, executor), Cancelled);
  EXPECT_EQ(executor.num_runs, 1u);
  EXPECT_TRUE(nothing_written());
  StoppingExecutor other;  // without the token that it asks through
  quantize({}, other);
  EXPECT_EQ(other.num_runs, 3u);
}

}  // namespace
}  // namespace semblance
