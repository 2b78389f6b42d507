// tokenizer.json or vocab.txt, and the files beside them.

#include "semblance/io/tokenizer_files.h"

#include "fuzz/folder.h"
#include "fuzz/target.h"

namespace semblance::fuzz {
namespace {

constexpr std::string_view kNames[] = {"tokenizer.json",        "vocab.txt",
                                       "tokenizer_config.json", "special_tokens_map.json",
                                       "added_tokens.json",     "config.json"};

const Registration kTarget("tokenizer_files", [](std::string_view bytes) {
  static const Folder folder(kNames);
  folder.fill(bytes);
  const LoadedTokenizer loaded = load_tokenizer(folder.path());
  const Encoding encoding = loaded.tokenizer.encode("[CLS] Hello, a b [MASK] \xE4\xB8\xAD.");
  for (const std::int32_t id : encoding.input_ids) require(id >= 0, "ids from 0");
  std::vector<std::int32_t> ids;
  loaded.tokenizer.append_input_ids("[CLS] Hello, a b [MASK] \xE4\xB8\xAD.", {}, ids);
  require(ids == encoding.input_ids, "the same ids the fast way");
});

}  // namespace
}  // namespace semblance::fuzz
