#include <memory>
#include <string>

#include "commands.h"
#include "corpus.h"
#include "model_options.h"
#include "number_check.h"
#include "one_line.h"
#include "output_file.h"
#include "semblance/core/thread_pool.h"
#include "semblance/search/community_detection.h"

namespace program {

namespace {

struct Cluster {
  ModelOptions model;
  std::string input;
  semblance::CommunityDetectionOptions options;

  void run() const {
    const Corpus corpus = encode_corpus(model, input);
    semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
    auto with_threads = options;
    with_threads.executor = &team;
    const auto communities = semblance::community_detection(corpus.vectors(), with_threads);
    OutputFile output("-");
    for (std::size_t i = 0; i < communities.size(); ++i) {
      for (const std::size_t row : communities[i]) {
        output.write(std::to_string(i + 1) + '\t' + std::to_string(row + 1) + '\t' +
                     one_line(corpus.texts[row]) + '\n');
      }
    }
    output.commit();
  }
};

}  // namespace

void add_cluster(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "cluster",
      "Groups of a file's texts around a central one, largest first: group, line number, text");
  const auto cluster = std::make_shared<Cluster>();
  cluster->model.add_all(*command);
  command->add_option("--input", cluster->input, "Texts, one a line; - is standard input")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--threshold", cluster->options.threshold,
                   "Least cosine with the central text, which comes first in its group")
      ->check(number_between(-1, 1))
      ->capture_default_str()
      ->type_name("S");
  command
      ->add_option("--min-size", cluster->options.min_community_size, "Texts of a group at least")
      ->check(kPositive)
      ->capture_default_str()
      ->type_name("N");
  command->callback([cluster] { cluster->run(); });
}

}  // namespace program
