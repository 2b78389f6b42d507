#include "semblance/io/roformer_tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "semblance/core/error.h"

namespace semblance {
namespace {

// A file of these bytes that is gone when the test ends.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view contents)
      : path_(::testing::TempDir() + "semblance_words_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".txt") {
    std::ofstream(path_, std::ios::binary) << contents;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

ModelFolder some_folder() {
  return ModelFolder(std::string(SEMBLANCE_TEST_DATA) + "/golden/models/system-roformer-base");
}

TEST(RoFormerTokenizer, ADictionarysErrorsNameTheFileAndTheLine) {
  const TemporaryFile file("ab 3 n\nb many n\n");
  EXPECT_EQ(error_of([&] { read_word_dictionary(file.path()); }),
            file.path() + ": line 2: expected a word and its count, found \"many\" for the count");
}

TEST(RoFormerTokenizer, AFailedDownloadIsNoDictionary) {
  const TemporaryFile file("version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  EXPECT_EQ(error_of([&] { read_word_dictionary(file.path()); }),
            file.path() + ": this is a git-LFS pointer, the weights were not downloaded");
  EXPECT_THROW(read_word_dictionary(file.path() + ".absent"), FileError);
}

TEST(RoFormerTokenizer, LeavesOtherClassesToBeRefused) {
  TokenizerConfig config;
  const auto adapt = roformer_tokenizer(some_folder(), "");
  EXPECT_FALSE(adapt("XLMRobertaTokenizer", config));
  EXPECT_EQ(config.word_splitter, nullptr);
}

TEST(RoFormerTokenizer, SplitsWordsAndLeavesIdeographsTogether) {
  const TemporaryFile file("ab 3 n\n");
  const auto adapt = roformer_tokenizer(some_folder(), file.path());
  for (const char* name : {"RoFormerTokenizer", "RoFormerTokenizerFast"}) {
    TokenizerConfig config;
    EXPECT_TRUE(adapt(name, config));
    EXPECT_NE(config.word_splitter, nullptr);
    EXPECT_FALSE(config.normalizer.handle_chinese_chars);
  }
}

TEST(RoFormerTokenizer, WithoutADictionarySaysWhereToGiveIt) {
  TokenizerConfig config;
  const ModelFolder folder = some_folder();
  const auto adapt = roformer_tokenizer(folder, "");
  EXPECT_EQ(error_of([&] { adapt("RoFormerTokenizerFast", config); }),
            folder.path() +
                "/tokenizer_config.json: \"tokenizer_class\": expected a dictionary of words in "
                "jieba's format beside RoFormerTokenizerFast (LoadOptions::dictionary, "
                "--dictionary FILE), found none");
}

}  // namespace
}  // namespace semblance
