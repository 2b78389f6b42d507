// The entry point of each libFuzzer program: the one target that is linked with it.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  semblance::fuzz::run(semblance::fuzz::targets().front(),
                       std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
