// pytorch_model.bin in both of its forms.

#include "fuzz/weights.h"
#include "semblance/io/pytorch_checkpoint.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("checkpoint", [](std::string_view bytes) {
  const std::string file = "pytorch_model.bin";
  touch(bytes, bytes.starts_with('P')
                   ? semblance::detail::parse_torch_zip(as_bytes(bytes), file)
                   : semblance::detail::parse_torch_legacy(as_bytes(bytes), file));
});

}  // namespace
}  // namespace semblance::fuzz
