#include "fuzz/weights.h"
#include "semblance/io/zip_archive.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("zip", [](std::string_view bytes) {
  const ZipArchive archive(as_bytes(bytes), "pytorch_model.bin");
  std::size_t total = 0;
  for (const ZipEntry& entry : archive.entries()) {
    require(archive.find(entry.name) == &entry, "each name once");
    if (entry.method != 0) continue;
    const auto content = archive.bytes(entry);
    total += content.size();
    for (const std::byte value : content) total += static_cast<std::size_t>(value) & 0;
  }
  require(total <= bytes.size(), "entries that do not overlap");
});

}  // namespace
}  // namespace semblance::fuzz
