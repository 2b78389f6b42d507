#include "fuzz/target.h"
#include "semblance/io/vocabulary_file.h"

namespace semblance::fuzz {
namespace {

const Registration kTarget("vocabulary", [](std::string_view bytes) {
  const Vocabulary vocabulary = parse_vocabulary(bytes, "vocab.txt");
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto [token, id] = vocabulary[i];
    require(vocabulary.id(token) == id, "every token under its spelling");
    require(static_cast<std::size_t>(id) < vocabulary.id_limit(), "ids below the limit");
  }
});

}  // namespace
}  // namespace semblance::fuzz
