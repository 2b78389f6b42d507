#include "semblance/pooling/whitening_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace semblance {
namespace {

class WhiteningFile : public ::testing::Test {
 protected:
  ~WhiteningFile() override { std::remove(path_.c_str()); }

  template <class T>
  static NamedTensor tensor(const char* name, const std::vector<T>& values, DType dtype,
                            Shape shape) {
    return {name, {std::as_bytes(std::span(values)).data(), dtype, std::move(shape)}};
  }

  // The message, less the path, of the Expected that loading throws.
  template <class Expected>
  std::string message_of_load(std::optional<std::size_t> input_size = {}) const {
    try {
      load_whitening(path_, input_size);
    } catch (const Expected& error) {
      const std::string message = error.what();
      const auto at = message.find("whitening_file_test");
      return message.substr(message.find(": ", at) + 2);
    }
    return "no such error";
  }

  // ctest runs the tests side by side.
  std::string path_ = ::testing::TempDir() + "semblance_whitening_file_test_" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                      ".safetensors";
  std::vector<double> mean_{1.0, 1.0 / 3.0};
  std::vector<double> kernel_{1e-3, 2.0, 3.0, -4.0, 5.0, 1.0 / 7.0};
};

TEST_F(WhiteningFile, LoadsWhatWasSavedToTheBit) {
  save_whitening(Whitening(mean_, kernel_), path_);
  const Whitening loaded = load_whitening(path_, 2);
  EXPECT_TRUE(std::equal(mean_.begin(), mean_.end(), loaded.mean().begin(), loaded.mean().end()));
  EXPECT_TRUE(
      std::equal(kernel_.begin(), kernel_.end(), loaded.kernel().begin(), loaded.kernel().end()));
  EXPECT_EQ(loaded.dimensions(), 3u);
}

TEST_F(WhiteningFile, LoadsFloat32Too) {
  const std::vector<float> mean{1.0f, 2.0f};
  const std::vector<float> kernel{3.0f, 4.0f};
  write_safetensors(path_, {tensor("mean", mean, DType::f32, Shape{2}),
                            tensor("kernel", kernel, DType::f32, Shape{2, 1})});
  const Whitening loaded = load_whitening(path_);
  EXPECT_EQ(loaded.mean()[1], 2.0);
  EXPECT_EQ(loaded.kernel()[1], 4.0);
}

TEST_F(WhiteningFile, AnotherWidthThanTheVectorsIsRefused) {
  save_whitening(Whitening(mean_, kernel_), path_);
  EXPECT_EQ(message_of_load<ShapeError>(768), "\"mean\": expected F64 or F32 [768], found F64 [2]");
}

TEST_F(WhiteningFile, MissingAndMisshapenTensorsAreNamed) {
  const auto mean = tensor("mean", mean_, DType::f64, Shape{2});
  const auto kernel = tensor("kernel", kernel_, DType::f64, Shape{2, 3});
  write_safetensors(path_, {kernel});
  EXPECT_EQ(message_of_load<ShapeError>(),
            "\"mean\": expected F64 or F32 [size], found no such tensor");
  write_safetensors(path_, {mean});
  EXPECT_EQ(message_of_load<ShapeError>(),
            "\"kernel\": expected F64 or F32 [2, dimensions], found no such tensor");
  write_safetensors(path_, {mean, tensor("kernel", kernel_, DType::f64, Shape{3, 2})});
  EXPECT_EQ(message_of_load<ShapeError>(),
            "\"kernel\": expected F64 or F32 [2, dimensions], found F64 [3, 2]");
  write_safetensors(path_, {mean, tensor("kernel", kernel_, DType::f64, Shape{6})});
  EXPECT_EQ(message_of_load<ShapeError>(),
            "\"kernel\": expected F64 or F32 [2, dimensions], found F64 [6]");
  write_safetensors(path_, {mean, tensor("kernel", kernel_, DType::f64, Shape{2, 0})});
  EXPECT_EQ(message_of_load<ShapeError>(),
            "\"kernel\": expected F64 or F32 [2, dimensions], found F64 [2, 0]");
  write_safetensors(path_, {tensor("mean", mean_, DType::i64, Shape{2}), kernel});
  EXPECT_EQ(message_of_load<ShapeError>(), "\"mean\": expected F64 or F32 [size], found I64 [2]");
}

TEST_F(WhiteningFile, ValuesThatAreNotFiniteAreRefused) {
  mean_[1] = std::nan("");
  write_safetensors(path_, {tensor("mean", mean_, DType::f64, Shape{2}),
                            tensor("kernel", kernel_, DType::f64, Shape{2, 3})});
  EXPECT_EQ(message_of_load<FormatError>(), "\"mean\": expected finite float32 values, found nan");
}

TEST_F(WhiteningFile, AFileOfAnotherKindIsRefused) {
  std::ofstream(path_) << "not safetensors at all";
  EXPECT_THROW(load_whitening(path_), FormatError);
  std::remove(path_.c_str());
  EXPECT_THROW(load_whitening(path_), FileError);
}

}  // namespace
}  // namespace semblance
