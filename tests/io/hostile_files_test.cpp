// What holds for every reader of untrusted bytes: whatever the bytes are, a reader ends in a typed
// error or in tensors that lie inside the file, in time and memory proportional to the file.

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/reader_test.h"
#include "io/zip_builder.h"
#include "semblance/io/json.h"
#include "semblance/io/pytorch_checkpoint.h"
#include "semblance/io/safetensors.h"
#include "semblance/io/tokenizer_files.h"
#include "support/metered_allocations.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::as_bytes;
using testing::build_zip;
using testing::golden;
using testing::le;
using testing::read_bytes;

using namespace std::string_literals;

// Reads `bytes` and touches every element of every tensor found.
using Reader = std::function<void(std::string_view bytes)>;

void touch(std::string_view bytes, const std::vector<StoredTensor>& tensors) {
  for (const StoredTensor& tensor : tensors) {
    ASSERT_LE(tensor.offset, bytes.size()) << tensor.name;
    ASSERT_LE(tensor.byte_count(), bytes.size()) << tensor.name;
    std::vector<std::byte> elements(tensor.byte_count());
    detail::gather(tensor, as_bytes(bytes).data() + tensor.offset, elements.data());
  }
}

const Reader kSafetensors = [](std::string_view bytes) {
  touch(bytes, parse_safetensors(as_bytes(bytes), "m").tensors);
};
const Reader kTorchZip = [](std::string_view bytes) {
  touch(bytes, detail::parse_torch_zip(as_bytes(bytes), "m"));
};
const Reader kTorchLegacy = [](std::string_view bytes) {
  touch(bytes, detail::parse_torch_legacy(as_bytes(bytes), "m"));
};
const Reader kJson = [](std::string_view bytes) { JsonDocument::parse(bytes, "m"); };

// A file of this name beside a small vocab.txt.
Reader tokenizer_file(const std::string& name) {
  return [name](std::string_view bytes) {
    const testing::TempFolder folder;
    folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\n");
    folder.write(name, bytes);
    load_tokenizer(folder.path());
  };
}

// Whether the reader refused. Anything but a typed, short, one-line error fails the test.
bool refuses(const Reader& read, std::string_view bytes) {
  // An exact block of its own, so that the address sanitizer sees a step beyond it.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  try {
    read({exact.data(), exact.size()});
    return false;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    EXPECT_LE(message.size(), kMaxErrorBytes);
    for (const char c : message) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << message;
    return true;
  }
}

struct Mutants {
  std::size_t tried = 0;
  std::size_t refused = 0;
  void try_one(const Reader& read, std::string_view bytes) {
    ++tried;
    if (refuses(read, bytes)) ++refused;
  }
};

// Flips bits of every byte, cuts at every length, then changes several bytes at once.
void mutate(const Reader& read, const std::string& whole,
            const std::vector<int>& flips = {0x01, 0x80, 0xFF}) {
  Mutants mutants;
  ASSERT_FALSE(refuses(read, whole));
  std::string bytes = whole;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int change : flips) {
      bytes[i] = static_cast<char>(whole[i] ^ change);
      mutants.try_one(read, bytes);
    }
    bytes[i] = whole[i];
  }
  for (std::size_t length = 0; length < whole.size(); ++length) {
    mutants.try_one(read, std::string_view(whole).substr(0, length));
  }
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string changed = whole;
    for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = static_cast<char>(random());
    const std::size_t from = random() % whole.size();
    const std::size_t count = random() % 64;
    changed.insert(random() % changed.size(), whole.substr(from, count));
    mutants.try_one(read, changed);
  }
  ::testing::Test::RecordProperty("mutants", static_cast<int>(mutants.tried));
  EXPECT_GT(mutants.refused, mutants.tried / 20);
}

TEST(HostileFiles, MutantsOfSafetensorsAreRefusedOrHarmless) {
  mutate(kSafetensors, read_bytes(golden("expected.safetensors")));
}
TEST(HostileFiles, MutantsOfZipCheckpointsAreRefusedOrHarmless) {
  mutate(kTorchZip, read_bytes(golden("module_zip.bin")));
}
TEST(HostileFiles, MutantsOfOldCheckpointsAreRefusedOrHarmless) {
  mutate(kTorchLegacy, read_bytes(golden("module_legacy.bin")));
  mutate(kTorchLegacy, read_bytes(golden("legacy.bin")), {0x81});
}
TEST(HostileFiles, MutantsOfJsonAreRefusedOrHarmless) {
  mutate(kJson, R"({"a": [1, -2.5e3, "x\u4f60\n", true, null], "b": {"c": {}, "d": []}})");
}

// The most memory that reading took, beyond what was there before, for each byte of the file.
double bytes_for_each(const Reader& read, const std::string& bytes) {
  const std::size_t before = testing::allocated_bytes;
  testing::peak_bytes = before;
  refuses([&](std::string_view) { read(bytes); }, "");
  return static_cast<double>(testing::peak_bytes - before) / static_cast<double>(bytes.size());
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

// `one` so many times between commas, each '%' in it replaced by its number.
std::string numbered(const std::string& before, std::string_view one, std::size_t count,
                     const std::string& after) {
  std::string result = before;
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) result += ',';
    for (const char c : one) result += c == '%' ? std::to_string(i) : std::string(1, c);
  }
  return result + after;
}

std::string safetensors_of(const std::string& header) {
  return le(std::uint64_t{header.size()}) + header;
}

std::string checkpoint_of(const std::string& pickle) {
  return build_zip({{.name = "m/data.pkl", .bytes = pickle}});
}

std::string text_of(const std::string& value) {
  return "X" + le(static_cast<std::uint32_t>(value.size())) + value;
}

// A state dict of one tensor, remembered as 1, and of the members that follow.
std::string tensors_of(const std::string& members, const std::string& storage_key = "0") {
  return build_zip(
      {{.name = "m/data.pkl",
        .bytes = "\x80\x02}(" + text_of("w") +
                 "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"s +
                 text_of(storage_key) + text_of("cpu") +
                 "K\x01tQK\0K\x01\x85K\x01\x85\x89}tRq\x01"s + members + "u."},
       {.name = "m/data/0", .bytes = "1234"}});
}

std::string numbered_names(std::size_t count) {
  std::string members;
  for (std::size_t i = 0; i < count; ++i) members += text_of(std::to_string(i)) + "h\x01";
  return members;
}

TEST(HostileFiles, MemoryIsProportionalToTheFile) {
  constexpr std::size_t kMany = 200'000;
  const std::string entry = R"("%":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)";
  std::string entries = "{";
  for (std::size_t i = 0; i < kMany / 10; ++i) {
    std::string one = entry;
    entries += one.replace(1, 1, std::to_string(i));
  }
  entries.back() = '}';
  const std::pair<Reader, std::string> hostile[] = {
      {kJson, repeated("[", kMany)},
      {kJson, "[" + repeated("[],", kMany) + "[]]"},
      {kJson, "[" + repeated("{},", kMany) + "{}]"},
      {kJson, "[" + repeated("1,", kMany) + "1]"},
      {kJson, "[" + repeated("\"\",", kMany) + "1]"},
      {kJson, "[" + repeated("{\"\":1},", kMany) + "1]"},
      {kJson, "\"" + repeated("\\u4f60", kMany) + "\""},
      {kSafetensors, safetensors_of(entries)},
      {kSafetensors, safetensors_of(R"({"a":{"dtype":"U8","shape":[)" + repeated("1,", kMany) +
                                    R"(1],"data_offsets":[0,1]}})")},
      {kSafetensors, safetensors_of(repeated("{\"a\":", kMany))},
      {kSafetensors, safetensors_of(R"({"a":{"dtype":"F64","shape":[1000000000000],)"
                                    R"("data_offsets":[0,8000000000000]}})" +
                                    std::string(20'000, ' '))},
      {kTorchZip, checkpoint_of(repeated("]", kMany))},
      {kTorchZip, checkpoint_of(repeated("}", kMany))},
      {kTorchZip, checkpoint_of("N" + repeated("\x85", kMany))},
      {kTorchZip, checkpoint_of(repeated("(", kMany))},
      {kTorchZip, checkpoint_of(repeated("N", kMany))},
      {kTorchZip, checkpoint_of("N" + repeated("Q", kMany))},
      {kTorchZip, checkpoint_of("N" + repeated("\x94", kMany))},
      {kTorchZip, checkpoint_of(repeated("K\x01", kMany))},
      {kTorchZip, checkpoint_of(repeated("ccollections\nOrderedDict\n)R", kMany / 10))},
      {kTorchZip, checkpoint_of("X" + le(0x7FFFFFFFu) + std::string(100'000, 'x'))},
      {kTorchLegacy, "\x80\x02" + repeated("]", kMany)},
      {kTorchZip, tensors_of(numbered_names(kMany / 4))},
      {kTorchZip, tensors_of(text_of(std::string(kMany, 'x')) + "q\x02h\x01" +
                             repeated("h\x02h\x01", kMany / 4))},
      {kTorchZip, tensors_of("", std::string(kMany, 'x'))},
  };
  for (std::size_t i = 0; i < std::size(hostile); ++i) {
    const auto& [read, bytes] = hostile[i];
    EXPECT_LE(bytes_for_each(read, bytes), 80.0) << "input " << i;
  }
}

TEST(HostileFiles, DeclaredSizesAreNotBelieved) {
  // Small files that speak of terabytes: nothing near that is asked for.
  const auto checkpoint = [](std::int64_t elements, std::int64_t size) {
    return "\x80\x02}(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage"
           "ctorch\nFloatStorage\nX\x01\0\0\0"
           "0X\x03\0\0\0cpu\x8a\x08"s +
           le(elements) + "tQK\0\x8a\x08"s + le(size) + "\x85K\x01\x85\x89}tRu."s;
  };
  constexpr std::int64_t kTera = std::int64_t{1} << 40;
  for (const std::string& bytes :
       {build_zip({{.name = "m/data.pkl", .bytes = checkpoint(kTera, kTera)},
                   {.name = "m/data/0", .bytes = "1234"}}),
        build_zip({{.name = "m/data.pkl", .bytes = checkpoint(1, kTera)},
                   {.name = "m/data/0", .bytes = "1234"}})}) {
    EXPECT_TRUE(refuses(kTorchZip, bytes));
    EXPECT_LE(bytes_for_each(kTorchZip, bytes), 160.0);
  }
  EXPECT_FALSE(refuses(kTorchZip, build_zip({{.name = "m/data.pkl", .bytes = checkpoint(1, 1)},
                                             {.name = "m/data/0", .bytes = "1234"}})));
}

// Of this thread on the processor, however busy the machine is; least of three.
double seconds(const Reader& read, const std::string& bytes) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  double least = 1e9;
  for (int i = 0; i < 3; ++i) {
    const double start = now();
    refuses(read, bytes);
    least = std::min(least, now() - start);
  }
  return least;
}

TEST(HostileFiles, TimeIsProportionalToTheFile) {
  // Sixteen times the bytes may take at most forty times as long; a square would take 256 times.
  const std::pair<Reader, std::function<std::string(std::size_t)>> hostile[] = {
      {kJson, [](std::size_t n) { return "[" + repeated("[],", n) + "[]]"; }},
      {kJson, [](std::size_t n) { return repeated("\n", n) + "x"; }},
      {kSafetensors,
       [](std::size_t n) {
         std::string header = "{";
         for (std::size_t i = 0; i < n; ++i) {
           header += "\"" + std::to_string(i) +
                     "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},";
         }
         header.back() = '}';
         return safetensors_of(header);
       }},
      {kTorchZip, [](std::size_t n) { return checkpoint_of(repeated("]", n)); }},
      {kTorchZip,
       [](std::size_t n) {
         return checkpoint_of("]q\x01" + repeated("h\x01"
                                                  "a",
                                                  n));
       }},
      {kTorchZip,
       [](std::size_t n) {
         std::vector<testing::ZipPart> parts;
         for (std::size_t i = 0; i < n / 8; ++i) parts.push_back({.name = std::to_string(i)});
         return build_zip(parts);
       }},
      {kTorchZip, [](std::size_t n) { return repeated("PK\x05\x06", n); }},
      {tokenizer_file("tokenizer_config.json"),
       [](std::size_t n) { return numbered("{", "\"%_token\":\"t%\"", n, "}"); }},
      {tokenizer_file("tokenizer_config.json"),
       [](std::size_t n) { return numbered("{\"extra_special_tokens\":[", "\"t%\"", n, "]}"); }},
      {tokenizer_file("tokenizer_config.json"),
       [](std::size_t n) {
         return numbered("{\"added_tokens_decoder\":{", "\"%\":{\"content\":\"t%\"}", n, "}}");
       }},
      {tokenizer_file("added_tokens.json"),
       [](std::size_t n) { return numbered("{", "\"t%\":%", n, "}"); }},
      {tokenizer_file("special_tokens_map.json"),
       [](std::size_t n) { return numbered("{", "\"%_token\":\"t%\"", n, "}"); }},
  };
  for (std::size_t i = 0; i < std::size(hostile); ++i) {
    const auto& [read, make] = hostile[i];
    const double small = seconds(read, make(2'000));
    const double large = seconds(read, make(32'000));
    EXPECT_LE(large, 40 * small + 0.001) << "input " << i;
  }
}

}  // namespace
}  // namespace semblance
