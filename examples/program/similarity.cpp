#include <cstdio>
#include <memory>
#include <string>

#include "commands.h"
#include "load_encoder.h"
#include "model_options.h"
#include "output_file.h"
#include "semblance/semblance.h"

namespace program {

namespace {

struct Similarity {
  ModelOptions model;
  std::string a;
  std::string b;

  void run() const {
    const auto encoder = load_encoder(model);
    const auto options = model.encode_options();
    const float cosine =
        semblance::cosine_similarity(encoder.encode(a, options), encoder.encode(b, options));
    char line[32];
    std::snprintf(line, sizeof line, "%.6f\n", static_cast<double>(cosine));
    OutputFile output("-");
    output.write(line);
    output.commit();
  }
};

}  // namespace

void add_similarity(CLI::App& parser) {
  auto* command = parser.add_subcommand("similarity", "The cosine of two texts");
  const auto similarity = std::make_shared<Similarity>();
  similarity->model.add_all(*command);
  command->add_option("A", similarity->a, "A text; after -- it may begin with a dash")->required();
  command->add_option("B", similarity->b, "Another")->required();
  command->callback([similarity] { similarity->run(); });
}

}  // namespace program
