#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "load_encoder.h"
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
  bool resume = false;

  TextFormat text_format() const {
    if (!input_format.empty()) {
      return input_format == "jsonl" ? TextFormat::jsonl : TextFormat::text;
    }
    return format_of(input);
  }

  VectorFormat vector_format() const {
    for (const auto& [name, value] : kVectorFormats) {
      if (format.empty() ? output.ends_with("." + name) : format == name) return value;
    }
    throw CLI::ValidationError("--format: needed, since \"" + output +
                               "\" ends in none of .npy, .jsonl, .tsv");
  }

  // Leaves out the texts whose vectors are there already, `num_done` of `begun` being behind.
  // The first and the last of them are encoded again, to see that they are these texts' vectors.
  static std::size_t skip(std::vector<std::string>& texts, std::size_t num_done, std::size_t begun,
                          const semblance::SentenceEncoder& encoder,
                          const semblance::EncodeOptions& options, VectorWriter& writer) {
    const std::size_t count = std::min(begun - num_done, texts.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = num_done + i;
      if (index != 0 && index + 1 != begun) continue;
      writer.check(index, encoder.encode(texts[i], options));
    }
    texts.erase(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }

  void run() const {
    const VectorFormat vectors = vector_format();
    if (resume && output == "-") throw CLI::ValidationError("--resume: needs --output FILE");
    refuse_input_as_output(input, output);
    if (resume) refuse_input_as_output(input, part_of(output));
    TextReader reader(input, text_format());
    const auto encoder = load_encoder(model);
    auto options = model.encode_options();
    std::optional<semblance::Whitening> saved;
    if (!whitening.empty()) {
      saved = load_whitening_for(encoder, options, whitening);
      options.whitening = &*saved;
    }
    OutputFile file(output, resume);
    ProgressBar bar;
    VectorWriter writer(file, vectors, encoder.output_dim(options));
    const std::size_t begun = resume ? writer.resume() : 0;
    std::size_t num_done = 0;
    for (;;) {
      auto texts = reader.next();
      if (texts.empty()) break;
      if (num_done < begun) {
        num_done += skip(texts, num_done, begun, encoder, options, writer);
        if (texts.empty()) continue;
      }
      const auto fraction = reader.lines().fraction();
      options.progress = [&](std::size_t done, std::size_t) {
        bar.update(num_done + done, fraction);
      };
      const auto embeddings = encoder.encode(texts, options);
      for (std::size_t i = 0; i < embeddings.num_texts; ++i) writer.write(embeddings[i]);
      num_done += texts.size();
      if (!reader.lines().ready()) file.flush();
    }
    if (num_done < begun) {
      throw semblance::FormatError(file.name(), "",
                                   "at most a vector a text, " + std::to_string(num_done),
                                   std::to_string(begun) + "; remove the file to begin again");
    }
    writer.finish();
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
  command->add_flag("--resume", encode->resume,
                    "Keep what is done in FILE.part when ended early, and go on from there");
  command->callback([encode] { encode->run(); });
}

}  // namespace program
