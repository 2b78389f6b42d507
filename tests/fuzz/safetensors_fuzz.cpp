#include "semblance/io/safetensors.h"

#include "fuzz/weights.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("safetensors", [](std::string_view bytes) {
  touch(bytes, parse_safetensors(as_bytes(bytes), "model.safetensors").tensors);
});

}  // namespace
}  // namespace semblance::fuzz
