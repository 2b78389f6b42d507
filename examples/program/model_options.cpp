#include "model_options.h"

#include <vector>

#include "number_check.h"
#include "semblance/pooling/pooling.h"
#include "semblance/tensor/precision.h"

namespace program {

void ModelOptions::add_model(CLI::App& command) {
  command.add_option("--model", model, "Folder of the model; without it, the one built in")
      ->type_name("DIR");
  command
      .add_option("--dictionary", dictionary,
                  "Words in jieba's format, for a RoFormerTokenizer to split texts with")
      ->type_name("FILE");
  command.add_flag("--allow-non-finite", allow_non_finite,
                   "Take weights that hold NaN or infinity");
  std::vector<std::string> precisions;
  for (const auto choice : semblance::kAllPrecisions) precisions.emplace_back(name_of(choice));
  command
      .add_option("--precision", precision,
                  "What to keep and multiply the layers' weights in; default: as the folder is")
      ->check(CLI::IsMember(precisions))
      ->type_name("P");
}

void ModelOptions::add_pooling(CLI::App& command) {
  std::vector<std::string> poolings;
  for (const auto& entry : semblance::kPoolingNames) poolings.emplace_back(entry.name);
  command.add_option("--pooling", pooling, "Instead of the folder's pooling and what follows it")
      ->check(CLI::IsMember(poolings))
      ->type_name("P");
  command.add_flag(
      "--no-modules", no_modules,
      "Leave modules.json aside: the bare encoder, cls unless --pooling says otherwise");
}

void ModelOptions::add_packed_cache(CLI::App& command) {
  command
      .add_option("--packed-cache", packed_cache,
                  "Keeps the packed weights here for the next start; processes share it")
      ->type_name("FILE");
}

void ModelOptions::add_encoder(CLI::App& command) {
  add_model(command);
  add_pooling(command);
  command.add_option("--max-length", max_length, "Most tokens of a text, [CLS] and [SEP] included")
      ->check(kPositive)
      ->type_name("N");
  command.add_option("--batch-size", batch_size, "Texts that go through the encoder at once")
      ->check(kPositive)
      ->capture_default_str()
      ->type_name("N");
  command.add_option("--threads", threads, "Default: one a core")->check(kPositive)->type_name("N");
  add_packed_cache(command);
  auto* by_name =
      command.add_option("--prompt-name", prompt_name, "A prompt of the folder")->type_name("NAME");
  auto* by_text = command.add_option("--prompt", prompt, "Text to put in front of every text")
                      ->type_name("TEXT");
  by_name->excludes(by_text);
}

void ModelOptions::add_all(CLI::App& command) {
  add_encoder(command);
  auto* on = command.add_flag("--normalize", normalize, "Vectors of length 1");
  auto* off = command.add_flag("--no-normalize", no_normalize, "Vectors as they come");
  on->excludes(off);
  command.add_option("--dim", dim, "Keep the first N dimensions")->check(kPositive)->type_name("N");
}

void ModelOptions::refuse_empty_names(CLI::App& command) {
  const CLI::Validator named(
      [](const std::string& name) { return name.empty() ? "expected a name, found \"\"" : ""; },
      "");
  for (CLI::Option* option : command.get_options()) {
    const std::string type = option->get_type_name();
    const bool is_name = type.ends_with("FILE") || type.ends_with("DIR") || type == "HOST";
    if (is_name) option->check(named);
  }
  for (CLI::App* subcommand : command.get_subcommands({})) refuse_empty_names(*subcommand);
}

semblance::LoadOptions ModelOptions::load_options() const {
  return {.use_modules = !no_modules,
          .allow_non_finite = allow_non_finite,
          .num_threads = threads,
          .precision = semblance::precision_of(precision),
          .packed_cache = packed_cache,
          .dictionary = dictionary};
}

semblance::EncodeOptions ModelOptions::encode_options() const {
  semblance::EncodeOptions options{.batch_size = batch_size,
                                   .pooling = semblance::pooling_of(pooling),
                                   .max_length = max_length,
                                   .dim = dim,
                                   .prompt = prompt,
                                   .prompt_name = prompt_name,
                                   .num_threads = threads};
  if (normalize || no_normalize) options.normalize = normalize;
  return options;
}

}  // namespace program
