#include "semblance/io/pytorch_checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "io/reader_test.h"
#include "io/zip_builder.h"
#include "semblance/io/safetensors.h"
#include "support/temp_folder.h"

namespace semblance {
namespace {

using testing::as_bytes;
using testing::build_zip;
using testing::golden;
using testing::le;
using testing::message_of;
using testing::read_bytes;
using testing::TempFolder;
using testing::ZipPart;

using namespace std::string_literals;

// Each tensor of `file` against the one of that name, behind `prefix`, in expected.safetensors.
void expect_golden(const WeightFile& file, const std::string& prefix, std::size_t num_tensors) {
  const WeightFile expected = open_safetensors(golden("expected.safetensors"));
  EXPECT_EQ(file.tensors().size(), num_tensors);
  for (const StoredTensor& tensor : file.tensors()) {
    const StoredTensor* reference = expected.find(prefix + tensor.name);
    ASSERT_NE(reference, nullptr) << tensor.name;
    EXPECT_EQ(tensor.dtype, reference->dtype) << tensor.name;
    EXPECT_EQ(tensor.shape, reference->shape) << tensor.name;
    const auto found = file.view(tensor).bytes();
    const auto bytes = expected.view(*reference).bytes();
    EXPECT_TRUE(std::equal(found.begin(), found.end(), bytes.begin(), bytes.end())) << tensor.name;
  }
}

class GoldenCheckpoint : public ::testing::TestWithParam<std::tuple<std::string_view, FileAccess>> {
};
INSTANTIATE_TEST_SUITE_P(EveryForm, GoldenCheckpoint,
                         ::testing::Combine(::testing::Values("zip.bin", "zip_protocol4.bin",
                                                              "legacy.bin", "legacy_protocol1.bin"),
                                            ::testing::Values(FileAccess::map, FileAccess::copy)));

TEST_P(GoldenCheckpoint, HoldsTheTensorsThatTorchSaved) {
  const auto [name, access] = GetParam();
  expect_golden(open_pytorch_checkpoint(golden(name), access), "", 61);
}

TEST(PyTorchCheckpoint, AModulesStateDictWithItsMetadataIsRead) {
  expect_golden(open_pytorch_checkpoint(golden("module_zip.bin")), "module.", 2);
  expect_golden(open_pytorch_checkpoint(golden("module_legacy.bin")), "module.", 2);
}

TEST(PyTorchCheckpoint, ContiguousTensorsOfTheZipFormAreUsedInPlace) {
  const WeightFile file = open_pytorch_checkpoint(golden("zip.bin"));
  const TensorView whole = file.view(*file.find("tied.one"));
  const TensorView same = file.view(*file.find("tied.two"));
  const TensorView rows = file.view(*file.find("tied.rows"));
  EXPECT_EQ(whole.data, same.data);
  EXPECT_EQ(rows.data, whole.data + 2 * 4 * sizeof(float));
}

TEST(PyTorchCheckpoint, TiedTensorsThatMustBeCopiedShareTheCopy) {
  const WeightFile file = open_pytorch_checkpoint(golden("legacy.bin"));
  const StoredTensor& one = *file.find("tied.one");
  if (one.offset % 4 == 0) GTEST_SKIP() << "aligned by chance";
  const TensorView first = file.view(one);
  const TensorView second = file.view(*file.find("tied.two"));
  EXPECT_EQ(first.data, second.data);
  file.release(first);
  EXPECT_EQ(second.as<float>().size(), 24u);
  EXPECT_EQ(second.as<float>()[0], file.view(one).as<float>()[0]);
}

TEST(PyTorchCheckpoint, OtherThingsThatTorchSavesAreNamed) {
  const auto refusal = [](std::string_view name) {
    const std::string message =
        message_of<FormatError>([&] { open_pytorch_checkpoint(golden(name)); });
    return message.substr(message.find(": ") + 2);
  };
  EXPECT_EQ(refusal("training.bin"),
            "\"state_dict\": expected a tensor: the file must be a state dict and nothing more, "
            "found a dictionary");
  EXPECT_EQ(refusal("whole_module.bin"),
            "data.pkl: byte 34: expected only the imports of a state dict, found "
            "\"torch.nn.modules.linear.Linear\"");
  EXPECT_EQ(refusal("torchscript.bin"), "expected a state dict, found a TorchScript program");
  EXPECT_EQ(
      refusal("compressed.bin"),
      "\"archive/byteorder\": expected a zip entry that is stored as it is, found a compressed "
      "one (method 8)");
  EXPECT_EQ(refusal("expected.safetensors"),
            "expected a PyTorch checkpoint: a zip archive or a pickle, found other bytes");
}

TEST(PyTorchCheckpoint, FilesUnderTheWrongNameAreCalledByTheirName) {
  const TempFolder folder;
  const std::string pointer = folder.write(
      "pytorch_model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n");
  EXPECT_EQ(message_of<FormatError>([&] { open_pytorch_checkpoint(pointer); }),
            pointer + ": this is a git-LFS pointer, the weights were not downloaded");
  const std::string empty = folder.write("empty.bin", "");
  EXPECT_EQ(message_of<FormatError>([&] { open_pytorch_checkpoint(empty); }),
            empty + ": expected a PyTorch checkpoint, found an empty file");
  message_of<FileError>([&] { open_pytorch_checkpoint(folder.path()); });
}

std::string text(std::string_view value) {
  return "X" + le(static_cast<std::uint32_t>(value.size())) + std::string(value);
}

// An integer as pickle has it: LONG1 of eight bytes.
std::string integer(std::int64_t value) { return "\x8a\x08" + le(value); }

std::string sizes(const std::vector<std::int64_t>& values) {
  std::string bytes = "(";
  for (const std::int64_t value : values) bytes += integer(value);
  return bytes + "t";
}

struct TensorProgram {
  std::string type = "torch\nFloatStorage\n";
  std::string key = text("0");
  std::string num_elements = integer(6);
  std::string offset = integer(0);
  std::string shape = sizes({2, 3});
  std::string strides = sizes({3, 1});
  std::string rest =
      "\x89"
      "ccollections\nOrderedDict\n)R";  // requires_grad, backward_hooks
  std::string function = "torch._utils\n_rebuild_tensor_v2\n";

  std::string storage() const {
    return "(" + text("storage") + "c" + type + key + text("cpu") + num_elements + "tQ";
  }
  std::string tensor() const {
    return "c" + function + "(" + storage() + offset + shape + strides + rest + "tR";
  }
  std::string pickle() const { return "\x80\x02}(" + text("w") + tensor() + "u."; }
};

std::string archive_of(const std::string& pickle, const std::string& storage = std::string(24, 's'),
                       const std::vector<ZipPart>& more = {}) {
  std::vector<ZipPart> parts = {{.name = "m/data.pkl", .bytes = pickle},
                                {.name = "m/data/0", .bytes = storage}};
  parts.insert(parts.end(), more.begin(), more.end());
  return build_zip(parts);
}

std::vector<StoredTensor> parse_torch_zip(const std::string& bytes) {
  return detail::parse_torch_zip(as_bytes(bytes), "m.bin");
}

std::string torch_zip_refusal(const std::string& bytes) {
  return message_of<FormatError>([&] { parse_torch_zip(bytes); });
}

template <class Change>
std::string refusal_with(Change change) {
  TensorProgram program;
  change(program);
  return torch_zip_refusal(archive_of(program.pickle()));
}

TEST(PyTorchCheckpoint, ReadsAHandWrittenTensor) {
  const auto tensors = parse_torch_zip(archive_of(TensorProgram{}.pickle()));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].name, "w");
  EXPECT_EQ(tensors[0].shape, (Shape{2, 3}));
  TensorProgram sized;
  sized.shape = "ctorch\nSize\n" + sizes({2, 3}) + "\x85R";
  EXPECT_EQ(parse_torch_zip(archive_of(sized.pickle()))[0].shape, (Shape{2, 3}));
  TensorProgram with_metadata;
  with_metadata.rest += "}";
  EXPECT_EQ(parse_torch_zip(archive_of(with_metadata.pickle())).size(), 1u);
}

TEST(PyTorchCheckpoint, TensorsStayInsideTheirStorage) {
  EXPECT_EQ(refusal_with([](TensorProgram& p) { p.offset = integer(1); }),
            "m.bin: \"w\": expected a tensor inside its storage, found [2, 3] with strides [3, 1] "
            "from element 1 of 6");
  const std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> outside = {
      {{2, 3}, {4, 1}},
      {{2, 3}, {3, 2}},
      {{2, 3}, {INT64_MAX, 1}},
      {{2, 3}, {INT64_MAX / 2 + 1, INT64_MAX / 2 + 1}},
      {{7}, {1}},
      {{7}, {0}},
      {{1'000'000'000}, {0}},
      {{INT64_MAX}, {0}},
      {{INT64_MAX, INT64_MAX}, {0, 0}},
      {{4294967296, 4294967296}, {0, 0}},
      {{3, 3}, {1, 1}},
  };
  for (const auto& layout : outside) {
    refusal_with(
        [&](TensorProgram& p) { p.shape = sizes(layout.first), p.strides = sizes(layout.second); });
  }
  refusal_with([](TensorProgram& p) { p.offset = integer(6); });
  refusal_with([](TensorProgram& p) { p.offset = integer(INT64_MAX); });
  refusal_with([](TensorProgram& p) {
    p.shape = sizes({0}), p.strides = sizes({1}), p.offset = integer(7);
  });
  TensorProgram fits;
  fits.shape = sizes({3, 2}), fits.strides = sizes({1, 3});
  EXPECT_NO_THROW(parse_torch_zip(archive_of(fits.pickle())));
  fits.shape = sizes({2, 2}), fits.strides = sizes({0, 5});
  EXPECT_NO_THROW(parse_torch_zip(archive_of(fits.pickle())));
  fits.shape = sizes({1, 1}), fits.strides = sizes({INT64_MAX, INT64_MAX});
  EXPECT_NO_THROW(parse_torch_zip(archive_of(fits.pickle())));
  fits.shape = sizes({INT64_MAX, INT64_MAX, 0}), fits.strides = sizes({1, 1, 1});
  EXPECT_NO_THROW(parse_torch_zip(archive_of(fits.pickle())));
}

TEST(PyTorchCheckpoint, SizesAndStridesAreTuplesOfIntegersFromZero) {
  refusal_with([](TensorProgram& p) { p.shape = sizes({-2, -3}); });
  refusal_with([](TensorProgram& p) { p.strides = sizes({-3, 1}); });
  refusal_with([](TensorProgram& p) { p.strides = sizes({1}); });
  refusal_with([](TensorProgram& p) { p.offset = integer(-1); });
  refusal_with([](TensorProgram& p) { p.offset = "N"; });
  refusal_with([](TensorProgram& p) { p.offset = "\x88"; });
  refusal_with([](TensorProgram& p) { p.offset = "\x8a\x09" + std::string(9, '\x01'); });
  refusal_with([](TensorProgram& p) { p.shape = "]"; });
  refusal_with([](TensorProgram& p) { p.shape = "(" + text("2") + text("3") + "t"; });
  refusal_with([](TensorProgram& p) { p.shape = "ctorch\nSize\n)R"; });
  refusal_with([](TensorProgram& p) {
    p.shape = sizes(std::vector<std::int64_t>(9, 1)), p.strides = p.shape;
  });
}

TEST(PyTorchCheckpoint, StoragesAreWhatTheirIdsSay) {
  EXPECT_EQ(refusal_with([](TensorProgram& p) { p.num_elements = integer(7); }),
            "m.bin: \"data/0\": expected 28 bytes, found 24");
  refusal_with([](TensorProgram& p) { p.num_elements = integer(5); });
  refusal_with([](TensorProgram& p) { p.num_elements = integer(-1); });
  refusal_with([](TensorProgram& p) { p.num_elements = integer(INT64_MAX); });
  refusal_with([](TensorProgram& p) { p.num_elements = integer(4611686018427387910); });
  refusal_with([](TensorProgram& p) { p.num_elements = "N"; });
  EXPECT_EQ(refusal_with([](TensorProgram& p) { p.key = text("1"); }),
            "m.bin: \"data/1\": expected a zip entry of that name, found none");
  refusal_with([](TensorProgram& p) { p.key = text("../data.pkl"); });
  refusal_with([](TensorProgram& p) { p.key = integer(0); });
  refusal_with([](TensorProgram& p) { p.key = text(std::string(300, '0')); });
  refusal_with([](TensorProgram& p) { p.type = "torch\nQInt8Storage\n"; });
  refusal_with([](TensorProgram& p) { p.type = "torch\nSize\n"; });
  refusal_with([](TensorProgram& p) { p.type = "collections\nOrderedDict\n"; });

  // One storage, two claims about it.
  TensorProgram first;
  TensorProgram second;
  second.type = "torch\nIntStorage\n";
  const std::string two =
      "\x80\x02}(" + text("a") + first.tensor() + text("b") + second.tensor() + "u.";
  EXPECT_EQ(torch_zip_refusal(archive_of(two)),
            "m.bin: \"b\": expected one type and size for each storage, found the integer 6");
}

TEST(PyTorchCheckpoint, OnlyWholeTensorsAreTensors) {
  refusal_with([](TensorProgram& p) { p.rest = ""; });
  refusal_with([](TensorProgram& p) { p.rest += "}}"; });
  refusal_with([](TensorProgram& p) { p.rest += "}" + text("conj") + "\x88s"; });
  refusal_with([](TensorProgram& p) { p.function = "torch._utils\n_rebuild_parameter\n"; });
  refusal_with([](TensorProgram& p) { p.function = "torch\nSize\n"; });
  refusal_with([](TensorProgram& p) { p.function = "torch._utils\n_rebuild_sparse_tensor\n"; });
  const TensorProgram good;
  for (const std::string& value :
       {"N"s, ")"s, "]"s, "}"s, integer(3), text("t"), good.storage(),
        "ctorch._utils\n_rebuild_parameter\n)R"s, "ctorch._utils\n_rebuild_tensor_v2\n)R"s,
        "ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89NtR"s,
        "ctorch._utils\n_rebuild_tensor_v2\n()QK\x00))\x89NtR"s,
        "ctorch._utils\n_rebuild_tensor_v2\n"s}) {
    torch_zip_refusal(archive_of("\x80\x02}(" + text("w") + value + "u."));
  }
  torch_zip_refusal(archive_of("\x80\x02}(" + integer(1) + good.tensor() + "u."));
  torch_zip_refusal(archive_of("\x80\x02" + good.tensor() + "."));
  torch_zip_refusal(archive_of("\x80\x02]."));
  torch_zip_refusal(archive_of(good.pickle() + "x"));
  // The same name twice.
  const TempFolder folder;
  const std::string twice = folder.write(
      "m.bin",
      archive_of("\x80\x02}(" + text("w") + good.tensor() + text("w") + good.tensor() + "u."));
  EXPECT_EQ(message_of<FormatError>([&] { open_pytorch_checkpoint(twice); }),
            twice + ": \"w\": expected each name once, found two tensors of that name");
}

TEST(PyTorchCheckpoint, TheArchiveHasOnePickleAndTheRightByteOrder) {
  const std::string pickle = TensorProgram{}.pickle();
  const std::string storage(24, 's');
  EXPECT_NO_THROW(
      parse_torch_zip(archive_of(pickle, storage, {{.name = "m/byteorder", .bytes = "little"}})));
  EXPECT_EQ(
      torch_zip_refusal(archive_of(pickle, storage, {{.name = "m/byteorder", .bytes = "big"}})),
      "m.bin: \"m/byteorder\": expected \"little\", found \"big\"");
  EXPECT_EQ(torch_zip_refusal(build_zip({{.name = "data/0", .bytes = "x"}})),
            "m.bin: \"data.pkl\": expected an entry of that name, found none");
  EXPECT_EQ(
      torch_zip_refusal(archive_of(pickle, storage, {{.name = "n/data.pkl", .bytes = pickle}})),
      "m.bin: \"n/data.pkl\": expected one data.pkl, found a second one");
  // A pickle further down is something else's.
  EXPECT_NO_THROW(
      parse_torch_zip(archive_of(pickle, storage, {{.name = "m/x/data.pkl", .bytes = "x"}})));
}

TEST(PyTorchCheckpoint, ManyTransposedViewsCannotGrowBeyondTheFile) {
  const std::size_t side = 100;
  const TempFolder folder;
  std::string pickle = "\x80\x02}(";
  TensorProgram program;
  program.num_elements = integer(side * side);
  for (std::int64_t i = 0; i < 50; ++i) {
    // Fifty different layouts of one storage, each of which needs a copy of its own.
    program.shape = sizes({static_cast<std::int64_t>(side) - i, side});
    program.strides = sizes({1, side});
    pickle += text("w" + std::to_string(i)) + program.tensor();
  }
  const std::string path =
      folder.write("m.bin", archive_of(pickle + "u.", std::string(4 * side * side, 's')));
  const WeightFile file = open_pytorch_checkpoint(path);
  EXPECT_EQ(message_of<FormatError>([&] {
              for (const StoredTensor& tensor : file.tensors()) file.view(tensor);
            }).find(path + ": \"w"),
            0u);
  // One after the other they are fine, and so is the file after the refusal.
  for (int i = 0; i < 50; ++i) {
    const WeightFile again = open_pytorch_checkpoint(path);
    for (const StoredTensor& tensor : again.tensors()) again.release(again.view(tensor));
  }
}

// Names for one storage in place, which each reader of all tensors would read as often.
TEST(PyTorchCheckpoint, ManyNamesOfOneStorageAreRefusedBeforeTheyAreRead) {
  const std::size_t size = 10'000;
  const auto archive_with = [&](int num_names) {
    std::string pickle = "\x80\x02}(";
    TensorProgram program;
    program.num_elements = integer(static_cast<std::int64_t>(size));
    program.shape = sizes({static_cast<std::int64_t>(size)});
    program.strides = sizes({1});
    for (int i = 0; i < num_names; ++i) pickle += text("w" + std::to_string(i)) + program.tensor();
    return archive_of(pickle + "u.", std::string(4 * size, 's'));
  };
  const TempFolder folder;
  const std::string tied = folder.write("tied.bin", archive_with(20));
  EXPECT_EQ(open_pytorch_checkpoint(tied).tensors().size(), 20u);
  const std::string bytes = archive_with(200);
  const std::string many = folder.write("many.bin", bytes);
  const std::string message = message_of<FormatError>([&] { open_pytorch_checkpoint(many); });
  EXPECT_EQ(message.find(many + ": \"w"), 0u) << message;
  EXPECT_TRUE(message.ends_with(
      "expected tensors that together are at most 64 times as large as the file, of " +
      std::to_string(bytes.size()) + " bytes, found many that overlap"))
      << message;
}

// The old form: five pickles, then the storages.
struct LegacyFile {
  std::string magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
  std::string protocol = "\x80\x02M\xe9\x03.";
  std::string system = "\x80\x02}U\x0dlittle_endian\x88s.";
  TensorProgram program;
  std::string keys = "\x80\x02]" + text("0") + "a.";
  std::string count = le(std::uint64_t{6});
  std::string storage = std::string(24, 's');

  std::string bytes() const {
    return magic + protocol + system + program.pickle() + keys + count + storage;
  }
};

template <class Change>
std::string legacy_refusal(Change change) {
  LegacyFile file;
  change(file);
  const std::string bytes = file.bytes();
  return message_of<FormatError>([&] { detail::parse_torch_legacy(as_bytes(bytes), "m.bin"); });
}

TEST(PyTorchCheckpoint, TheOldFormIsCheckedPartByPart) {
  LegacyFile whole;
  // With a sixth part of the storage's id, as torch writes it here.
  whole.program.num_elements += "N";
  const std::string bytes = whole.bytes();
  EXPECT_EQ(detail::parse_torch_legacy(as_bytes(bytes), "m.bin").size(), 1u);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::string cut = bytes.substr(0, length);
    message_of<FormatError>([&] { detail::parse_torch_legacy(as_bytes(cut), "m.bin"); });
  }

  EXPECT_EQ(legacy_refusal([](LegacyFile& f) { f.magic = "\x80\x02K\x01."; }),
            "m.bin: expected a PyTorch checkpoint, found a pickle of something else");
  EXPECT_EQ(legacy_refusal([](LegacyFile& f) { f.protocol = "\x80\x02M\xe8\x03."; }),
            "m.bin: \"protocol\": expected 1001, found the integer 1000");
  EXPECT_EQ(legacy_refusal([](LegacyFile& f) { f.system = "\x80\x02}U\x0dlittle_endian\x89s."; }),
            "m.bin: \"little_endian\": expected True, found False");
  legacy_refusal([](LegacyFile& f) {
    f.system =
        "\x80\x02"
        "cos\nsystem\n.";
  });
  EXPECT_EQ(legacy_refusal([](LegacyFile& f) {
              f.keys = "\x80\x02].";
              f.count = f.storage = "";
            }),
            "m.bin: \"w\": expected storage 0, found none");
  legacy_refusal([](LegacyFile& f) { f.keys = "\x80\x02]" + text("1") + "a."; });
  legacy_refusal([](LegacyFile& f) {
    f.keys =
        "\x80\x02]K\x00"
        "a."s;
  });
  legacy_refusal([](LegacyFile& f) { f.keys = "\x80\x02}."; });
  legacy_refusal([](LegacyFile& f) {
    f.keys = "\x80\x02](" + text("0") + text("0") + "e.";
    f.storage += f.count + f.storage;
  });
  EXPECT_EQ(legacy_refusal([](LegacyFile& f) { f.count = le(std::uint64_t{7}); }),
            "m.bin: \"storage 0\": expected 6 elements, found 7");
  legacy_refusal([](LegacyFile& f) {
    f.count = le(std::uint64_t{1} << 60);
    f.program.num_elements = integer(std::int64_t{1} << 60);
  });
  EXPECT_NE(legacy_refusal([](LegacyFile& f) { f.storage += "x"; }).find("1 more bytes"),
            std::string::npos);
  legacy_refusal([](LegacyFile& f) { f.program.num_elements += "(" + integer(1) + "t"; });
}

TEST(PyTorchCheckpoint, NothingRunsAndNothingIsWritten) {
  const TempFolder folder;
  const std::string witness = folder.path() + "/witness";
  const std::string command = text("touch " + witness) + "\x85R";
  for (const std::string& evil : std::vector<std::string>{
           "cos\nsystem\n" + command, "cposix\nsystem\n" + command,
           "csubprocess\ngetoutput\n" + command,
           "cbuiltins\neval\n" + text("open('" + witness + "', 'w')") + "\x85R",
           "c__builtin__\nexec\n" + text("open('" + witness + "', 'w')") + "\x85R",
           "(ios\nsystem\n", "\x8c\x02os\x8c\x06system\x93" + command,
           "cos\nsystem\n" + text("x") + "\x85\x81", "ctorch\nload\n" + text(witness) + "\x85R",
           "cbuiltins\ngetattr\n)R"s}) {
    const std::string path =
        folder.write("m.bin", archive_of("\x80\x02}(" + text("w") + evil + "u."));
    message_of<FormatError>([&] { open_pytorch_checkpoint(path); });
    LegacyFile old;
    const std::string bytes = old.magic + old.protocol + "\x80\x02" + evil + ".";
    const std::string legacy = folder.write("old.bin", bytes);
    message_of<FormatError>([&] { open_pytorch_checkpoint(legacy); });
  }
  EXPECT_FALSE(std::filesystem::exists(witness));
}

}  // namespace
}  // namespace semblance
