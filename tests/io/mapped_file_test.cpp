#include "semblance/io/mapped_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "io/reader_test.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::message_of;
using testing::TempFolder;

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

class MappedFileTest : public ::testing::TestWithParam<FileAccess> {};
INSTANTIATE_TEST_SUITE_P(BothWays, MappedFileTest,
                         ::testing::Values(FileAccess::map, FileAccess::copy));

TEST_P(MappedFileTest, ShowsTheBytesOfTheFile) {
  const TempFolder folder;
  const std::string content(70001, 'w');
  const MappedFile file(folder.write("f", content), GetParam());
  EXPECT_EQ(text_of(file), content);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.bytes().data()) % 64, 0u);
  EXPECT_EQ(file.path(), folder.path() + "/f");
}

TEST_P(MappedFileTest, AnEmptyFileHasNoBytes) {
  const TempFolder folder;
  const MappedFile file(folder.write("f", ""), GetParam());
  EXPECT_TRUE(file.bytes().empty());
}

TEST_P(MappedFileTest, FoldersAndMissingFilesAreFileErrors) {
  const TempFolder folder;
  message_of<FileError>([&] { MappedFile(folder.path(), GetParam()); });
  message_of<FileError>([&] { MappedFile(folder.path() + "/none", GetParam()); });
  message_of<FileError>([&] { MappedFile("/dev/zero", GetParam()); });
}

TEST_P(MappedFileTest, MovingKeepsTheBytesWhereTheyAre) {
  const TempFolder folder;
  MappedFile first(folder.write("f", "first"), GetParam());
  MappedFile second(folder.write("g", "second"), GetParam());
  const std::byte* place = first.bytes().data();
  MappedFile third = std::move(first);
  EXPECT_EQ(third.bytes().data(), place);
  second = std::move(third);
  EXPECT_EQ(text_of(second), "first");
}

TEST_P(MappedFileTest, ReleasedPagesCanBeReadAgain) {
  const TempFolder folder;
  std::string content;
  for (int i = 0; i < 50000; ++i) content += std::to_string(i);
  const MappedFile file(folder.write("f", content), GetParam());
  ASSERT_EQ(text_of(file), content);
  file.release(file.bytes());
  file.release(file.bytes().subspan(5000, 100));
  file.release({});
  EXPECT_EQ(text_of(file), content);
}

TEST(MappedFile, ACopyOutlivesAFileThatShrinks) {
  const TempFolder folder;
  const std::string path = folder.write("f", std::string(100000, 'w'));
  const MappedFile file(path, FileAccess::copy);
  std::filesystem::resize_file(path, 0);
  EXPECT_EQ(text_of(file), std::string(100000, 'w'));
}

#if !defined(_WIN32)
TEST(MappedFile, AMapOutlivesAFileThatIsReplacedOrRemoved) {
  const TempFolder folder;
  const std::string path = folder.write("f", std::string(100000, 'w'));
  const MappedFile file(path);
  std::filesystem::rename(folder.write("g", "new"), path);
  EXPECT_EQ(text_of(file), std::string(100000, 'w'));
  std::filesystem::remove(path);
  EXPECT_EQ(text_of(file), std::string(100000, 'w'));
}
#endif

TEST(MappedFile, AFileInMemoryIsUsedInPlaceWhereItIsAlignedAndCopiedElsewhere) {
  alignas(64) const std::byte bytes[67] = {std::byte{1}, std::byte{2}, std::byte{3}};
  for (const std::size_t offset : {0u, 1u}) {
    const MemoryFile memory{"f", bytes + offset, bytes + sizeof bytes};
    const MappedFile file(FileSource("table/f", memory));
    EXPECT_EQ(file.path(), "table/f");
    EXPECT_EQ(file.bytes().data() == memory.begin, offset == 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.bytes().data()) % 64, 0u);
    EXPECT_TRUE(std::ranges::equal(file.bytes(), memory.bytes()));
    file.release(file.bytes());
    EXPECT_EQ(file.bytes()[1], bytes[offset + 1]);
  }
}

}  // namespace
}  // namespace semblance
