#include "fuzz/folder.h"
#include "fuzz/target.h"
#include "semblance/pooling/whitening_file.h"

namespace semblance::fuzz {
namespace {

constexpr std::string_view kNames[] = {"whitening.safetensors"};

const Registration kTarget("whitening", [](std::string_view bytes) {
  static const Folder folder(kNames);
  folder.write(kNames[0], bytes);
  const Whitening whitening = load_whitening(folder.file(kNames[0]).string());
  require(whitening.input_size() != 0 && whitening.dimensions() != 0, "sizes that are not 0");
});

}  // namespace
}  // namespace semblance::fuzz
