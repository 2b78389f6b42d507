#include <memory>
#include <string>

#include "commands.h"
#include "load_encoder.h"
#include "model_options.h"
#include "number_check.h"
#include "output_file.h"
#include "progress_bar.h"
#include "semblance/core/thread_pool.h"
#include "semblance/pooling/whitening.h"
#include "semblance/pooling/whitening_file.h"
#include "semblance/semblance.h"
#include "signals.h"
#include "text_input.h"

namespace program {

namespace {

struct Whiten {
  ModelOptions model;
  std::string input;
  std::string output;
  std::size_t dim = 0;

  void run() const {
    if (output == "-") throw CLI::ValidationError("--output: a whitening goes to a file, not to -");
    refuse_input_as_output(input, output);
    const std::string file = resolved(output);
    { const semblance::OutputFile refuses_now_what_could_not_be_written_later(file); }
    TextReader reader(input, format_of(input));
    const auto encoder = load_encoder(model);
    auto options = model.encode_options();
    options.normalize = false;
    semblance::WhiteningFit fit(encoder.output_dim(options));
    {
      ProgressBar bar;
      for (auto texts = reader.next(); !texts.empty(); texts = reader.next()) {
        options.progress = [&, fraction = reader.lines().fraction()](std::size_t done,
                                                                     std::size_t) {
          bar.update(fit.num_rows() + done, fraction);
        };
        const auto embeddings = encoder.encode(texts, options);
        semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
        fit.add(embeddings, &team);
      }
    }
    const semblance::Whitening whitening = fit.fit(dim);
    const DeferredSignals until_saved;
    semblance::save_whitening(whitening, file);
  }
};

}  // namespace

void add_whiten(CLI::App& parser) {
  auto* command =
      parser.add_subcommand("whiten", "Fit a whitening on the raw pooled vectors of many texts");
  const auto whiten = std::make_shared<Whiten>();
  whiten->model.add_encoder(*command);
  command->add_option("--input", whiten->input, "Texts, one a line; - is standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--dim", whiten->dim, "Dimensions to keep; 0 keeps all")
      ->check(kNotNegative)
      ->capture_default_str()
      ->type_name("K");
  command->add_option("--output", whiten->output, "The whitening, as safetensors")
      ->required()
      ->type_name("FILE");
  command->callback([whiten] { whiten->run(); });
}

}  // namespace program
