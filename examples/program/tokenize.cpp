#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "commands.h"
#include "json_text.h"
#include "load_encoder.h"
#include "output_file.h"
#include "semblance/io/json.h"
#include "semblance/io/tokenizer_files.h"
#include "semblance/semblance.h"
#include "semblance/text/bert_tokenizer.h"
#include "text_input.h"

namespace program {

namespace {

struct Source {
  std::shared_ptr<const semblance::BertTokenizer> tokenizer;
  std::optional<std::size_t> max_length;  // what no line may exceed
};

struct Tokenize {
  std::string model;
  std::string dictionary;
  std::string vocab;
  bool no_do_lower_case = false;
  std::string strip_accents;
  bool no_tokenize_chinese_chars = false;

  Source open() const {
    if (vocab.empty()) {
      const auto encoder = std::make_shared<const semblance::SentenceEncoder>(
          load_encoder(model, {.allow_non_finite = true, .dictionary = dictionary}));
      return {{encoder, &encoder->tokenizer()}, encoder->max_length()};
    }
    semblance::BertNormalizerOptions options;
    options.lowercase = !no_do_lower_case;
    options.handle_chinese_chars = !no_tokenize_chinese_chars;
    if (!strip_accents.empty()) options.strip_accents = strip_accents == "true";
    return {std::make_shared<const semblance::BertTokenizer>(
                semblance::load_tokenizer_from_vocab(vocab, options)),
            std::nullopt};
  }

  void run() const {
    const Source source = open();
    LineReader lines("-");
    OutputFile output("-");
    std::string answer;
    while (const auto line = lines.next()) {
      const auto document = semblance::JsonDocument::parse(*line, lines.position());
      const semblance::Encoding encoding = encode(source, document.root(), lines);
      answer.clear();
      append(encoding, answer);
      output.write(answer);
      if (!lines.ready()) output.flush();
    }
    output.commit();
  }

  static semblance::Encoding encode(const Source& source, const semblance::JsonValue& line,
                                    const LineReader& lines) {
    const std::string text = line.require_string("text");
    const auto pair = line.optional_string("pair");
    semblance::TokenizeOptions options{
        .max_length = line.optional_size("max_length", 1, SIZE_MAX),
        .add_special_tokens = line.optional_boolean("add_special_tokens").value_or(true)};
    if (source.max_length && options.max_length.value_or(SIZE_MAX) > *source.max_length) {
      options.max_length = source.max_length;
    }
    try {
      return pair ? source.tokenizer->encode(text, *pair, options)
                  : source.tokenizer->encode(text, options);
    } catch (const std::invalid_argument& error) {
      throw semblance::Error(lines.position() + ": " + error.what());
    }
  }

  static void append(const semblance::Encoding& encoding, std::string& out) {
    out += "{\"input_ids\":";
    append_json_numbers(out, encoding.input_ids);
    out += ",\"token_type_ids\":";
    append_json_numbers(out, encoding.token_type_ids);
    out += ",\"attention_mask\":";
    append_json_numbers(out, encoding.attention_mask);
    out += ",\"tokens\":";
    append_json_list(out, encoding.tokens, append_json_string);
    out += ",\"offsets\":";
    append_json_list(out, encoding.offsets, [](std::string& o, const semblance::Offset& offset) {
      append_json_numbers(o, std::array{offset.begin, offset.end});
    });
    out += encoding.truncated ? ",\"truncated\":true}\n" : ",\"truncated\":false}\n";
  }
};

}  // namespace

void add_tokenize(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "tokenize", "Ids, pieces and offsets: JSON lines from standard input to standard output");
  command->footer(
      "A line in: {\"text\": ..., \"pair\": ..., \"max_length\": ..., \"add_special_tokens\": "
      "...}, "
      "all but text optional.");
  const auto tokenize = std::make_shared<Tokenize>();
  auto* source = command->add_option_group("source", "Where the tokenizer comes from");
  source->require_option(0, 1);
  auto* model =
      source
          ->add_option("--model", tokenize->model,
                       "Folder of the model, whose limit on length holds; without it and\n"
                       "--vocab, the one built in")
          ->type_name("DIR");
  auto* vocab =
      source->add_option("--vocab", tokenize->vocab, "A vocab.txt, without a limit on length")
          ->type_name("FILE");
  for (auto* flag :
       {command->add_flag("--no-do-lower-case", tokenize->no_do_lower_case, "Keep the case"),
        command
            ->add_option("--strip-accents", tokenize->strip_accents,
                         "Default: where the case goes, accents go")
            ->check(CLI::IsMember({"true", "false"}))
            ->type_name("true|false"),
        command->add_flag("--no-tokenize-chinese-chars", tokenize->no_tokenize_chinese_chars,
                          "Do not set CJK characters apart")}) {
    flag->needs(vocab)->excludes(model);
  }
  command
      ->add_option("--dictionary", tokenize->dictionary,
                   "Words in jieba's format, for a RoFormerTokenizer to split texts with")
      ->type_name("FILE")
      ->needs(model);
  command->callback([tokenize] { tokenize->run(); });
}

}  // namespace program
