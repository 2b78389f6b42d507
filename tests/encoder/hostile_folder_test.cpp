// What io/model_folder.h guarantees, for each file that a folder may hold: whatever stands in its
// place, loading ends in one typed error of one line that names the file.

#include <gtest/gtest.h>

#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/sentence_encoder.h"
#include "support/golden_model.h"
#include "support/temp_folder.h"

#if !defined(_WIN32)
#include <sys/stat.h>
#endif

namespace semblance {
namespace {

namespace fs = std::filesystem;
using testing::GoldenModel;
using testing::TempFolder;

struct FileOfAFolder {
  std::string model;
  std::string file;
};

void PrintTo(const FileOfAFolder& what, std::ostream* out) {
  *out << what.model << '/' << what.file;
}

class HostileFolder : public ::testing::TestWithParam<FileOfAFolder> {
 protected:
  HostileFolder() {
    fs::copy(GoldenModel(GetParam().model).folder(), path(), fs::copy_options::recursive);
    // Small texts and tables of the reference that load() does not read.
    for (const char* other : {"expected.safetensors", "noise.json", "sentences.json"}) {
      fs::remove(fs::path(path()) / other);
    }
  }
  std::string path() const { return temp_.path() + "/model"; }
  fs::path file() const { return fs::path(path()) / GetParam().file; }
  bool is_weights() const {
    return file().extension() == ".safetensors" || file().extension() == ".bin";
  }

  SentenceEncoder load() const { return SentenceEncoder::load(path(), {.num_threads = 1}); }

  // The message with which load() refuses; empty, and a failure of the test, when it does not.
  std::string refusal(const std::string& what) const {
    SCOPED_TRACE(what);
    try {
      load();
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_LE(message.size(), kMaxErrorBytes) << message;
      for (const char c : message) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << message;
      const std::string name = fs::path(GetParam().file).filename().string();
      EXPECT_NE(message.find(name), std::string::npos) << message;
      return message;
    }
    ADD_FAILURE() << GetParam().file << " was taken";
    return {};
  }
  std::string refusal_of(const std::string& what, std::string_view bytes) const {
    std::ofstream(file(), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return refusal(what);
  }

  TempFolder temp_;
};

TEST_P(HostileFolder, FailedDownloadsAreCalledByTheirName) {
  EXPECT_NE(refusal_of("pointer",
                       "version https://git-lfs.github.com/spec/v1\n"
                       "oid sha256:0123456789abcdef0123456789abcdef0123456789abcdef\nsize 12345\n")
                .find("this is a git-LFS pointer, the weights were not downloaded"),
            std::string::npos);
  for (const std::string_view page :
       {"<!DOCTYPE html>\n<html><title>404</title></html>", "\n <HTML lang=\"en\">\n",
        "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"}) {
    EXPECT_NE(refusal_of("page", page).find("this is a web page"), std::string::npos);
  }
}

TEST_P(HostileFolder, WhatIsNoFileInsideTheFolderIsNotOpened) {
  fs::remove(file());
  fs::create_directory(file());
  EXPECT_NE(refusal("a folder").find("found a folder"), std::string::npos);
  fs::remove(file());

#if !defined(_WIN32)
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_NE(refusal("a pipe").find("found a pipe or a device"), std::string::npos);
  fs::remove(file());

  const std::string outside = temp_.write("outside", "secret");
  for (const std::string& target : {outside, std::string("/dev/zero"), std::string("/etc/passwd")}) {
    fs::create_symlink(target, file());
    EXPECT_NE(refusal(target).find("a link that leaves it"), std::string::npos);
    fs::remove(file());
  }
  fs::create_symlink("nothing", file());
  EXPECT_NE(refusal("a dangling link").find("a link to nothing"), std::string::npos);
  fs::remove(file());
  fs::create_symlink(file().filename(), file());
  refusal("a link to itself");
#endif
}

TEST_P(HostileFolder, OtherBytesAreRefused) {
  refusal_of("empty", "");
  refusal_of("NUL bytes", std::string(5000, '\0'));
  refusal_of("UTF-16", std::string_view("\xFF\xFE{\0}\0", 6));
  std::mt19937 random(5);
  for (int i = 0; i < 5; ++i) {
    std::string bytes;
    for (auto count = 1 + random() % 300; count > 0; --count) bytes += static_cast<char>(random());
    bytes[0] = '\xFF';  // no text of UTF-8, which vocab.txt might take
    refusal_of("random bytes", bytes);
  }
  if (file().extension() == ".txt") return;
  for (const char* open : {"[", "{\"a\":", "[{\"a\":["}) {
    std::string deep;
    while (deep.size() < 300'000) deep += open;
    refusal_of("deep nesting", deep);
  }
  for (const char* json : {"null", "true", "17", "\"text\"", "[]", "[1, 2]", "{", "{\"a\": }",
                           "{} {}", "{\"a\": 1, \"a\": 2}", "NaN", "{\"a\": 1e999}"}) {
    refusal_of(json, json);
  }
}

TEST_P(HostileFolder, AByteOrderMarkIsSkippedInTextAndRefusedInWeights) {
  const auto expected = load().encode("how are you").values;
  std::ifstream in(file(), std::ios::binary);
  const std::string bytes = "\xEF\xBB\xBF" + std::string(std::istreambuf_iterator<char>(in), {});
  if (is_weights()) {
    refusal_of("a mark in weights", bytes);
    return;
  }
  std::ofstream(file(), std::ios::binary) << bytes;
  EXPECT_EQ(load().encode("how are you").values, expected);
}

INSTANTIATE_TEST_SUITE_P(
    Files, HostileFolder,
    ::testing::Values(FileOfAFolder{"st-mean-dense-normalize", "config.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "modules.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "sentence_bert_config.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "config_sentence_transformers.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "tokenizer.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "tokenizer_config.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "model.safetensors"},
                      FileOfAFolder{"st-mean-dense-normalize", "1_Pooling/config.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "2_Dense/config.json"},
                      FileOfAFolder{"st-mean-dense-normalize", "2_Dense/model.safetensors"},
                      FileOfAFolder{"st-mean-dense-normalize", "3_Normalize/config.json"},
                      FileOfAFolder{"system-roberta-wwm-ext", "vocab.txt"},
                      FileOfAFolder{"system-roberta-wwm-ext", "pytorch_model.bin"},
                      FileOfAFolder{"system-roberta-wwm-ext", "added_tokens.json"},
                      FileOfAFolder{"system-roberta-wwm-ext", "special_tokens_map.json"},
                      FileOfAFolder{"bert-mlm-bin-sharded", "pytorch_model.bin.index.json"},
                      FileOfAFolder{"bert-mlm-bin-sharded", "pytorch_model-00002-of-00002.bin"},
                      FileOfAFolder{"bert-sharded-gamma-beta", "model.safetensors.index.json"},
                      FileOfAFolder{"bert-sharded-gamma-beta", "model-00002-of-00003.safetensors"}),
    [](const auto& parameter) {
      std::string name = parameter.param.model + parameter.param.file;
      std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
      return name;
    });

}  // namespace
}  // namespace semblance
