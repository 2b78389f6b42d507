#include "semblance/io/model_folder.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/reader_test.h"
#include "semblance/io/file_bytes.h"
#include "semblance/io/output_file.h"
#include "support/links.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::message_of;
using testing::TempFolder;

bool make_link(const std::string& target, const std::string& link) {
  std::filesystem::create_directories(std::filesystem::path(link).parent_path());
  return testing::make_link(target, link);
}

TEST(ModelFolder, PathsThatLeaveTheFolderAreSeenAsWritten) {
  for (const std::string_view inside :
       {"", "a", "1_Pooling", "a/b", "./a", "a//b", "..a", "a..", "...", "a/...b"}) {
    EXPECT_TRUE(stays_inside_folder(inside)) << inside;
  }
  for (const std::string_view outside : {"..", "../a", "a/..", "a/../b", "/", "/etc/passwd", "\\a",
                                         "..\\a", "a\\..\\b", "C:", "C:\\a", "c:a"}) {
    EXPECT_FALSE(stays_inside_folder(outside)) << outside;
  }
  EXPECT_FALSE(stays_inside_folder(std::string_view("a\0b", 3)));
}

TEST(ModelFolder, FindsWhatIsThereAndNamesItByTheCallersPath) {
  const TempFolder temp;
  temp.write("config.json", "{}");
  temp.write("1_Pooling/config.json", "{}");
  const ModelFolder folder(temp.path());
  EXPECT_EQ(folder.find("config.json"), temp.path() + "/config.json");
  EXPECT_EQ(folder.find("none"), std::nullopt);
  EXPECT_EQ(folder.find("config.json/below"), std::nullopt);
  EXPECT_EQ(folder.require("1_Pooling/config.json"), temp.path() + "/1_Pooling/config.json");
  EXPECT_EQ(folder.subfolder("1_Pooling").require("config.json"),
            temp.path() + "/1_Pooling/config.json");
  EXPECT_EQ(folder.subfolder("").path(), temp.path());
  EXPECT_EQ(ModelFolder(temp.path() + "/").require("config.json"), temp.path() + "/config.json");
  EXPECT_EQ(message_of<FileError>([&] { folder.require("vocab.txt"); }),
            temp.path() + "/vocab.txt: expected a file, found nothing of that name");
}

TEST(ModelFolder, NamesAreUtf8) {
  const TempFolder temp;
  const std::string path = temp.path() + "/模型 é😀";
  const auto folder = std::filesystem::path(temp.path()) / u8"模型 é😀";
  std::filesystem::create_directory(folder);
  OutputFile file(path + "/词表.txt");
  file.write("[PAD]");
  file.commit();
  EXPECT_EQ(read_file_bytes(ModelFolder(path).require("词表.txt")), "[PAD]");
  EXPECT_TRUE(std::filesystem::exists(folder / u8"词表.txt"));
}

TEST(ModelFolder, AnythingButAFolderIsRefused) {
  const TempFolder temp;
  const std::string file = temp.write("f", "");
  EXPECT_EQ(message_of<FileError>([&] { ModelFolder{file}; }),
            file + ": expected a folder, found a file");
  EXPECT_EQ(message_of<FileError>([&] { ModelFolder{temp.path() + "/none"}; }),
            temp.path() + "/none: expected a folder, found nothing of that name");
  message_of<FileError>([] { ModelFolder{""}; });
  message_of<FileError>([] { ModelFolder{std::string("/tmp\0", 5)}; });
  EXPECT_EQ(message_of<FileError>([&] { ModelFolder(temp.path()).subfolder("f"); }),
            file + ": expected a folder, found a file");
}

TEST(ModelFolder, NamesThatLeaveTheFolderAreRefused) {
  const TempFolder temp;
  temp.write("outside.json", "{}");
  temp.write("model/config.json", "{}");
  const ModelFolder folder(temp.path() + "/model");
  EXPECT_EQ(message_of<FileError>([&] { folder.find("../outside.json"); }),
            folder.path() + ": expected a path inside the folder, found \"../outside.json\"");
  message_of<FileError>([&] { folder.find("/etc/passwd"); });
  message_of<FileError>([&] { folder.subfolder(".."); });
}

TEST(ModelFolder, LinksThatLeaveTheFolderAreRefused) {
  const TempFolder temp;
  temp.write("outside.json", "{}");
  temp.write("model-other/config.json", "{}");
  temp.write("model/real.json", "{}");
  const std::string model = temp.path() + "/model";
  if (!make_link("../outside.json", model + "/link.json")) GTEST_SKIP() << "no links here";
  make_link(temp.path() + "/outside.json", model + "/absolute.json");
  make_link("../model-other", model + "/folder");
  make_link("nowhere", model + "/dangling.json");
  make_link("real.json", model + "/inner.json");
  make_link("../real.json", model + "/sub/inner.json");
  const ModelFolder folder(model);
  EXPECT_EQ(message_of<FileError>([&] { folder.find("link.json"); }),
            model + "/link.json: expected a file inside the folder, found a link that leaves it");
  message_of<FileError>([&] { folder.find("absolute.json"); });
  message_of<FileError>([&] { folder.find("folder/config.json"); });
  message_of<FileError>([&] { folder.subfolder("folder"); });
  EXPECT_EQ(message_of<FileError>([&] { folder.find("dangling.json"); }),
            model + "/dangling.json: expected a file, found a link to nothing");
  EXPECT_TRUE(folder.find("inner.json").has_value());
  EXPECT_TRUE(folder.find("sub/inner.json").has_value());
  EXPECT_TRUE(folder.subfolder("sub").find("inner.json").has_value());
}

TEST(ModelFolder, AFolderReachedThroughALinkIsItsTarget) {
  const TempFolder temp;
  temp.write("real/config.json", "{}");
  if (!make_link("real", temp.path() + "/latest")) GTEST_SKIP() << "no links here";
  EXPECT_TRUE(ModelFolder(temp.path() + "/latest").find("config.json").has_value());
}

TEST(ModelFolder, LinksIntoTheHubCachesBlobsAreFollowed) {
  const TempFolder temp;
  const std::string model = temp.path() + "/models--someone--something";
  temp.write("models--someone--something/blobs/0123", "{}");
  temp.write("models--other--model/blobs/0123", "{}");
  if (!make_link("../../blobs/0123", model + "/snapshots/abc/config.json"))
    GTEST_SKIP() << "no links here";
  make_link("../../../blobs/0123", model + "/snapshots/abc/1_Pooling/config.json");
  make_link("../../../models--other--model/blobs/0123", model + "/snapshots/abc/other.json");
  make_link("../../refs", model + "/snapshots/abc/refs.json");
  temp.write("models--someone--something/refs", "x");
  const ModelFolder folder(model + "/snapshots/abc");
  EXPECT_TRUE(folder.find("config.json").has_value());
  EXPECT_TRUE(folder.find("1_Pooling/config.json").has_value());
  EXPECT_TRUE(ModelFolder(model + "/snapshots/abc/1_Pooling").find("config.json").has_value());
  message_of<FileError>([&] { folder.find("other.json"); });
  message_of<FileError>([&] { folder.find("refs.json"); });
}

TEST(ModelFolder, AFolderInMemoryIsReadLikeOneOnDisk) {
  const std::string config = "{}";
  const std::string pooling = "{\"a\": 1}";
  const auto file = [](const char* name, const std::string& text) {
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    return MemoryFile{name, begin, begin + text.size()};
  };
  const std::vector<MemoryFile> files = {file("config.json", config),
                                         file("1_Pooling/config.json", pooling)};
  const ModelFolder folder("a table", files);
  EXPECT_EQ(folder.find("config.json"), "a table/config.json");
  EXPECT_EQ(read_file_bytes(folder.require("config.json")), config);
  EXPECT_EQ(read_file_bytes(folder.require("1_Pooling/config.json")), pooling);
  const ModelFolder subfolder = folder.subfolder("1_Pooling");
  EXPECT_EQ(subfolder.path(), "a table/1_Pooling");
  EXPECT_EQ(read_file_bytes(subfolder.require("config.json")), pooling);
  EXPECT_EQ(folder.subfolder("").path(), "a table");
  EXPECT_EQ(subfolder.find("1_Pooling"), std::nullopt);
  EXPECT_EQ(folder.find("none"), std::nullopt);
  EXPECT_EQ(folder.find("1_Pool"), std::nullopt);
  EXPECT_EQ(message_of<FileError>([&] { folder.require("vocab.txt"); }),
            "a table/vocab.txt: expected a file, found nothing of that name");
  EXPECT_EQ(message_of<FileError>([&] { folder.subfolder("config.json"); }),
            "a table/config.json: expected a folder, found a file");
  message_of<FileError>([&] { folder.find("../config.json"); });
}

}  // namespace
}  // namespace semblance
