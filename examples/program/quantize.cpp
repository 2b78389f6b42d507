#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "commands.h"
#include "model_options.h"
#include "number_check.h"
#include "one_line.h"
#include "output_file.h"
#include "score_input.h"
#include "semblance/core/thread_pool.h"
#include "semblance/evaluation/evaluator.h"
#include "semblance/evaluation/score_file.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/sentence_transformers_files.h"
#include "semblance/io/weight_files.h"
#include "semblance/models/quantize_weights.h"
#include "semblance/semblance.h"
#include "signals.h"

namespace program {

namespace {

namespace fs = std::filesystem;

// The encoder's weights in any form; the quantized file takes their place.
bool holds_weights(const std::string& name) {
  constexpr std::array<std::string_view, 12> kEndings = {
      ".safetensors", ".bin",  ".index.json", ".h5",   ".msgpack", ".ot",
      ".onnx",        ".gguf", ".pt",         ".ckpt", ".pb",      ".onnx_data"};
  for (const std::string_view ending : kEndings) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

[[noreturn]] void fail(const fs::path& path, const char* expected, const std::error_code& error) {
  throw semblance::FileError(path.string(), "", expected, error.message());
}

// The files of one folder, without those below it, unless `leave_out` says otherwise. Throws
// semblance::FileError for a link that leads out of the folder too.
template <class LeaveOut>
void copy_files(const semblance::ModelFolder& from, const fs::path& to, LeaveOut&& leave_out) {
  std::error_code error;
  fs::create_directories(to, error);
  if (error) fail(to, "a folder to write to", error);
  fs::directory_iterator entries(from.path(), error);
  if (error) fail(from.path(), "a readable folder", error);
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(error) || leave_out(name)) continue;
    fs::copy_file(from.require(name).path(), to / name, fs::copy_options::overwrite_existing,
                  error);
    if (error) fail(to / name, "a file to write", error);
  }
}

std::string relative_error_text(const semblance::QuantizedMatrix& matrix) {
  char text[64];
  std::snprintf(text, sizeof text, "%-8s %.5f",
                matrix.bits == 0   ? "kept"
                : matrix.bits == 4 ? "4 bits"
                                   : "8 bits",
                matrix.relative_error);
  return text;
}

// A folder beside the one that it becomes, or where that is there, inside; gone unless it is
// committed.
class UnfinishedFolder {
 public:
  // The target is new or an empty folder, perhaps a mount point.
  explicit UnfinishedFolder(const fs::path& target) : target_(target) {
    const std::string mark = ".part-" + std::to_string(::getpid());
    is_inside_ = fs::exists(target_);
    if (is_inside_) {
      path_ = target_ / mark;
    } else {
      while (!target_.has_filename() || target_.filename() == ".") target_ = target_.parent_path();
      path_ = target_;
      path_ += mark;
    }
    for (fs::path above = path_.parent_path(); !above.empty() && !fs::exists(above);
         above = above.parent_path()) {
      new_parents_.push_back(above);
    }
  }
  UnfinishedFolder(const UnfinishedFolder&) = delete;
  UnfinishedFolder& operator=(const UnfinishedFolder&) = delete;
  ~UnfinishedFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    // Not removed where they hold what was committed.
    for (const fs::path& parent : new_parents_) fs::remove(parent, ignored);
  }

  const fs::path& path() const noexcept { return path_; }
  void commit() const {
    if (!is_inside_) return move(path_, target_);
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(path_)) entries.push_back(entry.path());
    // Without these there is no model to load yet.
    std::stable_partition(entries.begin(), entries.end(), [](const fs::path& entry) {
      return entry.filename() != "config.json" && entry.filename() != "modules.json";
    });
    for (const fs::path& entry : entries) move(entry, target_ / entry.filename());
  }

 private:
  static void move(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) fail(to, "a free name", error);
  }

  bool is_inside_ = false;
  fs::path target_;
  fs::path path_;
  std::vector<fs::path> new_parents_;  // those that are made for path_, the innermost first
};

struct Quantize {
  ModelOptions model;
  std::string output;
  int bits = 8;
  double keep_above = 0;
  bool report = false;
  std::vector<std::string> scores;

  void run() const {
    std::vector<std::vector<semblance::ScoredPair>> pairs;
    for (const auto& file : scores) pairs.push_back(read_differing_scores(file));
    const semblance::ModelFolder folder(model.model);
    const auto settings = semblance::read_sentence_transformers_config(folder);
    const std::string transformer = settings ? settings->transformer_folder : std::string();
    std::error_code error;
    if (!fs::exists(output, error) && fs::is_symlink(fs::symlink_status(output, error))) {
      throw semblance::FileError(output, "", "a folder that is new or empty", "a link to nothing");
    }
    if (fs::exists(output, error)) {
      const bool is_folder = fs::is_directory(output, error);
      if (!is_folder || !fs::is_empty(output, error)) {
        throw semblance::FileError(output, "", "a folder that is new or empty",
                                   is_folder ? "one with files" : "something else");
      }
    }
    // Refuses what could not be loaded afterwards, before anything is written.
    const auto original = semblance::SentenceEncoder::load(model.model, model.load_options());

    const DeferredSignals signals;
    const UnfinishedFolder unfinished(output);
    const fs::path& to = unfinished.path();
    copy_files(folder, to, holds_weights);
    if (!transformer.empty()) {
      copy_files(folder.subfolder(transformer), to / transformer, holds_weights);
    }
    if (settings) copy_modules(transformer, folder, to);
    mark_config(to / transformer / "config.json");

    semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
    semblance::QuantizeOptions options{.bits = bits, .stop_token = signals.stop_token()};
    if (keep_above > 0) options.keep_above = keep_above;
    const auto weights = semblance::WeightFiles::open(folder.subfolder(transformer));
    const auto matrices = semblance::quantize_weights(
        weights, (to / transformer / "model.safetensors").string(), options, team);

    OutputFile out("-");
    for (const auto& matrix : matrices) {
      if (report) out.write(relative_error_text(matrix) + "  " + matrix.key + '\n');
    }
    if (!scores.empty()) {
      const auto quantized = semblance::SentenceEncoder::load(to.string(), model.load_options());
      for (std::size_t i = 0; i < scores.size(); ++i) {
        out.write(compare(scores[i], pairs[i], original, quantized, signals.stop_token()));
      }
    }
    unfinished.commit();
    out.commit();
  }

 private:
  // Pooling, Dense and the rest stay as they are; which folders have them says modules.json.
  static void copy_modules(const std::string& transformer, const semblance::ModelFolder& from,
                           const fs::path& to) {
    std::ifstream in(from.require("modules.json").path());
    const auto modules = nlohmann::json::parse(in);
    for (const auto& module : modules) {
      const std::string path = module.value("path", "");
      // A module without options, such as Normalize, may have no folder.
      if (path.empty() || path == transformer || !from.find(path)) continue;
      copy_files(from.subfolder(path), to / path, [](const std::string&) { return false; });
    }
  }

  // So that readers which do not know the form refuse the folder.
  static void mark_config(const fs::path& path) {
    nlohmann::ordered_json config;
    {
      std::ifstream in(path);
      in >> config;
    }
    config["quantization_config"] = {{"quant_method", "semblance"}};
    semblance::OutputFile file(path.string());
    file.write(config.dump(2) + '\n');
    file.commit();
  }

  std::string compare(const std::string& file, const std::vector<semblance::ScoredPair>& pairs,
                      const semblance::SentenceEncoder& original,
                      const semblance::SentenceEncoder& quantized,
                      const std::stop_token& stop_token) const {
    const auto distinct = semblance::distinct_sentences(pairs);
    const std::span<const std::string_view> sentences(distinct.sentences);
    auto options = model.encode_options();
    options.stop_token = stop_token;
    const auto before = original.encode(sentences, options);
    const auto after = quantized.encode(sentences, options);
    const auto spearman = [&](const semblance::SentenceEmbeddings& vectors) {
      const auto evaluation = semblance::evaluate_vectors(pairs, distinct, vectors);
      if (!evaluation.spearman) throw undefined_spearman(file, evaluation);
      return 100 * *evaluation.spearman;
    };
    double cosine = 0;
    for (std::size_t i = 0; i < before.num_texts; ++i) {
      cosine += static_cast<double>(semblance::similarity(before[i], after[i]));
    }
    char text[160];
    std::snprintf(text, sizeof text, "Spearman %.2f before, %.2f after; mean cosine %.5f  ",
                  spearman(before), spearman(after),
                  cosine / static_cast<double>(before.num_texts));
    return text + printable(file) + '\n';
  }
};

}  // namespace

void add_quantize(CLI::App& parser) {
  auto* command = parser.add_subcommand(
      "quantize", "Write a model folder whose weights have 8 or 4 bits, to load like any other");
  const auto quantize = std::make_shared<Quantize>();
  command->add_option("--model", quantize->model.model, "Folder of the model")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--dictionary", quantize->model.dictionary,
                   "Words in jieba's format, for a RoFormerTokenizer")
      ->type_name("FILE");
  command->add_option("--output", quantize->output, "The folder to write: new or empty")
      ->required()
      ->type_name("DIR");
  command->add_option("--bits", quantize->bits, "8, or 4 in blocks of 32")
      ->check(CLI::IsMember({8, 4}))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--keep-above", quantize->keep_above,
                   "Leave a matrix as it is where its relative error would be larger")
      ->check(kPositive)
      ->type_name("E");
  command->add_flag("--report", quantize->report, "Print the relative error of each matrix");
  command
      ->add_option("--scores", quantize->scores,
                   "Pairs: sentence1, sentence2 and score with tabs; prints Spearman x100 "
                   "before and after")
      ->type_name("FILE");
  command->add_option("--threads", quantize->model.threads, "Default: one a core")
      ->check(kPositive)
      ->type_name("N");
  command->callback([quantize] { quantize->run(); });
}

}  // namespace program
