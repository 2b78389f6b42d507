#include "semblance/io/file_bytes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "io/reader_test.h"
#include "support/links.h"
#include "support/temp_folder.h"

#if !defined(_WIN32)
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace semblance {
namespace {

using testing::message_of;
using testing::TempFolder;

TEST(FileBytes, ReadsAWholeFile) {
  const TempFolder folder;
  const std::string content = std::string("a\0b\r\n\xFF", 6) + std::string(100000, 'x');
  EXPECT_EQ(read_file_bytes(folder.write("f", content)), content);
  EXPECT_EQ(read_file_bytes(folder.write("empty", "")), "");
}

TEST(FileBytes, RefusesAFileLargerThanTheLimit) {
  const TempFolder folder;
  const std::string path = folder.write("f", "12345");
  EXPECT_EQ(read_file_bytes(path, 5), "12345");
  EXPECT_EQ(message_of<FileError>([&] { read_file_bytes(path, 4); }),
            path + ": expected at most 4 bytes, found 5");
}

TEST(FileBytes, KnowsTheSizeOfALargeFile) {
  const TempFolder folder;
  const std::string path = folder.write("f", "");
  std::filesystem::resize_file(path, 5'000'000'000);  // a hole, which takes no room
  EXPECT_EQ(message_of<FileError>([&] { read_file_bytes(path, 4); }),
            path + ": expected at most 4 bytes, found 5000000000");
}

TEST(FileBytes, NamesWhatIsThereInsteadOfAFile) {
  const TempFolder folder;
  const auto found = [](const std::string& path) {
    const std::string message = message_of<FileError>([&] { read_file_bytes(path); });
    return message.substr(message.rfind("found "));
  };
  EXPECT_EQ(found(folder.path()), "found a folder");
  EXPECT_EQ(found(folder.path() + "/none"), "found nothing of that name");
  EXPECT_EQ(found(folder.write("f", "x") + "/below"), "found nothing of that name");
  EXPECT_EQ(found(std::string("/tmp\0x", 6)), "found nothing of that name");
#if defined(_WIN32)
  EXPECT_EQ(found("NUL"), "found a pipe or a device");
#else
  EXPECT_EQ(found("/dev/null"), "found a pipe or a device");
#endif
  testing::make_link("loop", folder.path() + "/loop");
  EXPECT_FALSE(found(folder.path() + "/loop").empty());
}

#if !defined(_WIN32)
TEST(FileBytes, APipeWithoutAWriterDoesNotHang) {
  const TempFolder folder;
  const std::string path = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(message_of<FileError>([&] { read_file_bytes(path); }),
            path + ": expected a file, found a pipe or a device");
}

TEST(FileBytes, AFileThatMayNotBeReadIsAFileError) {
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser may read everything";
  const TempFolder folder;
  const std::string path = folder.write("f", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  EXPECT_EQ(message_of<FileError>([&] { read_file_bytes(path); }),
            path + ": expected a file, found no permission to read it");
}
#endif

TEST(FileBytes, WeightsThatOnlyStartLikeAPageAreLeftAlone) {
  EXPECT_NO_THROW(refuse_failed_download("f", std::string_view("")));
  EXPECT_NO_THROW(refuse_failed_download("f", std::string_view("   \n ")));
  EXPECT_NO_THROW(refuse_failed_download("f", std::string_view("{\"a\": \"<html>\"}")));
  EXPECT_NO_THROW(refuse_failed_download("f", std::string_view("version 2")));
  for (const std::string_view page : {"<!doctype html>", "<HTML>", "\r\n<?xml version='1.0'?>"}) {
    EXPECT_EQ(message_of<FormatError>([&] { refuse_failed_download("f", page); }),
              "f: this is a web page, not the file that was asked for");
  }
}

}  // namespace
}  // namespace semblance
