#include <cstdio>
#include <memory>
#include <string>

#include "commands.h"
#include "corpus.h"
#include "model_options.h"
#include "number_check.h"
#include "one_line.h"
#include "output_file.h"
#include "semblance/core/thread_pool.h"
#include "semblance/search/paraphrase_mining.h"

namespace program {

namespace {

struct Mine {
  ModelOptions model;
  std::string input;
  std::size_t max_pairs = 100;
  float min_score = -1.0f;

  void run() const {
    const Corpus corpus = encode_corpus(model, input);
    semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
    const auto pairs = semblance::paraphrase_mining(
        corpus.vectors(), {.max_pairs = max_pairs, .min_score = min_score, .executor = &team});
    OutputFile output("-");
    for (const auto& pair : pairs) {
      char score[32];
      std::snprintf(score, sizeof score, "%.6f", static_cast<double>(pair.score));
      output.write(std::string(score) + '\t' + std::to_string(pair.first + 1) + '\t' +
                   std::to_string(pair.second + 1) + '\t' + one_line(corpus.texts[pair.first]) +
                   '\t' + one_line(corpus.texts[pair.second]) + '\n');
    }
    output.commit();
  }
};

}  // namespace

void add_mine(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "mine", "The pairs of a file's texts that are most alike: cosine, line numbers, texts");
  const auto mine = std::make_shared<Mine>();
  mine->model.add_all(*command);
  command->add_option("--input", mine->input, "Texts, one a line; - is standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--max-pairs", mine->max_pairs, "How many")
      ->check(kPositive)
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--min-score", mine->min_score, "Least cosine")
      ->check(number_between(-1, 1))
      ->capture_default_str()
      ->type_name("S");
  command->callback([mine] { mine->run(); });
}

}  // namespace program
