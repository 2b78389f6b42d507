#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "commands.h"
#include "load_encoder.h"
#include "model_options.h"
#include "number_check.h"
#include "one_line.h"
#include "output_file.h"
#include "progress_bar.h"
#include "semblance/search/top_k.h"
#include "semblance/semblance.h"
#include "text_input.h"

namespace program {

namespace {

struct Search {
  ModelOptions model;
  std::string corpus;
  std::string query;
  std::optional<std::string> corpus_prompt_name;
  std::optional<std::string> corpus_prompt;
  std::size_t top_k = 10;

  void run() const {
    TextReader reader(corpus, format_of(corpus));
    const auto encoder = load_encoder(model);
    auto options = model.encode_options();
    options.task = semblance::Task::query;
    const auto query_embedding = encoder.encode(query, options);
    options.prompt = corpus_prompt;
    options.prompt_name = corpus_prompt_name;
    options.task = semblance::Task::document;

    semblance::TopKSearch search(query_embedding.view(), top_k);
    std::map<std::size_t, std::string> best_texts;  // by row
    {
      ProgressBar bar;
      for (;;) {
        auto texts = reader.next();
        if (texts.empty()) break;
        const std::size_t first_row = search.num_rows();
        options.progress = [&, fraction = reader.lines().fraction()](std::size_t done,
                                                                     std::size_t) {
          bar.update(first_row + done, fraction);
        };
        search.add_rows(encoder.encode(texts, options));
        std::map<std::size_t, std::string> kept;
        const auto results = search.results();
        for (const auto& hit : results.front()) {
          std::string& text =
              hit.row < first_row ? best_texts[hit.row] : texts[hit.row - first_row];
          kept[hit.row] = std::move(text);
        }
        best_texts = std::move(kept);
      }
    }

    OutputFile output("-");
    const auto results = search.results();
    for (const auto& hit : results.front()) {
      char score[32];
      std::snprintf(score, sizeof score, "%.6f", static_cast<double>(hit.score));
      output.write(std::string(score) + '\t' + std::to_string(hit.row + 1) + '\t' +
                   one_line(best_texts[hit.row]) + '\n');
    }
    output.commit();
  }
};

}  // namespace

void add_search(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "search", "The texts of a file nearest to a query: cosine, line number, text");
  const auto search = std::make_shared<Search>();
  search->model.add_all(*command);
  command->add_option("--corpus", search->corpus, "Texts, one a line; - is standard input")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--query", search->query,
                   "What to look for; --prompt and --prompt-name are for it, by default the "
                   "folder's \"query\"")
      ->required()
      ->type_name("TEXT");
  auto* by_name = command
                      ->add_option("--corpus-prompt-name", search->corpus_prompt_name,
                                   "A prompt of the folder for the corpus; default: \"document\"")
                      ->type_name("NAME");
  auto* by_text = command
                      ->add_option("--corpus-prompt", search->corpus_prompt,
                                   "Text to put in front of every text of the corpus")
                      ->type_name("TEXT");
  by_name->excludes(by_text);
  command->add_option("--top-k", search->top_k, "How many")
      ->check(kPositive)
      ->capture_default_str()
      ->type_name("K");
  command->callback([search] { search->run(); });
}

}  // namespace program
