// A pickle alone, without the zip archive around it: what a state dict would be made of.

#include "semblance/io/pickle.h"

#include "fuzz/weights.h"
#include "semblance/io/pytorch_checkpoint.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("pickle", [](std::string_view bytes) {
  ByteReader reader(as_bytes(bytes), "data.pkl");
  const Pickle pickle(reader, semblance::detail::kTorchGlobals);
  pickle.describe(pickle.root());
  for (const PickleRef item : pickle.items(pickle.root())) pickle.describe(item);
  semblance::detail::TorchStateDict state_dict(pickle, "data.pkl");
  for (auto& [key, storage] : state_dict.storages()) storage.placed = true;
  for (const StoredTensor& tensor : state_dict.take_tensors()) {
    require(tensor.shape.element_count().has_value(), "a number of elements that fits");
    require(tensor.strides.size() == tensor.shape.rank(), "a stride an axis");
  }
});

}  // namespace
}  // namespace semblance::fuzz
