// A sentence-transformers folder: modules.json, the modules' own configurations and the options.

#include "fuzz/folder.h"
#include "fuzz/target.h"
#include "semblance/io/sentence_transformers_files.h"

namespace semblance::fuzz {
namespace {

constexpr std::string_view kNames[] = {
    "modules.json",          "sentence_bert_config.json", "config_sentence_transformers.json",
    "1_Pooling/config.json", "2_Dense/config.json",       "3_Normalize/config.json"};

const Registration kTarget("modules", [](std::string_view bytes) {
  static const Folder folder(kNames);
  folder.fill(bytes);
  const auto config = read_sentence_transformers_config(ModelFolder(folder.path()));
  if (!config) return;
  require(!config->modules.empty(), "a pooling at least");
  require(stays_inside_folder(config->transformer_folder), "a folder inside the folder");
});

}  // namespace
}  // namespace semblance::fuzz
