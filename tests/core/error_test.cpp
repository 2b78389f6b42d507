#include "semblance/core/error.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "semblance/core/utf8.h"

namespace semblance {
namespace {

std::string what(std::string_view message) { return Error(message).what(); }

bool is_valid_utf8(std::string_view text) { return find_invalid_utf8(text) == text.size(); }

TEST(Error, SaysFileKeyExpectedAndFoundInThisOrder) {
  const ShapeError error("model.safetensors", "pooler.weight", "F32 [4, 4]", "F32 [4, 5]");
  EXPECT_STREQ(error.what(),
               "model.safetensors: \"pooler.weight\": expected F32 [4, 4], found F32 [4, 5]");
}

TEST(Error, LeavesOutAnEmptyKeyAndAnEmptyFound) {
  EXPECT_STREQ(FormatError("vocab.txt", "", "a token", "an empty line").what(),
               "vocab.txt: expected a token, found an empty line");
  EXPECT_STREQ(ConfigError("config.json", "hidden_size", "a number", "").what(),
               "config.json: \"hidden_size\": expected a number");
}

TEST(Error, EveryKindIsAnErrorAndNoOther) {
  EXPECT_THROW(throw FileError("x"), Error);
  EXPECT_THROW(throw FormatError("x"), Error);
  EXPECT_THROW(throw ConfigError("x"), Error);
  EXPECT_THROW(throw ShapeError("x"), Error);
  EXPECT_THROW(throw Cancelled("x"), std::runtime_error);
  static_assert(!std::is_base_of_v<FileError, FormatError>);
  static_assert(!std::is_base_of_v<std::invalid_argument, Error>);
}

TEST(Error, EscapesEveryControlCharacterAndLineBreak) {
  using namespace std::string_view_literals;
  EXPECT_EQ(what("a\nb\r\tc\x1B[0m\x7F"), "a\\x0ab\\x0d\\x09c\\x1b[0m\\x7f");
  EXPECT_EQ(what("\0end"sv), "\\x00end");
  EXPECT_EQ(what("\xC2\x85 \xC2\x9F"), "\\xc2\\x85 \\xc2\\x9f");                  // C1 controls
  EXPECT_EQ(what("\xE2\x80\xA8\xE2\x80\xA9"), "\\xe2\\x80\\xa8\\xe2\\x80\\xa9");  // U+2028, U+2029
}

TEST(Error, KeepsPrintableTextOfEveryLength) {
  const std::string_view text = "~ \xC2\xA0 \xE4\xBD\xA0 \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF";
  EXPECT_EQ(what(text), text);
}

TEST(Error, EscapesInvalidUtf8ByteByByte) {
  EXPECT_EQ(what("a\xFF"), "a\\xff");
  EXPECT_EQ(what("\x80"), "\\x80");                             // lone continuation
  EXPECT_EQ(what("\xC0\xAF"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(what("\xE0\x9F\xBF"), "\\xe0\\x9f\\xbf");           // overlong
  EXPECT_EQ(what("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(what("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(what("\xE4\xBD"), "\\xe4\\xbd");                    // cut
  EXPECT_EQ(what("\xE4\xBD\xE4\xBD\xA0"), "\\xe4\\xbd\xE4\xBD\xA0");
}

TEST(Error, MessageOfTheLargestSizeIsWholeAndALongerOneEndsInAnEllipsis) {
  const std::string fits(kMaxErrorBytes, 'x');
  EXPECT_EQ(what(fits), fits);
  const std::string cut = what(fits + "x");
  EXPECT_EQ(cut, fits.substr(3) + "...");
}

TEST(Error, NeverCutsACharacterOrAnEscapeInTwo) {
  for (std::size_t lead = 0; lead < 8; ++lead) {
    for (const std::string_view piece : {"\xE4\xBD\xA0", "\xF0\x9F\x98\x80", "\n"}) {
      std::string message(lead, 'x');
      while (message.size() < 2 * kMaxErrorBytes) message += piece;
      const std::string line = what(message);
      EXPECT_LE(line.size(), kMaxErrorBytes);
      EXPECT_GT(line.size(), kMaxErrorBytes - 3 - 4);
      EXPECT_TRUE(is_valid_utf8(line));
      const std::string whole_piece = piece == "\n" ? "\\x0a..." : std::string(piece) + "...";
      EXPECT_TRUE(line.ends_with(whole_piece)) << line;
    }
  }
}

TEST(Error, HostilePartsOfAnyLengthStillLeaveRoomForTheOthers) {
  for (const char* unit : {"x", "\n", "\xFF", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80"}) {
    std::string hostile;
    while (hostile.size() < 5000) hostile += unit;
    const std::string line =
        ShapeError(hostile + "/model.safetensors", hostile, "a tensor of shape [768, 768]", hostile)
            .what();
    EXPECT_LE(line.size(), kMaxErrorBytes);
    EXPECT_TRUE(is_valid_utf8(line));
    EXPECT_NE(line.find("/model.safetensors: \""), std::string::npos) << line;
    EXPECT_NE(line.find("\": expected a tensor of shape [768, 768], found "), std::string::npos)
        << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(Error, CutsTheFrontOfAFileAndTheEndOfAKeyBetweenCharacters) {
  std::string name;
  while (name.size() < 400) name += "\xE4\xBD\xA0";
  for (std::size_t i = 0; i < 3; ++i, name += 'x', name.insert(0, 1, 'x')) {
    const std::string line = FileError(name, name, "a file", "none").what();
    EXPECT_TRUE(line.starts_with("...\xE4\xBD\xA0")) << line;
    EXPECT_NE(line.find("\xE4\xBD\xA0...\": expected a file, found none"), std::string::npos)
        << line;
    EXPECT_EQ(line.find("\\x"), std::string::npos) << line;
  }
}

TEST(Error, EmptyMessageStaysEmpty) { EXPECT_EQ(what(""), ""); }

}  // namespace
}  // namespace semblance
