#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "commands.h"
#include "model_options.h"
#include "output_file.h"
#include "semblance/core/thread_pool.h"
#include "semblance/evaluation/evaluator.h"
#include "semblance/evaluation/score_file.h"
#include "semblance/io/model_folder.h"
#include "semblance/io/sentence_transformers_files.h"
#include "semblance/io/weight_files.h"
#include "semblance/models/quantize_weights.h"
#include "semblance/semblance.h"

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

// The files of one folder, without those below it, unless `leave_out` says otherwise.
template <class LeaveOut>
void copy_files(const fs::path& from, const fs::path& to, LeaveOut&& leave_out) {
  std::error_code error;
  fs::create_directories(to, error);
  if (error) fail(to, "a folder to write to", error);
  fs::directory_iterator entries(from, error);
  if (error) fail(from, "a readable folder", error);
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(error) || leave_out(name)) continue;
    fs::copy_file(entry.path(), to / name, fs::copy_options::overwrite_existing, error);
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

struct Quantize {
  ModelOptions model;
  std::string output;
  int bits = 8;
  double keep_above = 0;
  bool report = false;
  std::vector<std::string> scores;

  void run() const {
    const semblance::ModelFolder folder(model.model);
    const auto settings = semblance::read_sentence_transformers_config(folder);
    const std::string transformer = settings ? settings->transformer_folder : std::string();
    std::error_code error;
    if (fs::exists(output, error) && !fs::is_empty(output, error)) {
      throw semblance::FileError(output, "", "a folder that is new or empty", "one with files");
    }
    // Refuses what could not be loaded afterwards, before anything is written.
    const auto original = semblance::SentenceEncoder::load(model.model, model.load_options());

    const fs::path from(model.model);
    const fs::path to(output);
    copy_files(from, to, holds_weights);
    if (!transformer.empty()) copy_files(from / transformer, to / transformer, holds_weights);
    if (settings) copy_modules(*settings, from, to);
    mark_config(to / transformer / "config.json");

    semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), model.threads);
    semblance::QuantizeOptions options{.bits = bits};
    if (keep_above > 0) options.keep_above = keep_above;
    const auto weights = semblance::WeightFiles::open(folder.subfolder(transformer));
    const auto matrices = semblance::quantize_weights(
        weights, (to / transformer / "model.safetensors").string(), options, team);

    OutputFile out("-");
    for (const auto& matrix : matrices) {
      if (report) out.write(relative_error_text(matrix) + "  " + matrix.key + '\n');
    }
    if (!scores.empty()) {
      const auto quantized = semblance::SentenceEncoder::load(output);
      for (const auto& file : scores) out.write(compare(file, original, quantized));
    }
    out.commit();
  }

 private:
  // Pooling, Dense and the rest stay as they are.
  static void copy_modules(const semblance::SentenceTransformersConfig& settings,
                           const fs::path& from, const fs::path& to) {
    const auto keep = [](const std::string&) { return false; };
    for (const auto& entry : fs::directory_iterator(from)) {
      const std::string name = entry.path().filename().string();
      std::error_code error;
      if (!entry.is_directory(error) || name == settings.transformer_folder) continue;
      // Module folders are named after their place: 1_Pooling, 2_Dense.
      if (name.find('_') == name.npos || name.find_first_not_of("0123456789") != name.find('_')) {
        continue;
      }
      copy_files(entry.path(), to / name, keep);
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

  std::string compare(const std::string& file, const semblance::SentenceEncoder& original,
                      const semblance::SentenceEncoder& quantized) const {
    const auto pairs = semblance::read_score_file(file);
    const auto distinct = semblance::distinct_sentences(pairs);
    const std::span<const std::string_view> sentences(distinct.sentences);
    const auto before = original.encode(sentences, model.encode_options());
    const auto after = quantized.encode(sentences, model.encode_options());
    const auto spearman = [&](const semblance::SentenceEmbeddings& vectors) {
      return 100 * semblance::evaluate_vectors(pairs, distinct, vectors).spearman.value_or(0.0);
    };
    double cosine = 0;
    for (std::size_t i = 0; i < before.num_texts; ++i) {
      cosine += static_cast<double>(semblance::similarity(before[i], after[i]));
    }
    char text[160];
    std::snprintf(text, sizeof text, "Spearman %.2f before, %.2f after; mean cosine %.5f  ",
                  spearman(before), spearman(after),
                  cosine / static_cast<double>(before.num_texts));
    return text + file + '\n';
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
      ->check(CLI::PositiveNumber)
      ->type_name("E");
  command->add_flag("--report", quantize->report, "Print the relative error of each matrix");
  command
      ->add_option("--scores", quantize->scores,
                   "Pairs: sentence1, sentence2 and score with tabs; prints Spearman x100 "
                   "before and after")
      ->type_name("FILE");
  command->add_option("--threads", quantize->model.threads, "Default: one a core")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->callback([quantize] { quantize->run(); });
}

}  // namespace program
