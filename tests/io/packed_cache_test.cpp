#include "semblance/io/packed_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "io/reader_test.h"
#include "semblance/io/safetensors_writer.h"
#include "support/links.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::as_bytes;
using testing::message_of;
using testing::read_bytes;
using testing::TempFolder;

class PackedCacheTest : public ::testing::Test {
 protected:
  TempFolder folder;
  std::string path = folder.path() + "/packed";
  std::string first = std::string(128, 'a');
  std::string second = std::string(64, 'b');

  std::string of(const std::string& identity, std::string_view name, std::size_t size) const {
    const PackedCache cache(path, identity);
    const auto found = cache.find(name, size);
    return {reinterpret_cast<const char*>(found.data()), found.size()};
  }
  void write() const {
    PackedCache cache(path, "one");
    cache.add("first", as_bytes(first));
    cache.add("second", as_bytes(second));
    cache.commit();
  }
};

TEST_F(PackedCacheTest, GivesWhatAnEarlierOneKeptOnACacheLine) {
  write();
  EXPECT_EQ(of("one", "first", 128), first);
  EXPECT_EQ(of("one", "second", 64), second);
  const PackedCache cache(path, "one");
  for (const auto& [name, size] : {std::pair("first", 128), std::pair("second", 64)}) {
    const auto block = cache.find(name, static_cast<std::size_t>(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % 64, 0u) << name;
  }
}

TEST_F(PackedCacheTest, HasNothingOfAnotherNameSizeOrIdentity) {
  write();
  EXPECT_EQ(of("one", "third", 128), "");
  EXPECT_EQ(of("one", "first", 64), "");
  EXPECT_EQ(of("two", "first", 128), "");
}

TEST_F(PackedCacheTest, OfAnotherIdentityIsReplacedByACommit) {
  write();
  PackedCache cache(path, "two");
  cache.add("first", as_bytes(second));
  cache.commit();
  EXPECT_EQ(of("two", "first", 64), second);
  EXPECT_EQ(of("two", "second", 64), "");
  EXPECT_EQ(of("one", "first", 128), "");
}

TEST_F(PackedCacheTest, KeepsTheBlocksThatFitWhenOneIsAdded) {
  write();
  PackedCache cache(path, "one");
  const auto before = cache.find("second", 64);
  cache.add("first", as_bytes(second));
  cache.commit();
  EXPECT_EQ(of("one", "first", 64), second);
  EXPECT_EQ(of("one", "second", 64), second);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(before.data()), before.size()), second);
}

TEST_F(PackedCacheTest, WritesNothingWhenNothingWasAdded) {
  PackedCache(path, "one").commit();
  EXPECT_FALSE(std::filesystem::exists(path));
  write();
  const auto time = std::filesystem::last_write_time(path);
  PackedCache(path, "one").commit();
  EXPECT_EQ(std::filesystem::last_write_time(path), time);
}

TEST_F(PackedCacheTest, OfTwoThatFoundNoneTheFirstToCommitStays) {
  const std::string other(128, 'c');
  PackedCache early(path, "one"), late(path, "one");
  early.add("first", as_bytes(first));
  EXPECT_TRUE(early.commit());
  EXPECT_FALSE(early.commit());  // nothing new
  late.add("first", as_bytes(other));
  EXPECT_TRUE(late.commit());
  EXPECT_EQ(of("one", "first", 128), first);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST_F(PackedCacheTest, CutOrGarbledIsEmptyAndReplacedByACommit) {
  write();
  const std::string whole = read_bytes(path);
  std::string garbled = whole;
  const std::size_t shape = garbled.find("[128]");
  ASSERT_NE(shape, std::string::npos);
  garbled.replace(shape, 5, "[999]");
  std::string long_header = whole;
  long_header.replace(0, 8, testing::le(std::uint64_t{1} << 40));
  std::vector<std::string> damaged = {garbled, long_header};
  for (std::size_t size = 64; size < whole.size(); size += 7) {
    damaged.push_back(whole.substr(0, size));
  }
  for (const std::string& bytes : damaged) {
    folder.write("packed", bytes);
    EXPECT_EQ(of("one", "first", 128), "") << bytes.size() << " bytes";
    EXPECT_EQ(of("one", "second", 64), "") << bytes.size() << " bytes";
  }
  write();
  EXPECT_EQ(of("one", "first", 128), first);
}

TEST_F(PackedCacheTest, ABlockOffTheCacheLineIsNotUsed) {
  const std::vector<NamedTensor> tensors = {
      {"first", TensorView{as_bytes(first).data(), DType::u8, Shape{first.size()}}}};
  std::size_t num_off = 0;
  for (std::size_t padding = 0; padding < 64; padding += 8) {
    write_safetensors(path, tensors,
                      {{"semblance_packed_cache", "one"}, {"x", std::string(padding, 'x')}});
    const bool off = (read_bytes(path).size() - first.size()) % 64 != 0;
    EXPECT_EQ(of("one", "first", 128), off ? "" : first) << padding;
    num_off += off ? 1 : 0;
  }
  EXPECT_EQ(num_off, 7u);
}

TEST_F(PackedCacheTest, AnotherFileOfThatNameIsRefusedAndStaysAsItIs) {
  std::string weights;
  {
    write_safetensors(path, {{"w", TensorView{as_bytes(first).data(), DType::u8, Shape{128}}}},
                      {{"format", "pt"}});
    weights = read_bytes(path);
  }
  for (const std::string& bytes : {weights, std::string("text"), std::string()}) {
    folder.write("packed", bytes);
    const std::string message = message_of<FileError>([&] { PackedCache(path, "one"); });
    EXPECT_EQ(message, path +
                           ": expected a packed cache or nothing of that name, found another "
                           "file");
    EXPECT_EQ(read_bytes(path), bytes);
  }
  EXPECT_EQ(message_of<FileError>([&] { PackedCache(folder.path(), "one"); }),
            folder.path() + ": expected a file, found a folder");
}

TEST_F(PackedCacheTest, ALinkToNothingIsRefused) {
  if (!testing::make_link("nowhere", path)) GTEST_SKIP() << "no links here";
  EXPECT_EQ(message_of<FileError>([&] { PackedCache(path, "one"); }),
            path + ": expected a packed cache or nothing of that name, found a link to nothing");
}

TEST_F(PackedCacheTest, AFolderThatIsNotThereIsNamedWhenItIsWritten) {
  const std::string missing = folder.path() + "/missing/packed";
  PackedCache cache(missing, "one");
  cache.add("first", as_bytes(first));
  const std::string message = message_of<FileError>([&] { cache.commit(); });
  EXPECT_EQ(message.find(missing), 0u) << message;
}

}  // namespace
}  // namespace semblance
