#include "semblance/io/weight_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "io/reader_test.h"
#include "semblance/io/safetensors_writer.h"
#include "support/links.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::golden;
using testing::message_of;
using testing::read_bytes;
using testing::TempFolder;

// A file with one float for each name, its value counted from `first`.
void write_tensors(const TempFolder& folder, const std::string& name,
                   const std::vector<std::string>& tensors, float first) {
  folder.write(name, "");
  std::vector<float> values;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    values.push_back(first + static_cast<float>(i));
  }
  std::vector<NamedTensor> named;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    named.push_back(
        {tensors[i], {reinterpret_cast<const std::byte*>(&values[i]), DType::f32, Shape{1}}});
  }
  write_safetensors(folder.path() + "/" + name, named);
}

float value_of(const WeightFiles& weights, std::string_view name) {
  const auto tensor = weights.find(name);
  if (!tensor) {
    ADD_FAILURE() << "no " << name;
    return 0;
  }
  return tensor->as<float>()[0];
}

TEST(WeightFiles, TheFirstOfTheKnownNamesCounts) {
  const TempFolder folder;
  folder.write("pytorch_model.bin.index.json", "{}");
  folder.write("pytorch_model.bin", read_bytes(golden("module_zip.bin")));
  EXPECT_TRUE(WeightFiles::open(folder.path()).contains("weight"));
  write_tensors(folder, "shard.safetensors", {"sharded"}, 1);
  folder.write("model.safetensors.index.json",
               R"({"weight_map": {"sharded": "shard.safetensors"}})");
  EXPECT_TRUE(WeightFiles::open(folder.path()).contains("sharded"));
  write_tensors(folder, "model.safetensors", {"single"}, 1);
  const WeightFiles weights = WeightFiles::open(folder.path());
  EXPECT_TRUE(weights.contains("single"));
  EXPECT_EQ(weights.files(), std::vector<std::string>{folder.path() + "/model.safetensors"});
}

TEST(WeightFiles, AFolderWithoutWeightsSaysWhatWasLookedFor) {
  const TempFolder folder;
  EXPECT_EQ(message_of<FileError>([&] { WeightFiles::open(folder.path()); }),
            folder.path() +
                ": expected model.safetensors or pytorch_model.bin, whole or with an .index.json, "
                "found none of them");
  message_of<FileError>([&] { WeightFiles::open(folder.path() + "/none"); });
}

TEST(WeightFiles, AFileIsOpenedByItsName) {
  EXPECT_EQ(WeightFiles::open(golden("expected.safetensors")).names().size(), 63u);
  EXPECT_EQ(WeightFiles::open(golden("legacy.bin")).names().size(), 61u);
  message_of<FormatError>([] { WeightFiles::open(golden("make_checkpoints.py")); });
}

TEST(WeightFiles, TellsNamesSizesAndTypesWithoutTouchingTheElements) {
  const WeightFiles weights = WeightFiles::open(golden("zip.bin"));
  const auto names = weights.names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(weights.total_bytes(), 1560u);
  const auto elements = weights.elements_by_dtype();
  EXPECT_EQ(elements.at(DType::f16), 5u);
  EXPECT_EQ(elements.at(DType::f64), 3u);
  ASSERT_NE(weights.describe("transposed"), nullptr);
  EXPECT_EQ(weights.describe("transposed")->shape, (Shape{5, 4}));
  EXPECT_EQ(weights.describe("none"), nullptr);
  EXPECT_EQ(weights.find("none"), std::nullopt);
  EXPECT_EQ(weights.file_of("scalar"), golden("zip.bin"));
}

TEST(WeightFiles, ViewsSurviveAMove) {
  WeightFiles first = WeightFiles::open(golden("legacy.bin"));
  const auto scalar = first.find("scalar");
  const WeightFiles second = std::move(first);
  EXPECT_EQ(scalar->as<float>()[0], 3.5f);
  EXPECT_EQ(value_of(second, "scalar"), 3.5f);
}

TEST(WeightFiles, ManyThreadsMayFindAndRelease) {
  const WeightFiles weights = WeightFiles::open(golden("legacy.bin"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        for (const std::string_view name : {"transposed", "tied.one", "scalar", "permuted"}) {
          const auto view = weights.find(name);
          EXPECT_EQ(view->element_count(), weights.describe(name)->shape.element_count());
          weights.release(*view);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(WeightFiles, ShardsAreJoinedByTheIndex) {
  const TempFolder folder;
  write_tensors(folder, "model-1.safetensors", {"a", "c", "both"}, 1);
  write_tensors(folder, "model-2.safetensors", {"b", "both", "unlisted"}, 11);
  folder.write("model.safetensors.index.json",
               R"({"metadata": {"total_size": 16}, "weight_map": {
                   "c": "model-1.safetensors", "b": "model-2.safetensors",
                   "a": "model-1.safetensors", "both": "model-2.safetensors"}})");
  for (const std::string& path : {folder.path(), folder.path() + "/model.safetensors.index.json"}) {
    const WeightFiles weights = WeightFiles::open(path);
    EXPECT_EQ(weights.names(), (std::vector<std::string_view>{"a", "b", "both", "c", "unlisted"}));
    EXPECT_EQ(value_of(weights, "a"), 1);
    EXPECT_EQ(value_of(weights, "b"), 11);
    EXPECT_EQ(value_of(weights, "both"), 12);
    EXPECT_TRUE(weights.file_of("b").ends_with("/model-2.safetensors"));
    EXPECT_EQ(weights.files().size(), 2u);
  }
}

TEST(WeightFiles, CheckpointsMayBeShardedToo) {
  const TempFolder folder;
  folder.write("part-1.bin", read_bytes(golden("module_legacy.bin")));
  folder.write("part-2.bin", read_bytes(golden("zip.bin")));
  folder.write("pytorch_model.bin.index.json",
               R"({"weight_map": {"weight": "part-1.bin", "scalar": "part-2.bin"}})");
  const WeightFiles weights = WeightFiles::open(folder.path());
  EXPECT_EQ(value_of(weights, "scalar"), 3.5f);
  EXPECT_EQ(weights.find("weight")->shape, (Shape{2, 3}));
}

class WeightIndex : public ::testing::Test {
 protected:
  WeightIndex() {
    write_tensors(folder_, "model/shard.safetensors", {"a"}, 1);
    write_tensors(folder_, "outside.safetensors", {"a"}, 1);
    write_tensors(folder_, "model/sub/shard.safetensors", {"a"}, 1);
  }
  std::string path(const std::string& name) const { return folder_.path() + "/model/" + name; }
  WeightFiles open(const std::string& index) const {
    folder_.write("model/model.safetensors.index.json", index);
    return WeightFiles::open(folder_.path() + "/model");
  }
  WeightFiles open_shard(const std::string& shard) const {
    return open(R"({"weight_map": {"a": ")" + shard + "\"}}");
  }
  TempFolder folder_;
};

TEST_F(WeightIndex, ShardNamesThatLeaveTheFolderAreRefused) {
  EXPECT_EQ(value_of(open_shard("shard.safetensors"), "a"), 1);
  EXPECT_EQ(message_of<ConfigError>([&] { open_shard("../outside.safetensors"); }),
            path("model.safetensors.index.json") +
                ": \"weight_map.a\": expected the name of a file in the same folder, found "
                "\"../outside.safetensors\"");
  for (const std::string& shard :
       {folder_.path() + "/outside.safetensors", std::string("sub/shard.safetensors"),
        std::string("./shard.safetensors"), std::string("sub\\\\..\\\\..\\\\outside.safetensors"),
        std::string(".."), std::string(""), std::string("C:outside"),
        std::string("shard.safetensors\\u0000")}) {
    message_of<ConfigError>([&] { open_shard(shard); });
  }
}

TEST_F(WeightIndex, ShardsThatAreLinksOutOfTheFolderAreRefused) {
  if (!testing::make_link("../outside.safetensors", path("link.safetensors"))) {
    GTEST_SKIP() << "no links here";
  }
  EXPECT_EQ(message_of<FileError>([&] { open_shard("link.safetensors"); }),
            path("link.safetensors") +
                ": expected a file inside the folder, found a link that leaves it");
  testing::make_link("sub/shard.safetensors", path("inner.safetensors"));
  EXPECT_EQ(value_of(open_shard("inner.safetensors"), "a"), 1);
  testing::make_link("../outside.safetensors", path("model.safetensors"));
  message_of<FileError>([&] { WeightFiles::open(folder_.path() + "/model"); });
}

TEST_F(WeightIndex, MissingShardsAndTensorsAreNamed) {
  EXPECT_EQ(message_of<FileError>([&] { open_shard("none.safetensors"); }),
            path("none.safetensors") + ": expected a file, found nothing of that name");
  message_of<FileError>([&] { open_shard("sub"); });
  EXPECT_EQ(message_of<FormatError>([&] { open(R"({"weight_map": {"b": "shard.safetensors"}})"); }),
            path("model.safetensors.index.json") +
                ": \"weight_map.b\": expected a tensor in one of the shards, found none");
}

TEST_F(WeightIndex, AllTensorsOfTheShardsCountWhereverTheIndexHasThem) {
  const std::string x = "abcd";
  const TensorView tensor{std::as_bytes(std::span(x)).data(), DType::f32, {1}};
  write_safetensors(path("more.safetensors"), {{"b", tensor}, {"c", tensor}});
  {
    const auto files =
        open(R"({"weight_map": {"a": "more.safetensors", "b": "shard.safetensors"}})");
    EXPECT_EQ(files.names(), (std::vector<std::string_view>{"a", "b", "c"}));
    EXPECT_EQ(files.file_of("a"), path("shard.safetensors"));
    EXPECT_EQ(files.file_of("c"), path("more.safetensors"));
  }  // Windows replaces no file that is mapped
  // Of two of one name, that of the file which the index names.
  write_safetensors(path("more.safetensors"), {{"a", tensor}, {"b", tensor}});
  const auto both = open(R"({"weight_map": {"a": "more.safetensors", "b": "shard.safetensors"}})");
  EXPECT_EQ(both.file_of("a"), path("more.safetensors"));
  EXPECT_EQ(both.file_of("b"), path("more.safetensors"));
}

TEST_F(WeightIndex, AnIndexThatMapsNothingIsRefused) {
  message_of<ConfigError>([&] { open("{}"); });
  message_of<ConfigError>([&] { open("[]"); });
  message_of<ConfigError>([&] { open(R"({"weight_map": {}})"); });
  message_of<ConfigError>([&] { open(R"({"weight_map": []})"); });
  message_of<ConfigError>([&] { open(R"({"weight_map": null})"); });
  message_of<ConfigError>([&] { open(R"({"weight_map": {"a": 1}})"); });
  message_of<ConfigError>([&] { open(R"({"weight_map": {"a": ["shard.safetensors"]}})"); });
  message_of<FormatError>(
      [&] { open(R"({"weight_map": {"a": "shard.safetensors", "a": "shard.safetensors"}})"); });
  message_of<FormatError>([&] { open("version https://git-lfs.github.com/spec/v1\n"); });
}

}  // namespace
}  // namespace semblance
