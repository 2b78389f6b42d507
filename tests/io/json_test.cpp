#include "semblance/io/json.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/reader_test.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::message_of;

JsonDocument parse(std::string_view text) { return JsonDocument::parse(text, "a.json"); }

std::string refusal(std::string_view text) {
  return message_of<FormatError>([&] { parse(text); });
}

TEST(Json, ReadsEveryKindOfValue) {
  const auto document = parse(
      R"({"s": "x\u4f60", "t": true, "i": -3, "u": 18446744073709551615, "d": 0.5, "n": null,
          "a": [1, 2], "o": {"k": "v"}})");
  const JsonValue root = document.root();
  EXPECT_EQ(root.require_string("s"), "x\xE4\xBD\xA0");
  EXPECT_TRUE(root.require_boolean("t"));
  EXPECT_EQ(root.require("i").as_integer(-10, 10), -3);
  EXPECT_EQ(root.require("d").as_number(), 0.5);
  EXPECT_EQ(root.require("i").as_number(), -3.0);
  EXPECT_EQ(root.require("u").as_number(), 18446744073709551616.0);
  EXPECT_TRUE(root.contains("n"));
  EXPECT_FALSE(root.find("n").has_value());
  EXPECT_FALSE(root.contains("absent"));
  EXPECT_EQ(root.require("a").elements().at(1).as_size(), 2u);
  EXPECT_EQ(root.require("a").size(), 2u);
  EXPECT_EQ(root.require("o").members().at(0).first, "k");
  EXPECT_EQ(root.require("o").members().at(0).second.as_string(), "v");
}

TEST(Json, HandsOnTheMembersOfATableOfIntegersInPlaceOfKeepingThem) {
  std::vector<std::pair<std::string, std::int64_t>> members;
  const auto add = [&](std::string_view key, std::int64_t value) {
    members.emplace_back(key, value);
  };
  const JsonIntegerTable table{"model", "vocab", 0, 9, add};
  const auto parse_table = [&](std::string_view text) {
    members.clear();
    return JsonDocument::parse(text, "a.json", {}, &table);
  };
  using Members = std::vector<std::pair<std::string, std::int64_t>>;

  const auto document = parse_table(
      R"({"vocab": {"x": 1}, "list": [{"vocab": {"x": 2}}], "other": {"vocab": {"x": 3}},
          "model": {"list": [{"vocab": 1}, {"x": 1}], "deep": {"vocab": {"x": 4}},
                    "vocab": {"b": 9, "\u4f60": 0, "b": 2}, "after": {"x": 5}}, "z": {"x": 6}})");
  EXPECT_EQ(members, (Members{{"b", 9}, {"\xE4\xBD\xA0", 0}, {"b", 2}}));
  const JsonValue model = document.root().require("model");
  EXPECT_TRUE(model.require("vocab").is_object());
  EXPECT_EQ(model.require("vocab").size(), 0u);
  EXPECT_EQ(model.require("deep").require("vocab").require("x").as_integer(4, 4), 4);
  EXPECT_EQ(model.require("after").size() + document.root().require("z").size(), 2u);

  for (const char* text : {R"({"model": {"vocab": [1, 2]}})", R"({"model": {"vocab": 3}})",
                           R"([{"vocab": {"x": 1}}])", R"({"model": [{"vocab": {"x": 1}}]})"}) {
    parse_table(text);
    EXPECT_TRUE(members.empty()) << text;
  }
  const auto refused = [&](const std::string& value) {
    return message_of<ConfigError>(
        [&] { parse_table(R"({"model": {"vocab": {"a": 1, "b": )" + value + "}}}"); });
  };
  for (const auto& [value, found] : std::vector<std::pair<std::string, std::string>>{
           {"10", "10"},
           {"-1", "-1"},
           {"1.0", "1.0"},
           {"18446744073709551615", "18446744073709551615"},
           {"true", "true"},
           {"null", "null"},
           {"\"1\"", "\"1\""},
           {"{}", "an object"},
           {"[1]", "an array"}}) {
    EXPECT_EQ(refused(value),
              "a.json: \"model.vocab.b\": expected an integer from 0 to 9, found " + found);
  }
  EXPECT_EQ(message_of<FormatError>(
                [&] { parse_table(R"({"model": {"vocab": {"a": 1}, "vocab": {"b": 1}}})"); }),
            "a.json: \"vocab\": expected each key once in an object, found it twice");
}

TEST(Json, OptionalValuesAreEmptyWhenAbsentOrNull) {
  const auto document = parse(R"({"n": null, "s": "x", "b": false, "i": 4, "d": 1e3})");
  const JsonValue root = document.root();
  EXPECT_EQ(root.optional_string("n"), std::nullopt);
  EXPECT_EQ(root.optional_string("s"), "x");
  EXPECT_EQ(root.optional_boolean("b"), false);
  EXPECT_EQ(root.optional_size("i", 0, 9), 4u);
  EXPECT_EQ(root.optional_number("d"), 1000.0);
}

TEST(Json, ErrorsNameTheWayToTheValue) {
  const auto document = parse(R"({"a": {"b": [0, {"c": true}]}})");
  const JsonValue deep = document.root().require("a").require("b").elements()[1];
  EXPECT_EQ(message_of<ConfigError>([&] { deep.require("c").as_string(); }),
            "a.json: \"a.b[1].c\": expected a string, found true");
  EXPECT_EQ(message_of<ConfigError>([&] { deep.require_boolean("d"); }),
            "a.json: \"a.b[1].d\": expected true or false, found no such key");
  EXPECT_EQ(message_of<ConfigError>([&] { document.root().elements(); }),
            "a.json: expected an array, found an object");
}

TEST(Json, RefusesEveryOtherTypeThanAskedFor) {
  const auto document = parse(R"({"v": ["x", true, 3, 3.0, null, [], {}]})");
  const auto values = document.root().require("v").elements();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const JsonValue& value = values[i];
    if (i != 0) message_of<ConfigError>([&] { value.as_string(); });
    if (i != 1) message_of<ConfigError>([&] { value.as_boolean(); });
    if (i != 2) message_of<ConfigError>([&] { value.as_integer(); });
    if (i != 2 && i != 3) message_of<ConfigError>([&] { value.as_number(); });
    if (i != 5) message_of<ConfigError>([&] { value.elements(); });
    if (i != 6) message_of<ConfigError>([&] { value.members(); });
    if (i != 6) message_of<ConfigError>([&] { value.find("k"); });
  }
}

TEST(Json, IntegersKeepToTheirRange) {
  const auto document = parse(
      R"({"v": [5, -1, 9223372036854775807, 9223372036854775808, 1e2, 1000000000000000019884624838656]})");
  const auto values = document.root().require("v").elements();
  EXPECT_EQ(values[0].as_integer(5, 5), 5);
  EXPECT_EQ(message_of<ConfigError>([&] { values[0].as_size(6, 9); }),
            "a.json: \"v[0]\": expected an integer from 6 to 9, found 5");
  message_of<ConfigError>([&] { values[1].as_size(); });
  EXPECT_EQ(values[2].as_integer(), std::numeric_limits<std::int64_t>::max());
  message_of<ConfigError>([&] { values[3].as_integer(); });
  message_of<ConfigError>([&] { values[4].as_integer(); });
  message_of<ConfigError>([&] { values[5].as_integer(); });
  EXPECT_EQ(values[5].as_number(), 1e30);
}

TEST(Json, SyntaxErrorsNameLineAndColumn) {
  EXPECT_EQ(
      refusal("{\n  \"a\": [1,\n  }\n"),
      "a.json: line 3, column 3: expected JSON, found unexpected '}'; expected '[', '{', or a "
      "literal");
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "[",
                                      "{\"a\"",
                                      "{\"a\":",
                                      "{\"a\":1",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "[1]x",
                                      "nul",
                                      "[01]",
                                      "[1.]",
                                      "[+1]",
                                      "'a'",
                                      "\"a",
                                      "[\"\\x\"]",
                                      "[\"\\ud800\"]",
                                      "[NaN]",
                                      "[Infinity]",
                                      "[-Infinity]",
                                      "[1e999]",
                                      "// c\n1"}) {
    EXPECT_NE(refusal(text).find("a.json: line 1, column "), std::string::npos) << text;
  }
}

TEST(Json, RefusesWhatIsNotUtf8) {
  for (const std::string_view text : {"[\"\xFF\"]", "[\"\xC0\xAF\"]", "[\"\xED\xA0\x80\"]",
                                      "[\"\xF4\x90\x80\x80\"]", "[\"\xE4\xBD\"]"}) {
    EXPECT_NE(refusal(text).find("UTF-8"), std::string::npos);
  }
}

TEST(Json, RefusesNulBytesWhereverTheyAre) {
  EXPECT_EQ(refusal(std::string_view("[1]\n\0[2]", 8)),
            "a.json: line 2, column 1: expected JSON, found a NUL byte");
  refusal(std::string_view("[\"a\0b\"]", 7));
  refusal(std::string_view("[1]\0", 4));
  refusal(std::string_view("\0", 1));
}

TEST(Json, SkipsAByteOrderMarkAtTheFrontOnly) {
  EXPECT_EQ(parse("\xEF\xBB\xBF{\"a\": 1}").root().require("a").as_integer(0, 9), 1);
  refusal("{\"a\": \xEF\xBB\xBF 1}");
}

TEST(Json, RefusesAKeyThatComesTwiceInOneObject) {
  EXPECT_EQ(refusal(R"({"a": 1, "b": {"a": 2}, "a": 3})"),
            "a.json: \"a\": expected each key once in an object, found it twice");
  EXPECT_EQ(parse(R"([{"a": 1}, {"a": 2}])").root().size(), 2u);
}

TEST(Json, RefusesDeepNestingWithoutRecursing) {
  JsonLimits limits;
  limits.max_depth = 3;
  EXPECT_NO_THROW(JsonDocument::parse("[[[1]]]", "a.json", limits));
  EXPECT_EQ(message_of<FormatError>([&] { JsonDocument::parse("[[[[1]]]]", "a.json", limits); }),
            "a.json: expected JSON nested at most 3 deep, found deeper nesting");
  refusal(std::string(10'000'000, '['));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"\":";
  refusal(objects);
}

TEST(Json, RefusesTextLongerThanTheLimit) {
  JsonLimits limits;
  limits.max_bytes = 8;
  EXPECT_NO_THROW(JsonDocument::parse("[1,2,34]", "a.json", limits));
  EXPECT_EQ(message_of<FormatError>([&] { JsonDocument::parse("[1,2,345]", "a.json", limits); }),
            "a.json: expected at most 8 bytes of JSON, found 9");
}

TEST(Json, HostileNamesAreEscapedAndCut) {
  const std::string long_key(5000, 'k');
  const auto document = parse("{\"" + long_key + "\": \"\\u0000\\n\\u001b[31m\"}");
  const std::string message =
      message_of<ConfigError>([&] { document.root().require(long_key).as_boolean(); });
  EXPECT_NE(message.find("\\x00\\x0a\\x1b[31m"), std::string::npos) << message;
}

TEST(Json, FilesThatAreNoFilesAreFileErrors) {
  const testing::TempFolder folder;
  EXPECT_EQ(message_of<FileError>([&] { JsonDocument::read(folder.path()); }),
            folder.path() + ": expected a file, found a folder");
  const std::string missing = folder.path() + "/config.json";
  EXPECT_EQ(message_of<FileError>([&] { JsonDocument::read(missing); }),
            missing + ": expected a file, found nothing of that name");
}

TEST(Json, DownloadsThatFailedAreCalledByTheirName) {
  const testing::TempFolder folder;
  const std::string pointer = folder.write(
      "tokenizer.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 438023\n");
  EXPECT_EQ(message_of<FormatError>([&] { JsonDocument::read(pointer); }),
            pointer + ": this is a git-LFS pointer, the weights were not downloaded");
  const std::string page = folder.write("config.json", "\n <!DOCTYPE html><html>");
  EXPECT_EQ(message_of<FormatError>([&] { JsonDocument::read(page); }),
            page + ": this is a web page, not the file that was asked for");
}

TEST(Json, ADocumentKeepsItsValuesWhenMoved) {
  auto first = parse(R"({"a": "x"})");
  const JsonValue root = first.root();
  const JsonDocument second = std::move(first);
  EXPECT_EQ(root.require_string("a"), "x");
  EXPECT_EQ(second.root().require_string("a"), "x");
}

}  // namespace
}  // namespace semblance
