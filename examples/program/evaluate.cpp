#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "json_text.h"
#include "load_encoder.h"
#include "model_options.h"
#include "one_line.h"
#include "output_file.h"
#include "progress_bar.h"
#include "score_input.h"
#include "score_plot.h"
#include "semblance/core/thread_pool.h"
#include "semblance/evaluation/evaluator.h"
#include "semblance/evaluation/threshold.h"
#include "semblance/pooling/whitening.h"
#include "semblance/semblance.h"
#include "utf8_text.h"
#include "whitening_option.h"

namespace program {

namespace {

struct TestSet {
  std::string file;
  std::vector<semblance::ScoredPair> pairs;
};

// Also refuses what could not be evaluated, before the work begins.
TestSet read_test_set(const std::string& file, bool labelled) {
  TestSet set{file, read_differing_scores(file)};
  for (std::size_t i = 0; labelled && i < set.pairs.size(); ++i) {
    if (set.pairs[i].score != 0.0 && set.pairs[i].score != 1.0) {
      std::string found;
      append_number(found, set.pairs[i].score);
      throw semblance::FormatError(file + ": line " + std::to_string(i + 1), "",
                                   "0 or 1 for --threshold", found);
    }
  }
  return set;
}

struct SetResult {
  std::string file;
  semblance::Evaluation evaluation;
  std::optional<semblance::ThresholdCalibration> threshold;
};

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// A name for the head of a column: the file's without folder and ending.
std::string column_name(const std::string& file) {
  std::string name = file.substr(file.find_last_of('/') + 1);
  constexpr std::string_view kEnding = ".tsv";
  if (name.size() > kEnding.size() && name.ends_with(kEnding)) {
    name.resize(name.size() - kEnding.size());
  }
  return printable(name);
}

// One column a set; correlations, accuracy and F1 x100.
std::string as_table(const std::vector<SetResult>& results, double confidence) {
  std::vector<std::vector<std::string>> columns{
      {"", "Spearman", fixed(100 * confidence, 0) + "% from", "to", "Pearson"}};
  const bool with_threshold = results.front().threshold.has_value();
  if (with_threshold) {
    for (const char* row : {"accuracy", "at cosine", "F1", "at cosine"}) {
      columns[0].emplace_back(row);
    }
  }
  for (const char* row : {"pairs", "sentences", "sentences/s"}) columns[0].emplace_back(row);

  const auto percent = [](double value) { return fixed(100 * value, 2); };
  for (const SetResult& result : results) {
    const auto& evaluation = result.evaluation;
    const auto& interval = evaluation.interval;
    auto& column = columns.emplace_back();
    column = {column_name(result.file), percent(*evaluation.spearman),
              interval ? percent(interval->low) : "-", interval ? percent(interval->high) : "-",
              percent(*evaluation.pearson)};
    if (with_threshold) {
      for (const auto& cell :
           {percent(result.threshold->accuracy), fixed(result.threshold->accuracy_threshold, 6),
            percent(result.threshold->f1), fixed(result.threshold->f1_threshold, 6)}) {
        column.push_back(cell);
      }
    }
    column.push_back(std::to_string(evaluation.num_pairs));
    column.push_back(std::to_string(evaluation.num_sentences));
    column.push_back(fixed(evaluation.sentences_per_second(), 0));
  }

  std::string table;
  for (std::size_t row = 0; row < columns[0].size(); ++row) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::size_t width = 0;
      for (const auto& cell : columns[c]) width = std::max(width, display_width(cell));
      const std::string pad(width - display_width(columns[c][row]), ' ');
      table += c == 0 ? columns[c][row] + pad : "  " + pad + columns[c][row];
    }
    table += '\n';
  }
  return table;
}

std::string as_json(const std::vector<SetResult>& results) {
  std::string json = "{\"results\": ";
  append_json_list(json, results, [](std::string& out, const SetResult& result) {
    const auto& evaluation = result.evaluation;
    const auto number = [&](const char* key, std::optional<double> value) {
      out += std::string(", \"") + key + "\": ";
      value ? append_number(out, *value) : (void)(out += "null");
    };
    const auto& interval = evaluation.interval;
    out += "{\"file\": ";
    append_json_string(out, repaired_utf8(result.file));
    out += ", \"pairs\": " + std::to_string(evaluation.num_pairs);
    number("spearman", evaluation.spearman);
    number("pearson", evaluation.pearson);
    number("ci_low", interval ? std::optional(interval->low) : std::nullopt);
    number("ci_high", interval ? std::optional(interval->high) : std::nullopt);
    number("sentences_per_second", evaluation.sentences_per_second());
    if (result.threshold) {
      number("accuracy", result.threshold->accuracy);
      number("accuracy_threshold", result.threshold->accuracy_threshold);
      number("f1", result.threshold->f1);
      number("f1_threshold", result.threshold->f1_threshold);
    }
    out += '}';
  });
  return json + "}\n";
}

std::string as_plot(const std::vector<TestSet>& sets, const std::vector<SetResult>& results) {
  std::vector<ScoredSet> plotted;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    auto& set = plotted.emplace_back();
    set.name = column_name(sets[i].file);
    set.note = "Spearman " + fixed(100 * *results[i].evaluation.spearman, 2);
    for (const auto& pair : sets[i].pairs) set.scores.push_back(pair.score);
    set.cosines = results[i].evaluation.scores;
  }
  return score_plot(plotted);
}

struct Evaluate {
  ModelOptions model;
  std::string whitening;
  std::string plot;
  bool json = false;
  bool threshold = false;
  std::vector<std::string> files;

  // The number of dimensions to whiten each set to, when --whitening is one.
  std::optional<std::size_t> whitening_dimensions() const {
    std::size_t dimensions = 0;
    const char* end = whitening.data() + whitening.size();
    const auto parsed = std::from_chars(whitening.data(), end, dimensions);
    if (whitening.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return dimensions;
  }

  SetResult evaluate(const TestSet& set, const semblance::SentenceEncoder& encoder,
                     const semblance::EncodeOptions& options) const {
    const auto distinct = semblance::distinct_sentences(set.pairs);
    const auto start = std::chrono::steady_clock::now();
    const auto vectors =
        encoder.encode(std::span<const std::string_view>(distinct.sentences), options);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

    SetResult result{.file = set.file, .evaluation = {}, .threshold = {}};
    if (const auto dimensions = whitening_dimensions()) {
      semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
      semblance::WhiteningFit fit(vectors.dim);
      fit.add(vectors, &team);
      auto fitted = fit.fit(*dimensions);
      if (model.dim != 0) fitted = fitted.truncated(model.dim);
      const auto whitened = fitted.apply(vectors, &team);
      result.evaluation = semblance::evaluate_vectors(set.pairs, distinct, whitened.matrix());
    } else {
      result.evaluation = semblance::evaluate_vectors(set.pairs, distinct, vectors);
    }
    result.evaluation.encode_seconds = elapsed.count();
    if (!result.evaluation.spearman || !result.evaluation.pearson) {
      throw undefined_spearman(set.file, result.evaluation);
    }
    if (threshold) {
      std::vector<semblance::LabelledScore> labelled;
      for (std::size_t i = 0; i < set.pairs.size(); ++i) {
        labelled.push_back({result.evaluation.scores[i], set.pairs[i].score == 1.0});
      }
      result.threshold = semblance::calibrate_threshold(labelled);
    }
    return result;
  }

  void run() const {
    std::vector<TestSet> sets;
    for (const auto& file : files) sets.push_back(read_test_set(file, threshold));
    const auto encoder = load_encoder(model);
    auto options = model.encode_options();
    std::optional<semblance::Whitening> saved;
    if (whitening_dimensions()) {
      options.normalize = false;
      options.dim = 0;  // cuts what is whitened
    } else if (!whitening.empty()) {
      saved = load_whitening_for(encoder, options, whitening);
      options.whitening = &*saved;
    }

    std::optional<OutputFile> picture;
    if (!plot.empty()) {
      for (const auto& file : files) refuse_input_as_output(file, plot);
      picture.emplace(plot);
    }

    std::vector<SetResult> results;
    {
      ProgressBar bar;
      std::size_t num_done = 0;
      for (const auto& set : sets) {
        options.progress = [&](std::size_t done, std::size_t total) {
          const double sets_done = static_cast<double>(results.size()) +
                                   static_cast<double>(done) / static_cast<double>(total);
          bar.update(num_done + done, sets_done / static_cast<double>(sets.size()));
        };
        results.push_back(evaluate(set, encoder, options));
        num_done += results.back().evaluation.num_sentences;
      }
    }
    if (picture) {
      picture->write(as_plot(sets, results));
      picture->commit();
    }
    OutputFile output("-");
    output.write(json ? as_json(results)
                      : as_table(results, semblance::BootstrapOptions().confidence));
    output.commit();
  }
};

}  // namespace

void add_evaluate(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "evaluate", "How well cosines agree with people's scores of sentence pairs");
  const auto evaluate = std::make_shared<Evaluate>();
  evaluate->model.add_all(*command);
  command
      ->add_option("--whitening", evaluate->whitening,
                   "A saved whitening, or how many dimensions to keep of one that is fitted on the "
                   "sentences of each set (0: all)")
      ->type_name("K|FILE");
  command->add_flag("--threshold", evaluate->threshold,
                    "Also the cosines above which to call a pair the same, for scores 0 and 1");
  command->add_flag("--json", evaluate->json, "JSON instead of a table; correlations not x100");
  command->add_option("--plot", evaluate->plot, "Also a picture, SVG: score against cosine")
      ->check(CLI::Validator(
          [](const std::string& name) {
            return is_standard_output(name)
                       ? "expected a file beside the table, found \"" + name + '"'
                       : std::string();
          },
          ""))
      ->type_name("FILE");
  command->add_option("FILE", evaluate->files, "Pairs: sentence1, sentence2 and score with tabs")
      ->required()
      ->type_name("");
  command->callback([evaluate] { evaluate->run(); });
}

}  // namespace program
