#include <map>
#include <memory>
#include <optional>
#include <string>

#include "commands.h"
#include "model_options.h"
#include "output_file.h"
#include "progress_bar.h"
#include "semblance/semblance.h"
#include "text_input.h"
#include "vector_output.h"
#include "whitening_option.h"

namespace program {

namespace {

const std::map<std::string, VectorFormat> kVectorFormats = {
    {"npy", VectorFormat::npy}, {"jsonl", VectorFormat::jsonl}, {"tsv", VectorFormat::tsv}};

struct Encode {
  ModelOptions model;
  std::string input;
  std::string output;
  std::string input_format;
  std::string format;
  std::string whitening;

  TextFormat text_format() const {
    if (!input_format.empty()) {
      return input_format == "jsonl" ? TextFormat::jsonl : TextFormat::text;
    }
    return input.ends_with(".jsonl") ? TextFormat::jsonl : TextFormat::text;
  }

  VectorFormat vector_format() const {
    for (const auto& [name, value] : kVectorFormats) {
      if (format.empty() ? output.ends_with("." + name) : format == name) return value;
    }
    throw CLI::ValidationError("--format: needed, since \"" + output +
                               "\" ends in none of .npy, .jsonl, .tsv");
  }

  void run() const {
    const VectorFormat vectors = vector_format();
    TextReader reader(input, text_format());
    const auto encoder = semblance::SentenceEncoder::load(model.model, model.load_options());
    auto options = model.encode_options();
    std::optional<semblance::Whitening> saved;
    if (!whitening.empty()) {
      saved = load_whitening_for(encoder, options, whitening);
      options.whitening = &*saved;
    }
    OutputFile file(output);
    ProgressBar bar;
    std::size_t num_done = 0;
    std::optional<VectorWriter> writer;
    for (;;) {
      const auto texts = reader.next();
      const auto fraction = reader.lines().fraction();
      options.progress = [&](std::size_t done, std::size_t) {
        bar.update(num_done + done, fraction);
      };
      const auto embeddings = encoder.encode(texts, options);
      if (!writer) writer.emplace(file, vectors, embeddings.dim);
      for (std::size_t i = 0; i < embeddings.num_texts; ++i) writer->write(embeddings[i]);
      if (texts.empty()) break;
      num_done += texts.size();
      if (!reader.lines().ready()) file.flush();
    }
    writer->finish();
    file.commit();
  }
};

}  // namespace

void add_encode(CLI::App& parser) {
  auto* command = parser.add_subcommand("encode", "The vectors of many texts");
  const auto encode = std::make_shared<Encode>();
  encode->model.add_all(*command);
  command->add_option("--input", encode->input, "Texts, one a line; - is standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--output", encode->output, "Vectors, one a text; - is standard output")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--input-format", encode->input_format,
                   "text, or jsonl: a string or an object with \"text\" a line (default: by name)")
      ->check(CLI::IsMember({"text", "jsonl"}))
      ->type_name("F");
  command->add_option("--whitening", encode->whitening, "A saved whitening, applied to raw vectors")
      ->type_name("FILE");
  command->add_option("--format", encode->format, "npy, jsonl or tsv (default: by name)")
      ->check(CLI::IsMember({"npy", "jsonl", "tsv"}))
      ->type_name("F");
  command->callback([encode] { encode->run(); });
}

}  // namespace program
