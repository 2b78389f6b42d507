#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "commands.h"
#include "load_encoder.h"
#include "model_options.h"
#include "one_line.h"
#include "output_file.h"
#include "semblance/core/available_cores.h"
#include "semblance/io/quantized_weights.h"
#include "semblance/io/weight_files.h"
#include "semblance/loaded_model.h"
#include "semblance/semblance.h"
#include "semblance/simd/kernels.h"
#include "semblance/text/bert_tokenizer.h"

namespace program {

namespace {

using Json = nlohmann::ordered_json;

Json describe_weights(const semblance::WeightFiles& weights) {
  Json dtypes = Json::object();
  for (const auto& [dtype, count] : weights.elements_by_dtype()) {
    dtypes[std::string(name_of(dtype))] = count;
  }
  // The codes of a quantized file are parameters, two of 4 bits in a byte; their scales are not.
  std::uint64_t parameters = 0;
  for (const auto name : weights.names()) {
    const auto& tensor = *weights.describe(name);
    const std::uint64_t count = tensor.byte_count() / byte_size(tensor.dtype);
    const bool is_code = weights.contains(tensor.name + std::string(semblance::kScaleSuffix));
    const bool is_scale =
        name.ends_with(semblance::kScaleSuffix) &&
        weights.contains(name.substr(0, name.size() - semblance::kScaleSuffix.size()));
    if (is_code && tensor.dtype == semblance::DType::u8) parameters += 2 * count;
    if (is_code && tensor.dtype == semblance::DType::i8) parameters += count;
    if (is_floating_point(tensor.dtype) && !is_scale) parameters += count;
  }
  return {{"parameters", parameters},
          {"weight_files", weights.files()},
          {"weight_bytes", weights.total_bytes()},
          {"dtypes", dtypes}};
}

Json describe_tokenizer(const semblance::TokenizerConfig& config) {
  const semblance::BertNormalizerOptions& normalizer = config.normalizer;
  return {{"vocabulary", config.vocabulary.size()},
          {"added_tokens", config.added_tokens.size()},
          {"lowercase", normalizer.lowercase || normalizer.lowercase_first},
          {"strip_accents", normalizer.strips_accents()},
          {"clean_text", normalizer.clean_text},
          {"handle_chinese_chars", normalizer.handle_chinese_chars},
          {"unk_token", config.wordpiece.unk_token},
          {"max_input_chars_per_word", config.wordpiece.max_input_chars_per_word}};
}

Json describe(const semblance::SentenceEncoder& encoder) {
  const semblance::LoadedModel& model = encoder.model();
  const semblance::ModelConfig& config = model.config;
  Json info = {{"model", model.folder},
               {"model_type", config.model_type},
               {"architectures", config.architectures},
               {"num_hidden_layers", config.num_hidden_layers},
               {"hidden_size", config.hidden_size},
               {"num_attention_heads", config.num_attention_heads},
               {"head_dim", config.head_dim()},
               {"intermediate_size", config.intermediate_size},
               {"hidden_act", config.hidden_act},
               {"layer_norm_eps", config.layer_norm_eps},
               {"vocab_size", config.vocab_size},
               {"type_vocab_size", config.type_vocab_size},
               {"max_position_embeddings", config.max_position_embeddings}};
  info.update(describe_weights(*model.weights));
  info["tokenizer"] = describe_tokenizer(encoder.tokenizer().config());
  Json poolings = Json::array();
  for (const auto pooling : model.poolings) poolings.push_back(name_of(pooling));
  info["max_length"] = model.max_length;
  info["pooling"] = poolings;
  info["pooling_source"] = model.pooling_source;
  info["dim"] = encoder.output_dim();
  info["normalized"] = model.head.ends_normalized();
  info["similarity_fn_name"] = model.similarity_fn_name;
  info["prompts"] = model.prompts;
  info["default_prompt_name"] = nullptr;
  if (model.default_prompt_name) info["default_prompt_name"] = *model.default_prompt_name;
  info["isa"] = name_of(semblance::simd::kernels().isa);
  info["threads"] = semblance::available_cores();
  return info;
}

// A key and its value a line; what is inside a value stays JSON.
std::string as_text(const Json& info) {
  constexpr std::size_t kColumn = 26;
  std::string text;
  for (const auto& [key, value] : info.items()) {
    text += key + std::string(kColumn - key.size(), ' ');
    text += value.is_string() ? printable(value.get<std::string>())
                              : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    text += '\n';
  }
  return text;
}

struct Info {
  ModelOptions model;
  bool json = false;

  void run() const {
    const auto encoder = load_encoder(model);
    const Json info = describe(encoder);
    OutputFile output("-");
    output.write(json ? info.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'
                      : as_text(info));
    output.commit();
  }
};

}  // namespace

void add_info(CLI::App& parser) {
  auto* command = parser.add_subcommand("info", "What a model folder holds and how it is read");
  const auto info = std::make_shared<Info>();
  info->model.add_model(*command);
  command->add_flag("--json", info->json, "One JSON object");
  command->callback([info] { info->run(); });
}

}  // namespace program
