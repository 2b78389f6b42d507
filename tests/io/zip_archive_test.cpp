#include "semblance/io/zip_archive.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/reader_test.h"
#include "io/zip_builder.h"

namespace semblance {
namespace {

using testing::as_bytes;
using testing::build_zip;
using testing::le;
using testing::message_of;
using testing::ZipEnd;
using testing::ZipPart;

std::string archive_refusal(const std::string& bytes) {
  return message_of<FormatError>([&] { ZipArchive(as_bytes(bytes), "m.bin"); });
}

std::string content(const std::string& bytes, std::string_view name) {
  const ZipArchive archive(as_bytes(bytes), "m.bin");
  const ZipEntry* entry = archive.find(name);
  if (entry == nullptr) return "(none)";
  const auto found = archive.bytes(*entry);
  return {reinterpret_cast<const char*>(found.data()), found.size()};
}

const std::vector<ZipPart> kTwo = {{.name = "b", .bytes = "second"}, {.name = "a", .bytes = "1st"}};

TEST(ZipArchive, FindsStoredEntries) {
  const std::string bytes = build_zip(kTwo);
  EXPECT_EQ(content(bytes, "a"), "1st");
  EXPECT_EQ(content(bytes, "b"), "second");
  EXPECT_EQ(content(bytes, "c"), "(none)");
  EXPECT_EQ(ZipArchive(as_bytes(bytes), "m.bin").entries().size(), 2u);
}

TEST(ZipArchive, AnEmptyArchiveAndACommentAreFine) {
  EXPECT_TRUE(ZipArchive(as_bytes(build_zip({})), "m.bin").entries().empty());
  EXPECT_EQ(content(build_zip(kTwo, {}, false, std::string(65535, 'c')), "a"), "1st");
  // A comment that looks like an end record is not one: it would have to reach the file's end.
  EXPECT_EQ(
      content(build_zip(kTwo, {}, false, le(std::uint32_t{0x06054b50}) + std::string(40, 'c')),
              "a"),
      "1st");
}

TEST(ZipArchive, Zip64RecordsAndFieldsAreRead) {
  EXPECT_EQ(content(build_zip(kTwo, {}, true), "a"), "1st");
  const std::string sizes = le(std::uint64_t{3}) + le(std::uint64_t{3});
  const ZipPart large = {.name = "a",
                         .bytes = "1st",
                         .local_extra = le(std::uint16_t{1}) + le(std::uint16_t{16}) + sizes,
                         .central_extra = le(std::uint16_t{0x4246}) + le(std::uint16_t{2}) + "zz" +
                                          le(std::uint16_t{1}) + le(std::uint16_t{24}) + sizes +
                                          le(std::uint64_t{0}),
                         .local_size = 0xFFFFFFFF,
                         .local_compressed = 0xFFFFFFFF,
                         .size = 0xFFFFFFFF,
                         .compressed = 0xFFFFFFFF,
                         .header = 0xFFFFFFFF};
  EXPECT_EQ(content(build_zip({large}), "a"), "1st");
  ZipPart without = large;
  without.central_extra.clear();
  EXPECT_EQ(archive_refusal(build_zip({without})).find("zip64 field") != std::string::npos, true);
  ZipPart cut = large;
  cut.central_extra = le(std::uint16_t{1}) + le(std::uint16_t{8}) + le(std::uint64_t{3});
  archive_refusal(build_zip({cut}));
  ZipPart beyond = large;
  beyond.central_extra = le(std::uint16_t{1}) + le(std::uint16_t{99}) + sizes;
  archive_refusal(build_zip({beyond}));
  ZipPart huge = large;
  huge.central_extra = le(std::uint16_t{1}) + le(std::uint16_t{24}) + le(~std::uint64_t{0}) +
                       le(~std::uint64_t{0}) + le(std::uint64_t{0});
  archive_refusal(build_zip({huge}));
}

TEST(ZipArchive, SizesMayBeLeftToADescriptor) {
  EXPECT_EQ(content(build_zip({{.name = "a",
                                .bytes = "1st",
                                .flags = 8,
                                .crc = 77,
                                .local_crc = 0,
                                .local_size = 0,
                                .local_compressed = 0}}),
                    "a"),
            "1st");
}

TEST(ZipArchive, BytesThatAreNoArchiveAreRefused) {
  const std::string none =
      "m.bin: expected a zip archive with its central directory at the end, "
      "found none";
  EXPECT_EQ(archive_refusal(""), none);
  EXPECT_EQ(archive_refusal("PK"), none);
  EXPECT_EQ(archive_refusal(std::string(200'000, 'P')), none);
  const std::string whole = build_zip(kTwo);
  for (std::size_t length = 0; length < whole.size(); ++length)
    archive_refusal(whole.substr(0, length));
  archive_refusal(whole + "x");
  archive_refusal("x" + whole);
}

TEST(ZipArchive, ALyingEndRecordIsRefused) {
  for (const bool zip64 : {false, true}) {
    const auto with = [&](std::uint64_t ZipEnd::*field, std::int64_t by) {
      return archive_refusal(build_zip(
          kTwo, [&](ZipEnd& end) { end.*field += static_cast<std::uint64_t>(by); }, zip64));
    };
    for (const std::int64_t by : {-1, 1, 46, 1000}) {
      with(&ZipEnd::directory_offset, by);
      with(&ZipEnd::directory_size, by);
      with(&ZipEnd::num_entries, by);
    }
    with(&ZipEnd::num_entries, -2);
    with(&ZipEnd::num_entries, 60000);
  }
  archive_refusal(build_zip(
      kTwo, [](ZipEnd& end) { end.num_entries = ~std::uint64_t{0} / 2; }, true));
  archive_refusal(build_zip(
      kTwo, [](ZipEnd& end) { end.directory_offset = ~std::uint64_t{0}; }, true));
  archive_refusal(build_zip(
      kTwo, [](ZipEnd& end) { end.directory_size = ~std::uint64_t{0}; }, true));
}

TEST(ZipArchive, ALyingZip64LocatorIsRefused) {
  const std::string whole = build_zip(kTwo, {}, true);
  const std::size_t locator = whole.size() - 22 - 20;
  for (const std::uint64_t place :
       {std::uint64_t{0}, std::uint64_t{locator}, std::uint64_t{whole.size()}, ~std::uint64_t{0}}) {
    std::string bytes = whole;
    bytes.replace(locator + 8, 8, le(place));
    archive_refusal(bytes);
  }
}

TEST(ZipArchive, TheTwoHeadersMustAgree) {
  const auto part = [](auto change) {
    ZipPart changed = {.name = "a", .bytes = "1st", .crc = 7};
    change(changed);
    return build_zip({changed});
  };
  EXPECT_EQ(content(part([](ZipPart&) {}), "a"), "1st");
  EXPECT_EQ(archive_refusal(part([](ZipPart& p) { p.local_name = "b"; })),
            "m.bin: \"a\": expected the same name in both zip headers, found another");
  archive_refusal(part([](ZipPart& p) { p.local_name = "ab"; }));
  archive_refusal(part([](ZipPart& p) { p.local_size = 4; }));
  archive_refusal(part([](ZipPart& p) { p.local_compressed = 2; }));
  archive_refusal(part([](ZipPart& p) { p.local_crc = 8; }));
  archive_refusal(part([](ZipPart& p) { p.local_method = 8; }));
  archive_refusal(part([](ZipPart& p) { p.local_flags = 8; }));
  archive_refusal(part([](ZipPart& p) { p.size = 4; }));
  archive_refusal(part([](ZipPart& p) { p.compressed = 4; }));
  archive_refusal(part([](ZipPart& p) { p.header = 1; }));
  archive_refusal(part([](ZipPart& p) { p.header = 0x7FFFFFFF; }));
  archive_refusal(part([](ZipPart& p) { p.disk = 1; }));
  // Zeros without the flag that allows them.
  archive_refusal(
      part([](ZipPart& p) { p.local_crc = 0, p.local_size = 0, p.local_compressed = 0; }));
}

TEST(ZipArchive, EntriesMayNotOverlapOrReachTheDirectory) {
  EXPECT_EQ(
      archive_refusal(build_zip({{.name = "a", .bytes = "1st"}, {.name = "a", .bytes = "2nd"}})),
      "m.bin: \"a\": expected each zip entry once, found two of that name");
  // Two directory entries for the same local header.
  EXPECT_EQ(
      archive_refusal(build_zip({{.name = "a", .bytes = "1st"},
                                 {.name = "b", .bytes = "1st", .local_name = "a", .header = 0}}))
          .find("m.bin: \"b\": expected the same name"),
      0u);
  // An entry whose bytes hold the next one's local header.
  const std::string inner = build_zip({{.name = "b", .bytes = "in"}});
  const std::string header_and_bytes = inner.substr(0, 30 + 1 + 2);
  const std::string overlapping = build_zip(
      {{.name = "a", .bytes = header_and_bytes}, {.name = "b", .bytes = "in", .header = 31}});
  EXPECT_EQ(archive_refusal(overlapping),
            "m.bin: \"b\": expected zip entries that do not overlap, found one that begins inside "
            "\"a\"");
  const std::string past = build_zip({{.name = "a",
                                       .bytes = "1st",
                                       .local_size = 40,
                                       .local_compressed = 40,
                                       .size = 40,
                                       .compressed = 40}});
  EXPECT_NE(archive_refusal(past).find("in front of the central directory"), std::string::npos);
}

TEST(ZipArchive, CompressedEntriesAreRefusedWhenTheyAreAskedFor) {
  const std::string bytes =
      build_zip({{.name = "a", .bytes = "1st", .method = 8, .local_size = 900, .size = 900},
                 {.name = "b", .bytes = "second"}});
  EXPECT_EQ(content(bytes, "b"), "second");
  EXPECT_EQ(message_of<FormatError>([&] { content(bytes, "a"); }),
            "m.bin: \"a\": expected a zip entry that is stored as it is, found a compressed one "
            "(method 8)");
  EXPECT_EQ(archive_refusal(build_zip({{.name = "a", .bytes = "1st", .flags = 1}})),
            "m.bin: \"a\": expected a plain zip entry, found an encrypted one");
}

TEST(ZipArchive, EveryFlippedBitOfTheHeadersIsRefusedOrHarmless) {
  const std::string whole = build_zip(kTwo, {}, true);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      try {
        const ZipArchive archive(as_bytes(bytes), "m.bin");
        for (const ZipEntry& entry : archive.entries()) {
          if (entry.method == 0) {
            EXPECT_LE(archive.bytes(entry).size(), 6u);
          }
        }
      } catch (const FormatError&) {
      }
    }
  }
}

}  // namespace
}  // namespace semblance
