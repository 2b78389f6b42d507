#include "semblance/io/safetensors_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/reader_test.h"
#include "semblance/io/safetensors.h"
#include "support/temp_folder.h"

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

namespace semblance {
namespace {

using testing::message_of;
using testing::read_bytes;
using testing::TempFolder;

std::size_t num_files(const TempFolder& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder.path())) {
    ++count;
  }
  return count;
}

TEST(SafetensorsWriter, WhatItWritesIsReadBackTheSame) {
  const TempFolder folder;
  const WeightFile source = open_safetensors(testing::golden("expected.safetensors"));
  std::vector<NamedTensor> tensors;
  for (const StoredTensor& tensor : source.tensors()) {
    tensors.push_back({tensor.name, source.view(tensor)});
  }
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"q\"\n", "\xE4\xBD\xA0"}};
  const std::string path = folder.path() + "/m.safetensors";
  write_safetensors(path, tensors, metadata);

  const std::string bytes = read_bytes(path);
  EXPECT_EQ(parse_safetensors(testing::as_bytes(bytes), path).metadata, metadata);
  const WeightFile copy = open_safetensors(path);
  ASSERT_EQ(copy.tensors().size(), source.tensors().size());
  for (const StoredTensor& tensor : source.tensors()) {
    const StoredTensor* found = copy.find(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    EXPECT_EQ(found->dtype, tensor.dtype);
    EXPECT_EQ(found->shape, tensor.shape);
    EXPECT_EQ(found->offset % byte_size(tensor.dtype), 0u) << tensor.name;
    const auto expected = source.view(tensor).bytes();
    const auto written = copy.view(*found).bytes();
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), written.begin(), written.end()));
  }
  EXPECT_EQ(num_files(folder), 1u);
}

TEST(SafetensorsWriter, TheOrderOfTheTensorsDoesNotShow) {
  const TempFolder folder;
  const float values[] = {1, 2, 3};
  const std::uint8_t small[] = {7};
  const TensorView floats{reinterpret_cast<const std::byte*>(values), DType::f32, Shape{3}};
  const TensorView bytes{reinterpret_cast<const std::byte*>(small), DType::u8, Shape{1}};
  std::vector<NamedTensor> tensors = {{"b", floats}, {"a", bytes}, {"c", floats}};
  write_safetensors(folder.path() + "/first", tensors);
  std::reverse(tensors.begin(), tensors.end());
  write_safetensors(folder.path() + "/second", tensors);
  EXPECT_EQ(read_bytes(folder.path() + "/first"), read_bytes(folder.path() + "/second"));
}

TEST(SafetensorsWriter, ImpossibleNamesAreTheCallersMistake) {
  const TempFolder folder;
  const std::string path = folder.path() + "/m";
  const TensorView none{nullptr, DType::f32, Shape{0}};
  EXPECT_THROW(write_safetensors(path, {{"a", none}, {"a", none}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path, {{"__metadata__", none}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path, {{"\xFF", none}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path, {}, {{"k", "\xFF"}}), std::invalid_argument);
  EXPECT_EQ(num_files(folder), 0u);
}

TEST(OutputFile, AppearsUnderItsNameOnlyWhenCommitted) {
  const TempFolder folder;
  const std::string path = folder.write("f", "before");
  {
    OutputFile file(path);
    file.write(std::string(100'000, 'x'));
    EXPECT_EQ(read_bytes(path), "before");
  }
  EXPECT_EQ(read_bytes(path), "before");
  EXPECT_EQ(num_files(folder), 1u);
  {
    OutputFile file(path);
    file.write("af");
    file.write("ter");
    file.commit();
  }
  EXPECT_EQ(read_bytes(path), "after");
  EXPECT_EQ(num_files(folder), 1u);
}

TEST(OutputFile, TwoAtOnceDoNotMix) {
  const TempFolder folder;
  const std::string path = folder.path() + "/f";
  OutputFile first(path);
  OutputFile second(path);
  first.write("first");
  second.write("second");
  first.commit();
  EXPECT_EQ(read_bytes(path), "first");
  second.commit();
  EXPECT_EQ(read_bytes(path), "second");
}

#if !defined(_WIN32)
TEST(OutputFile, AFileKeepsItsModeWhenItIsReplaced) {
  namespace fs = std::filesystem;
  const TempFolder folder;
  const std::string path = folder.write("f", "before");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  OutputFile file(path);
  file.write("after");
  file.commit();
  EXPECT_EQ(read_bytes(path), "after");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}
#endif

TEST(OutputFile, RefusesNamesThatAreNoFiles) {
  const TempFolder folder;
  message_of<FileError>([&] { OutputFile(folder.path()); });
#if !defined(_WIN32)
  message_of<FileError>([&] { OutputFile("/dev/null"); });
#endif
  message_of<FileError>([&] { OutputFile(folder.path() + "/none/f"); });
}

#if !defined(_WIN32)
TEST(OutputFile, AFullDiskIsAFileErrorAndLeavesNothing) {
  const TempFolder folder;
  const std::string path = folder.write("f", "before");
  // A limit on the size of files stands in for the disk.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto write = [&] {
    OutputFile file(path);
    file.write(std::string(1'000'000, 'x'));
    file.commit();
  };
  EXPECT_THROW(write(), FileError);
  const auto write_little = [&] {  // stays in the buffer until commit
    OutputFile file(path);
    file.write(std::string(4097, 'x'));
    file.commit();
  };
  EXPECT_THROW(write_little(), FileError);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_bytes(path), "before");
  EXPECT_EQ(num_files(folder), 1u);
}
#endif

}  // namespace
}  // namespace semblance
