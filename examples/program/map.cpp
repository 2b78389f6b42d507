#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "commands.h"
#include "corpus.h"
#include "json_text.h"
#include "map_page.h"
#include "model_options.h"
#include "number_check.h"
#include "output_file.h"
#include "semblance/core/thread_pool.h"
#include "semblance/pooling/whitening.h"
#include "semblance/search/community_detection.h"
#include "utf8_text.h"

namespace program {

namespace {

// [2, num_rows]: the rows on the plane of their two principal components (Pearson 1901), the first
// across. A direction in which they do not differ is 0.
std::vector<float> principal_plane(semblance::MatrixView<const float> rows,
                                   semblance::Executor& executor) {
  std::vector<float> plane(2 * rows.rows);
  if (rows.rows < 2) return plane;
  semblance::WhiteningFit fit(rows.cols);
  fit.add(rows, &executor);
  std::unique_ptr<semblance::Whitening> whitening;
  try {
    whitening = std::make_unique<semblance::Whitening>(fit.fit());
  } catch (const std::invalid_argument&) {
    return plane;  // all are equal
  }
  const std::size_t directions = std::min<std::size_t>(whitening->dimensions(), 2);
  const auto kernel = whitening->truncated(directions);
  const auto whitened = kernel.apply(rows, &executor);
  for (std::size_t d = 0; d < directions; ++d) {
    // A column of the kernel is a unit direction over the deviation along it: that is put back.
    double squares = 0;
    for (std::size_t i = 0; i < rows.cols; ++i) {
      const double value = kernel.kernel()[i * directions + d];
      squares += value * value;
    }
    const double deviation = 1.0 / std::sqrt(squares);
    for (std::size_t r = 0; r < rows.rows; ++r) {
      plane[d * rows.rows + r] =
          static_cast<float>(static_cast<double>(whitened.matrix().row(r)[d]) * deviation);
    }
  }
  return plane;
}

// A JSON string that may stand inside a page's <script>; ill-formed UTF-8 reads as U+FFFD.
void append_script_string(std::string& out, std::string_view text) {
  std::string json;
  append_json_string(json, repaired_utf8(text));
  for (const char c : json) {
    c == '<' ? (void)(out += "\\u003c") : (void)(out += c);
  }
}

struct Map {
  ModelOptions model;
  std::string input;
  std::string output;
  semblance::CommunityDetectionOptions options{.threshold = 0.75f, .min_community_size = 5};

  void run() const {
    refuse_input_as_output(input, output);
    OutputFile file(output);
    const Corpus corpus = encode_corpus(model, input);
    semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
    auto with_threads = options;
    with_threads.executor = &team;
    const auto clusters = semblance::community_detection(corpus.vectors(), with_threads);
    const auto plane = principal_plane(corpus.vectors(), team);
    const std::size_t num_texts = corpus.texts.size();

    std::vector<std::size_t> cluster_of(num_texts, 0);  // 0 is none
    for (std::size_t c = 0; c < clusters.size(); ++c) {
      for (const std::size_t row : clusters[c]) cluster_of[row] = c + 1;
    }
    // {x, y, cluster, text: a value a text each; centres: the row at the centre of each cluster}
    std::string data = "{\"x\":";
    const auto number = [](std::string& o, auto value) { append_number(o, value); };
    const auto across = std::span(plane).first(num_texts);
    const auto upwards = std::span(plane).subspan(num_texts);
    append_json_list(data, across, number);
    data += ",\n\"y\":";
    append_json_list(data, upwards, number);
    data += ",\n\"cluster\":";
    append_json_list(data, cluster_of, number);
    data += ",\n\"centres\":";
    append_json_list(data, clusters, [&](std::string& o, const auto& members) {
      append_number(o, members.front());
    });
    data += ",\n\"text\":";
    append_json_list(data, corpus.texts, [](std::string& o, const std::string& text) {
      append_script_string(o, text);
    });
    data += '}';

    const std::string_view page = kMapPage;
    constexpr std::string_view kPlace = "@DATA@";
    const std::size_t at = page.find(kPlace);
    file.write(page.substr(0, at));
    file.write(data);
    file.write(page.substr(at + kPlace.size()));
    file.commit();
  }
};

}  // namespace

void add_map(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "map",
      "A page that shows a file's texts as points: near where they are alike, coloured by cluster");
  const auto map = std::make_shared<Map>();
  map->model.add_all(*command);
  command->add_option("--input", map->input, "Texts, one a line; - is standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--output", map->output, "The page, HTML")->required()->type_name("FILE");
  command
      ->add_option("--threshold", map->options.threshold,
                   "Least cosine with the text at the centre of a cluster")
      ->check(number_between(-1, 1))
      ->capture_default_str()
      ->type_name("S");
  command->add_option("--min-size", map->options.min_community_size, "Texts of a cluster at least")
      ->check(kPositive)
      ->capture_default_str()
      ->type_name("N");
  command->callback([map] { map->run(); });
}

}  // namespace program
