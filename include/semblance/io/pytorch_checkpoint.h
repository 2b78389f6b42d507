#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/io/byte_reader.h"
#include "semblance/io/file_bytes.h"
#include "semblance/io/mapped_file.h"
#include "semblance/io/pickle.h"
#include "semblance/io/weight_file.h"
#include "semblance/io/zip_archive.h"

namespace semblance {

// A state dict as torch.save writes it, of tensors or parameters by name, in either form:
//   since torch 1.6    a zip archive: <name>/data.pkl, <name>/data/<key> for each storage,
//                      <name>/byteorder
//   before torch 1.6   five pickles (magic number, protocol, system, state dict, storage keys);
//                      for each key its element count in 8 bytes and its elements
// No code runs: the pickle is read by a closed reader (pickle.h), and the handful of imports that a
// state dict needs are interpreted here. Views, shared storages and transposed tensors are fine as
// long as they stay inside their storage and have no more elements than it.
// Throws FileError, FormatError.
WeightFile open_pytorch_checkpoint(const FileSource& source, FileAccess access = FileAccess::map);

namespace detail {

struct TorchStorageType {
  std::string_view global;
  DType dtype;
};

inline constexpr std::array<TorchStorageType, 10> kTorchStorageTypes = {{
    {"torch.FloatStorage", DType::f32},
    {"torch.HalfStorage", DType::f16},
    {"torch.BFloat16Storage", DType::bf16},
    {"torch.DoubleStorage", DType::f64},
    {"torch.LongStorage", DType::i64},
    {"torch.IntStorage", DType::i32},
    {"torch.ShortStorage", DType::i16},
    {"torch.CharStorage", DType::i8},
    {"torch.ByteStorage", DType::u8},
    {"torch.BoolStorage", DType::boolean},
}};

inline constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
inline constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
inline constexpr std::string_view kTorchSize = "torch.Size";

inline constexpr auto kTorchGlobals = [] {
  constexpr std::size_t kOthers = 4;
  std::array<std::string_view, kOthers + kTorchStorageTypes.size()> globals = {
      "collections.OrderedDict", kRebuildTensor, kRebuildParameter, kTorchSize};
  std::transform(kTorchStorageTypes.begin(), kTorchStorageTypes.end(), globals.begin() + kOthers,
                 [](const TorchStorageType& type) { return type.global; });
  return globals;
}();

// A storage as tensors refer to it, and where its elements are once that is known.
struct TorchStorage {
  DType dtype = DType::f32;
  std::uint64_t num_elements = 0;
  std::size_t offset = 0;
  bool placed = false;
};

// Turns the described calls of a state dict's pickle into tensors whose offsets count from the
// start of their storage.
class TorchStateDict {
 public:
  using Storages = std::map<std::string, TorchStorage, std::less<>>;
  struct Entry {
    StoredTensor tensor;
    const Storages::value_type* storage;  // its key and itself
  };

  TorchStateDict(const Pickle& pickle, std::string_view file);

  Storages& storages() noexcept { return storages_; }
  // Every storage must have been placed.
  std::vector<StoredTensor> take_tensors();

 private:
  Entry read_tensor(std::string_view name, PickleRef ref);
  const Storages::value_type* read_storage(std::string_view name, PickleRef ref);
  std::vector<std::size_t> read_sizes(std::string_view name, PickleRef ref) const;
  std::size_t read_size(std::string_view name, PickleRef ref) const;
  void check_inside(const Entry& entry, std::size_t first) const;
  FormatError error(std::string_view name, std::string_view expected, PickleRef found) const {
    return FormatError(file_, name, expected, pickle_.describe(found));
  }

  const Pickle& pickle_;
  std::string file_;
  Storages storages_;
  std::vector<Entry> entries_;
};

inline TorchStateDict::TorchStateDict(const Pickle& pickle, std::string_view file)
    : pickle_(pickle), file_(file) {
  const PickleRef root = pickle.root();
  if (pickle[root].kind != PickleKind::dict) {
    throw error("", "a state dict, names to tensors", root);
  }
  const auto members = pickle.items(root);
  // A pickle can name one long text many times in two bytes each: no copy before it is known to be
  // new.
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < members.size(); i += 2) {
    const PickleValue& name = pickle[members[i]];
    if (name.kind != PickleKind::text) throw error("", "names of tensors", members[i]);
    if (!names.insert(name.text).second) {
      throw FormatError(file_, name.text, "each name once", "two tensors of that name");
    }
    entries_.push_back(read_tensor(name.text, members[i + 1]));
  }
}

inline TorchStateDict::Entry TorchStateDict::read_tensor(std::string_view name, PickleRef ref) {
  if (pickle_.is_call(ref, kRebuildParameter)) {
    const auto arguments = pickle_.items(pickle_.items(ref)[1]);
    if (arguments.empty()) throw error(name, "the tensor of a parameter", ref);
    ref = arguments[0];
  }
  if (!pickle_.is_call(ref, kRebuildTensor)) {
    throw error(name, "a tensor: the file must be a state dict and nothing more", ref);
  }
  // storage, storage_offset, size, stride, requires_grad, backward_hooks and, since torch 2.1,
  // metadata: the bits that say "conjugated" or "negated"
  const auto arguments = pickle_.items(pickle_.items(ref)[1]);
  if (arguments.size() < 6 || arguments.size() > 7) throw error(name, "a tensor", ref);
  if (arguments.size() == 7 &&
      (pickle_[arguments[6]].kind != PickleKind::dict || !pickle_.items(arguments[6]).empty())) {
    throw error(name, "a tensor without metadata", arguments[6]);
  }
  Entry entry;
  entry.storage = read_storage(name, arguments[0]);
  entry.tensor.name = name;
  entry.tensor.dtype = entry.storage->second.dtype;
  entry.tensor.shape = Shape(read_sizes(name, arguments[2]));
  entry.tensor.strides = read_sizes(name, arguments[3]);
  if (entry.tensor.strides.size() != entry.tensor.shape.rank()) {
    throw error(name, "a stride for each of " + entry.tensor.shape.to_string(), arguments[3]);
  }
  const std::size_t first = read_size(name, arguments[1]);
  check_inside(entry, first);
  entry.tensor.offset = first * byte_size(entry.tensor.dtype);
  return entry;
}

// ("storage", type, key, location, num_elements), in the old form with a sixth: None, or the view
// of another storage that torch stopped writing before 1.0.
inline const TorchStateDict::Storages::value_type* TorchStateDict::read_storage(
    std::string_view name, PickleRef ref) {
  if (pickle_[ref].kind != PickleKind::persistent) throw error(name, "a storage", ref);
  const PickleRef id = pickle_.items(ref)[0];
  const auto parts = pickle_.items(id);
  if (parts.size() < 5 || parts.size() > 6 || pickle_[parts[0]].text != "storage" ||
      pickle_[parts[2]].kind != PickleKind::text) {
    throw error(name, "the id of a storage", id);
  }
  if (parts.size() == 6 && pickle_[parts[5]].kind != PickleKind::none) {
    throw error(name, "a storage of its own", parts[5]);
  }
  TorchStorage storage;
  const PickleValue& type = pickle_[parts[1]];
  bool known = false;
  for (const auto& [global, dtype] : kTorchStorageTypes) {
    if (type.kind == PickleKind::global && type.text == global) {
      storage.dtype = dtype;
      known = true;
    }
  }
  if (!known) throw error(name, "the type of a storage", parts[1]);
  storage.num_elements = read_size(name, parts[4]);
  if (storage.num_elements > std::numeric_limits<std::size_t>::max() / 8) {
    throw error(name, "a number of elements that fits the address space", parts[4]);
  }
  // torch writes a small number; a long key used by many tensors would be read as often.
  constexpr std::size_t kMaxKeyBytes = 256;
  const std::string_view key = pickle_[parts[2]].text;
  if (key.size() > kMaxKeyBytes) {
    throw error(name, "a storage key of at most 256 bytes", parts[2]);
  }
  const auto [place, inserted] = storages_.emplace(key, storage);
  if (!inserted && (place->second.dtype != storage.dtype ||
                    place->second.num_elements != storage.num_elements)) {
    throw error(name, "one type and size for each storage", parts[4]);
  }
  return &*place;
}

inline std::vector<std::size_t> TorchStateDict::read_sizes(std::string_view name,
                                                           PickleRef ref) const {
  if (pickle_.is_call(ref, kTorchSize)) {
    const auto arguments = pickle_.items(pickle_.items(ref)[1]);
    if (arguments.size() == 1) ref = arguments[0];
  }
  if (pickle_[ref].kind != PickleKind::tuple) throw error(name, "a tuple of sizes", ref);
  // One long tuple used by many tensors would be copied as often.
  constexpr std::size_t kMaxRank = 8;
  const auto items = pickle_.items(ref);
  if (items.size() > kMaxRank) throw error(name, "at most 8 dimensions", ref);
  std::vector<std::size_t> sizes;
  sizes.reserve(items.size());
  for (const PickleRef item : items) sizes.push_back(read_size(name, item));
  return sizes;
}

inline std::size_t TorchStateDict::read_size(std::string_view name, PickleRef ref) const {
  const PickleValue& value = pickle_[ref];
  if (value.kind != PickleKind::integer || value.number < 0) {
    throw error(name, "an integer from 0", ref);
  }
  return static_cast<std::size_t>(value.number);
}

// All sums stay below num_elements, so that nothing can overflow.
inline void TorchStateDict::check_inside(const Entry& entry, std::size_t first) const {
  const StoredTensor& tensor = entry.tensor;
  const std::uint64_t available = entry.storage->second.num_elements;
  const auto outside = [&](std::string_view expected) {
    return FormatError(file_, tensor.name, expected,
                       tensor.shape.to_string() + " with strides " +
                           Shape(tensor.strides).to_string() + " from element " +
                           std::to_string(first) + " of " + std::to_string(available));
  };
  const auto count = tensor.shape.element_count();
  if (!count || *count > available) throw outside("no more elements than the storage has");
  if (*count == 0) {
    if (first > available) throw outside("a tensor inside its storage");
    return;
  }
  if (first >= available) throw outside("a tensor inside its storage");
  std::uint64_t room =
      available - 1 - first;  // largest distance from the first to the last element
  for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis) {
    const std::uint64_t steps = tensor.shape[axis] - 1;
    if (steps == 0) continue;
    if (tensor.strides[axis] > room / steps) throw outside("a tensor inside its storage");
    room -= tensor.strides[axis] * steps;
  }
}

inline std::vector<StoredTensor> TorchStateDict::take_tensors() {
  std::vector<StoredTensor> tensors;
  tensors.reserve(entries_.size());
  for (Entry& entry : entries_) {
    const auto& [key, storage] = *entry.storage;
    if (!storage.placed) {
      throw FormatError(file_, entry.tensor.name, "storage " + key, "none");
    }
    entry.tensor.offset += storage.offset;
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

inline std::vector<StoredTensor> parse_torch_zip(std::span<const std::byte> bytes,
                                                 const std::string& file) {
  constexpr std::string_view kPickle = "/data.pkl";
  const ZipArchive archive(bytes, file);
  const ZipEntry* pickled = nullptr;
  for (const ZipEntry& entry : archive.entries()) {
    if (!entry.name.ends_with(kPickle)) continue;
    if (entry.name.find('/') != entry.name.size() - kPickle.size()) continue;
    if (pickled != nullptr) {
      throw FormatError(file, entry.name, "one data.pkl", "a second one");
    }
    pickled = &entry;
  }
  if (pickled == nullptr) throw FormatError(file, "data.pkl", "an entry of that name", "none");
  const std::string folder(pickled->name.substr(0, pickled->name.size() - kPickle.size()));
  if (archive.find(folder + "/constants.pkl") != nullptr) {
    throw FormatError(file, "", "a state dict", "a TorchScript program");
  }
  if (const ZipEntry* order = archive.find(folder + "/byteorder")) {
    const auto text = archive.bytes(*order);
    const std::string_view found(reinterpret_cast<const char*>(text.data()), text.size());
    if (found != "little") {
      throw FormatError(file, order->name, "\"little\"",
                        "\"" + std::string(found.substr(0, 20)) + "\"");
    }
  }

  ByteReader reader(archive.bytes(*pickled), file + ": data.pkl");
  const Pickle pickle(reader, kTorchGlobals);
  if (reader.remaining() != 0) throw reader.error("the end of the pickle", "more bytes");
  TorchStateDict state_dict(pickle, file);
  for (auto& [key, storage] : state_dict.storages()) {
    const std::string name = "data/" + key;
    const ZipEntry* entry = archive.find(std::string(folder).append(1, '/').append(name));
    if (entry == nullptr) throw FormatError(file, name, "a zip entry of that name", "none");
    const std::uint64_t expected = storage.num_elements * byte_size(storage.dtype);
    if (const std::size_t found = archive.bytes(*entry).size(); found != expected) {
      throw FormatError(file, "data/" + key, std::to_string(expected) + " bytes",
                        std::to_string(found));
    }
    storage.offset = entry->offset;
    storage.placed = true;
  }
  return state_dict.take_tensors();
}

inline std::vector<StoredTensor> parse_torch_legacy(std::span<const std::byte> bytes,
                                                    const std::string& file) {
  // 0x1950a86a20f9469cfc6c: little-endian, or in decimal as pickle protocol 1 has it.
  constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
  constexpr std::string_view kDecimalMagic = "119547037146038801333356";
  constexpr std::int64_t kProtocol = 1001;
  ByteReader reader(bytes, file);

  const Pickle magic(reader, {});
  const PickleValue& number = magic[magic.root()];
  if (number.kind != PickleKind::long_integer ||
      (number.text != kMagic && number.text != kDecimalMagic)) {
    throw FormatError(file, "", "a PyTorch checkpoint", "a pickle of something else");
  }
  const Pickle protocol(reader, {});
  if (protocol[protocol.root()].kind != PickleKind::integer ||
      protocol[protocol.root()].number != kProtocol) {
    throw FormatError(file, "protocol", std::to_string(kProtocol),
                      protocol.describe(protocol.root()));
  }
  const Pickle system(reader, {});
  const auto facts = system.items(system.root());
  for (std::size_t i = 0; i + 1 < facts.size(); i += 2) {
    if (system[facts[i]].text == "little_endian" && system[facts[i + 1]].number != 1) {
      throw FormatError(file, "little_endian", "True", system.describe(facts[i + 1]));
    }
  }

  const Pickle pickle(reader, kTorchGlobals);
  TorchStateDict state_dict(pickle, file);
  const Pickle keys(reader, {});
  if (keys[keys.root()].kind != PickleKind::list) {
    throw FormatError(file, "", "a list of storage keys", keys.describe(keys.root()));
  }
  for (const PickleRef key : keys.items(keys.root())) {
    const auto found = state_dict.storages().find(keys[key].text);
    if (keys[key].kind != PickleKind::text || found == state_dict.storages().end() ||
        found->second.placed) {
      throw FormatError(file, "", "the key of a storage, each once", keys.describe(key));
    }
    TorchStorage& storage = found->second;
    if (const std::uint64_t count = reader.u64(); count != storage.num_elements) {
      throw FormatError(file, "storage " + found->first,
                        std::to_string(storage.num_elements) + " elements", std::to_string(count));
    }
    storage.offset = reader.position();
    storage.placed = true;
    reader.take(static_cast<std::size_t>(storage.num_elements) * byte_size(storage.dtype));
  }
  if (reader.remaining() != 0) {
    throw reader.error("the end of the file", std::to_string(reader.remaining()) + " more bytes");
  }
  return state_dict.take_tensors();
}

}  // namespace detail

inline WeightFile open_pytorch_checkpoint(const FileSource& source, FileAccess access) {
  const std::string& path = source.path();
  MappedFile file(source, access);
  const auto bytes = file.bytes();
  refuse_failed_download(path, bytes);
  if (bytes.empty()) throw FormatError(path, "", "a PyTorch checkpoint", "an empty file");
  const auto first = static_cast<char>(bytes[0]);
  if (first != 'P' && first != '\x80' && first != 'L') {
    throw FormatError(path, "", "a PyTorch checkpoint: a zip archive or a pickle", "other bytes");
  }
  auto tensors =
      first == 'P' ? detail::parse_torch_zip(bytes, path) : detail::parse_torch_legacy(bytes, path);
  return WeightFile(std::move(file), std::move(tensors));
}

}  // namespace semblance
