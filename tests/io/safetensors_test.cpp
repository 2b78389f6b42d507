#include "semblance/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/reader_test.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::as_bytes;
using testing::le;
using testing::message_of;
using testing::TempFolder;

std::string file_of(std::string_view header, std::string_view buffer) {
  return le(static_cast<std::uint64_t>(header.size())) + std::string(header) + std::string(buffer);
}

SafetensorsContents parse(const std::string& bytes) {
  return parse_safetensors(as_bytes(bytes), "m.safetensors");
}

std::string safetensors_refusal(const std::string& bytes) {
  return message_of<FormatError>([&] { parse(bytes); });
}

// One tensor "a" of 4 bytes, with one part of its entry replaced.
std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets,
                  std::string_view buffer = "wxyz") {
  return file_of("{\"a\":{\"dtype\":" + std::string(dtype) + ",\"shape\":" + std::string(shape) +
                     ",\"data_offsets\":" + std::string(offsets) + "}}",
                 buffer);
}

TEST(Safetensors, ReadsNamesTypesShapesAndPlaces) {
  const std::string header =
      R"({"__metadata__": {"format": "pt"},
          "b": {"data_offsets": [4, 10], "shape": [3, 1], "dtype": "F16"},
          "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
          "none": {"dtype": "I64", "shape": [0, 7], "data_offsets": [4, 4]}}   )";
  const auto contents = parse(file_of(header, "0123456789"));
  ASSERT_EQ(contents.tensors.size(), 3u);
  EXPECT_EQ(contents.tensors[0].name, "a");
  EXPECT_EQ(contents.tensors[0].shape, Shape{});
  EXPECT_EQ(contents.tensors[0].offset, 8 + header.size());
  EXPECT_EQ(contents.tensors[1].name, "none");
  EXPECT_EQ(contents.tensors[1].byte_count(), 0u);
  EXPECT_EQ(contents.tensors[2].name, "b");
  EXPECT_EQ(contents.tensors[2].dtype, DType::f16);
  EXPECT_EQ(contents.tensors[2].shape, (Shape{3, 1}));
  EXPECT_EQ(contents.metadata.at("format"), "pt");
}

TEST(Safetensors, AFileWithoutTensorsIsFine) {
  EXPECT_TRUE(parse(file_of("{}", "")).tensors.empty());
  EXPECT_TRUE(parse(file_of("{\"__metadata__\":null}", "")).tensors.empty());
}

TEST(Safetensors, EveryTypeKeepsItsBytes) {
  for (const auto& [name, size] : std::vector<std::pair<std::string, std::size_t>>{{"F64", 8},
                                                                                   {"F32", 4},
                                                                                   {"F16", 2},
                                                                                   {"BF16", 2},
                                                                                   {"I64", 8},
                                                                                   {"I32", 4},
                                                                                   {"I16", 2},
                                                                                   {"I8", 1},
                                                                                   {"U8", 1},
                                                                                   {"BOOL", 1}}) {
    const auto contents =
        parse(entry("\"" + name + "\"", "[3]", "[0," + std::to_string(3 * size) + "]",
                    std::string(3 * size, 'x')));
    EXPECT_EQ(name_of(contents.tensors.at(0).dtype), name);
  }
}

TEST(Safetensors, TheHeaderMustFitTheFileAndTheFormat) {
  EXPECT_EQ(safetensors_refusal(""), "m.safetensors: expected a safetensors file, found 0 bytes");
  safetensors_refusal("1234567");
  EXPECT_EQ(
      safetensors_refusal(le(std::uint64_t{0})),
      "m.safetensors: expected a safetensors header that starts with '{', found an empty one");
  EXPECT_EQ(safetensors_refusal(le(std::uint64_t{100'000'001}) + "{}"),
            "m.safetensors: expected a safetensors header of at most 100000000 bytes, found "
            "100000001");
  EXPECT_EQ(
      safetensors_refusal(le(std::uint64_t{3}) + "{}"),
      "m.safetensors: expected a header of 3 bytes as the file says, found only 2 bytes after "
      "its length");
  safetensors_refusal(le(~std::uint64_t{0}) + "{}");
  safetensors_refusal(le(~std::uint64_t{0} - 7) + "{}");
  safetensors_refusal(file_of(" {}", ""));
  safetensors_refusal(file_of("\xEF\xBB\xBF{}", ""));
  safetensors_refusal(file_of("[]", ""));
}

TEST(Safetensors, TheHeaderMustBeTheJsonOfTheFormat) {
  safetensors_refusal(file_of("{", ""));
  safetensors_refusal(file_of("{}x", ""));
  safetensors_refusal(file_of("{}{}", ""));
  safetensors_refusal(file_of(std::string_view("{}\0", 3), ""));
  safetensors_refusal(file_of("{\"a\":1}", ""));
  safetensors_refusal(file_of("{\"a\":null}", ""));
  safetensors_refusal(file_of("{\"a\":[]}", ""));
  safetensors_refusal(file_of("{\"a\":{}}", ""));
  safetensors_refusal(file_of("{\"\xFF\":{}}", ""));
  safetensors_refusal(file_of("{\"__metadata__\":{\"k\":1}}", ""));
  safetensors_refusal(file_of("{\"__metadata__\":{\"k\":{\"l\":\"m\"}}}", ""));
  safetensors_refusal(file_of("{\"__metadata__\":\"k\"}", ""));
  safetensors_refusal(file_of("{\"__metadata__\":[]}", ""));
  safetensors_refusal(file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "wxyz"));
  safetensors_refusal(file_of("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "wxyz"));
  safetensors_refusal(file_of("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "wxyz"));
  std::string deep = "{\"a\":{\"shape\":";
  deep.append(5'000'000, '[');
  safetensors_refusal(file_of(deep, ""));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  safetensors_refusal(file_of(objects, ""));
}

TEST(Safetensors, TypesShapesAndOffsetsMustBeOfTheirKind) {
  EXPECT_NO_THROW(parse(entry("\"F32\"", "[1]", "[0,4]")));
  EXPECT_EQ(
      safetensors_refusal(entry("\"F8_E4M3\"", "[4]", "[0,4]")),
      "m.safetensors: \"a.dtype\": expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, "
      "BOOL, found \"F8_E4M3\"");
  for (const std::string_view dtype : {"\"f32\"", "\"\"", "1", "null", "[\"F32\"]", "{}"}) {
    safetensors_refusal(entry(dtype, "[1]", "[0,4]"));
  }
  for (const std::string_view shape :
       {"1", "null", "\"1\"", "{}", "[-1]", "[1.0]", "[1e0]", "[null]", "[\"1\"]", "[[1]]",
        "[true]", "[18446744073709551616]"}) {
    safetensors_refusal(entry("\"F32\"", shape, "[0,4]"));
  }
  for (const std::string_view offsets : {"4", "null", "[]", "[0]", "[0,4,4]", "[0,4.0]", "[-1,4]",
                                         "[[0,4]]", "[0,null]", "{}", "[0,18446744073709551616]"}) {
    safetensors_refusal(entry("\"F32\"", "[1]", offsets));
  }
}

TEST(Safetensors, NoKeyMayComeTwice) {
  EXPECT_EQ(safetensors_refusal(file_of("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],"
                                        "\"data_offsets\":[0,0]}}",
                                        "")),
            "m.safetensors: \"a.dtype\": expected each key once in an object, found it twice");
  safetensors_refusal(file_of("{\"__metadata__\":{},\"__metadata__\":{}}", ""));
  safetensors_refusal(file_of("{\"__metadata__\":{\"k\":\"v\",\"k\":\"v\"}}", ""));
  const TempFolder folder;
  const std::string one = "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  const std::string path =
      folder.write("twice.safetensors", file_of("{" + one + "," + one + "}", ""));
  EXPECT_EQ(message_of<FormatError>([&] { open_safetensors(path); }),
            path + ": \"a\": expected each name once, found two tensors of that name");
}

TEST(Safetensors, OffsetsLieEndToEndAndMatchTheirShapes) {
  EXPECT_EQ(safetensors_refusal(entry("\"F32\"", "[2]", "[0,4]")),
            "m.safetensors: \"a.data_offsets\": expected 8 bytes for F32 [2], found [0, 4]");
  safetensors_refusal(entry("\"F32\"", "[1]", "[0,5]", "vwxyz"));
  EXPECT_EQ(
      safetensors_refusal(entry("\"F32\"", "[1]", "[1,5]", "vwxyz")),
      "m.safetensors: \"a.data_offsets\": expected tensors end to end, this one from 0, found "
      "[1, 5]");
  EXPECT_EQ(
      safetensors_refusal(entry("\"F32\"", "[1]", "[4,0]")),
      "m.safetensors: \"a.data_offsets\": expected tensors end to end, this one from 0, found "
      "[4, 0]");
  EXPECT_EQ(safetensors_refusal(entry("\"F32\"", "[2]", "[0,8]")),
            "m.safetensors: \"a.data_offsets\": expected offsets within 4 bytes, found [0, 8]");
  EXPECT_EQ(safetensors_refusal(entry("\"F32\"", "[1]", "[0,4]", "wxyz+")),
            "m.safetensors: expected 4 bytes of tensors, found 5");
  safetensors_refusal(file_of("{}", "x"));
  const auto two = [](std::string_view first, std::string_view second) {
    return file_of("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" + std::string(first) +
                       "},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" +
                       std::string(second) + "}}",
                   "wxyz");
  };
  EXPECT_NO_THROW(parse(two("[2,4]", "[0,2]")));
  safetensors_refusal(two("[0,2]", "[0,2]"));
  safetensors_refusal(two("[0,2]", "[1,3]"));
  safetensors_refusal(two("[0,2]", "[3,5]"));
}

TEST(Safetensors, ShapesThatOverflowAreRefused) {
  for (const std::string_view shape :
       {"[4611686018427387905]", "[9223372036854775809,2]", "[4294967296,4294967296]",
        "[18446744073709551615,18446744073709551615]", "[4294967296,4294967296,4294967296]"}) {
    EXPECT_NE(safetensors_refusal(entry("\"F32\"", shape, "[0,4]")).find("a.shape"),
              std::string::npos)
        << shape;
  }
  safetensors_refusal(entry("\"F64\"", "[2305843009213693953]", "[0,8]", "stuvwxyz"));
  // Zero elements, whatever the other sizes.
  EXPECT_NO_THROW(
      parse(entry("\"F32\"", "[18446744073709551615,18446744073709551615,0]", "[0,0]", "")));
  EXPECT_NE(safetensors_refusal(entry("\"F32\"", "[1]", "[0,18446744073709551615]"))
                .find("within 4 bytes"),
            std::string::npos);
}

TEST(Safetensors, MessagesStayShortWhateverTheFileHolds) {
  const std::string name(100'000, 'n');
  EXPECT_LE(safetensors_refusal(file_of("{\"" + name + "\":1}", "")).size(), kMaxErrorBytes);
  std::string shape = "[1";
  for (int i = 0; i < 100'000; ++i) shape += ",1";
  EXPECT_LE(safetensors_refusal(entry("\"F32\"", shape + "]", "[0,3]", "xyz")).size(),
            kMaxErrorBytes);
  safetensors_refusal(file_of("{\"a\\n\\u0000\\u001b\":1}", ""));
}

TEST(Safetensors, FilesUnderTheWrongNameAreCalledByTheirName) {
  const TempFolder folder;
  const std::string pointer = folder.write(
      "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n");
  EXPECT_EQ(message_of<FormatError>([&] { open_safetensors(pointer); }),
            pointer + ": this is a git-LFS pointer, the weights were not downloaded");
  message_of<FormatError>([&] { open_safetensors(folder.write("p", "<!DOCTYPE html>")); });
  message_of<FileError>([&] { open_safetensors(folder.path()); });
}

class SafetensorsFile : public ::testing::TestWithParam<FileAccess> {};
INSTANTIATE_TEST_SUITE_P(BothWays, SafetensorsFile,
                         ::testing::Values(FileAccess::map, FileAccess::copy));

TEST_P(SafetensorsFile, AlignedTensorsAreUsedInPlace) {
  const TempFolder folder;
  std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const WeightFile file = open_safetensors(
      folder.write("m", file_of(header, le(0x3f800000u) + le(0x40000000u))), GetParam());
  ASSERT_NE(file.find("a"), nullptr);
  const TensorView view = file.view(*file.find("a"));
  EXPECT_EQ(view.as<float>()[0], 1.0f);
  EXPECT_EQ(view.as<float>()[1], 2.0f);
  EXPECT_EQ(file.view(*file.find("a")).data, view.data);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view.data) % 64, (8 + header.size()) % 64);
  file.release(view);
  EXPECT_EQ(view.as<float>()[1], 2.0f);
  EXPECT_EQ(file.find("b"), nullptr);
}

TEST_P(SafetensorsFile, ATensorThatIsNotAlignedIsCopiedOnce) {
  const TempFolder folder;
  std::string header = R"({"c":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("d":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const WeightFile file = open_safetensors(
      folder.write("m", file_of(header, "x" + le(0x3ff8000000000000u))), GetParam());
  const TensorView first = file.view(*file.find("d"));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.data) % 64, 0u);
  EXPECT_EQ(first.as<double>()[0], 1.5);
  const TensorView second = file.view(*file.find("d"));
  EXPECT_EQ(second.data, first.data);
  file.release(first);
  EXPECT_EQ(second.as<double>()[0], 1.5);
  file.release(second);
  EXPECT_EQ(file.view(*file.find("d")).as<double>()[0], 1.5);
}

}  // namespace
}  // namespace semblance
