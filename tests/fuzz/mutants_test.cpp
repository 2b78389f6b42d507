// Every golden file with a byte flipped or cut short: whatever a reader makes of it, it stays
// inside its bytes and within a bound of memory, and its error is one line.
//
// By default 135,000 mutants, picked with a fixed seed and shared among the files; with
// SEMBLANCE_MUTANTS=all in the environment, every byte of every file flipped and every length cut,
// which takes a day.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.h"
#include "support/metered_allocations.h"

namespace semblance::fuzz {
namespace {

namespace fs = std::filesystem;

struct GoldenFile {
  fs::path path;
  std::string target;
  std::string before;  // what the target needs around the file's bytes
  std::string after;
};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A file of a folder as the folder targets take it, between the files beside it.
GoldenFile in_folder(const fs::path& path, const std::string& target, const fs::path& folder,
                     const std::vector<std::string>& names) {
  GoldenFile file{path, target, {}, {}};
  for (const std::string& name : names) {
    if (folder / name == path || !fs::exists(folder / name)) continue;
    file.before += "=== " + name + "\n" + read(folder / name) + "\n";
  }
  file.before += "=== " + fs::relative(path, folder).string() + "\n";
  return file;
}

std::vector<GoldenFile> golden_files() {
  const std::vector<std::string> tokenizer = {"tokenizer_config.json", "special_tokens_map.json",
                                              "added_tokens.json", "tokenizer.json", "vocab.txt"};
  const std::vector<std::string> modules = {
      "modules.json",          "sentence_bert_config.json", "config_sentence_transformers.json",
      "1_Pooling/config.json", "2_Dense/config.json",       "3_Normalize/config.json"};
  const auto is_one_of = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const fs::path golden = fs::path(SEMBLANCE_TEST_DATA) / "golden";
  std::vector<GoldenFile> files;
  for (const auto& entry : fs::recursive_directory_iterator(golden)) {
    const fs::path& path = entry.path();
    if (!entry.is_regular_file()) continue;
    const std::string name = path.filename().string();
    const std::string in_model = fs::exists(path.parent_path().parent_path() / "modules.json")
                                     ? (path.parent_path().filename() / name).string()
                                     : name;
    const fs::path folder =
        in_model == name ? path.parent_path() : path.parent_path().parent_path();
    if (path.extension() == ".safetensors") {
      files.push_back({path, "safetensors", {}, {}});
    } else if (path.extension() == ".bin") {
      files.push_back({path, "checkpoint", {}, {}});
    } else if (name == "dictionary.txt") {
      files.push_back({path, "dictionary", {}, {}});
    } else if (name == "vocab.txt") {
      files.push_back({path, "vocabulary", {}, {}});
    } else if (is_one_of(tokenizer, name)) {
      files.push_back(in_folder(path, "tokenizer_files", folder, tokenizer));
    } else if (is_one_of(modules, in_model)) {
      files.push_back(in_folder(path, "modules", folder, modules));
    } else if (path.extension() == ".json" && entry.file_size() < 100'000) {
      files.push_back({path, "config", {}, {}});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const GoldenFile& a, const GoldenFile& b) { return a.path < b.path; });
  return files;
}

class Mutants : public ::testing::TestWithParam<Target> {
 protected:
  // One mutant: the byte at `place` changed by `flip`, or, where that is 0, the file cut there.
  void try_one(const GoldenFile& file, std::string& bytes, std::size_t place, int flip) {
    const char old = place < bytes.size() ? bytes[place] : '\0';
    std::string mutant = file.before;
    if (flip != 0) {
      bytes[place] = static_cast<char>(old ^ flip);
      mutant += bytes;
      bytes[place] = old;
    } else {
      mutant.append(bytes, 0, place);
    }
    mutant += file.after;
    // A block of exactly its size, so that the address sanitizer sees a step beyond it.
    const std::vector<char> exact(mutant.begin(), mutant.end());
    const std::size_t before = testing::allocated_bytes;
    testing::peak_bytes = before;
    try {
      run(GetParam(), {exact.data(), exact.size()});
    } catch (const std::exception& error) {
      ADD_FAILURE() << file.path << ", byte " << place << " changed by " << flip << ": "
                    << error.what();
    }
    const std::size_t taken = testing::peak_bytes - before;
    if (taken > kFixedBytes + 100 * mutant.size()) {
      ADD_FAILURE() << file.path << ", byte " << place << " changed by " << flip << ": " << taken
                    << " bytes of memory for " << mutant.size();
    }
    ++num_mutants_;
  }

  // Tables whose size does not depend on the file.
  static constexpr std::size_t kFixedBytes = std::size_t{4} << 20;
  std::size_t num_mutants_ = 0;
};

TEST_P(Mutants, OfEveryGoldenFileAreRefusedOrHarmless) {
  const char* asked = std::getenv("SEMBLANCE_MUTANTS");
  const bool all = asked != nullptr && std::string_view(asked) == "all";
  // A tokenizer's tables take milliseconds.
  const std::string_view target = GetParam().name;
  const std::size_t per_file = target == "tokenizer_files" ? 20
                               : target == "checkpoint"    ? 900
                               : target == "safetensors"   ? 700
                                                           : 300;
  std::mt19937_64 random(8);
  std::size_t num_files = 0;
  for (const GoldenFile& file : golden_files()) {
    if (file.target != target) continue;
    ++num_files;
    std::string bytes = read(file.path);
    if (bytes.empty()) continue;
    if (all) {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        try_one(file, bytes, i, 1 << (i % 8));
        try_one(file, bytes, i, 0xFF);
        try_one(file, bytes, i, 0);
      }
      continue;
    }
    // Headers come first, the zip's directory last: half of the mutants are near the ends.
    for (std::size_t i = 0; i < per_file; ++i) {
      const std::size_t near = std::min<std::size_t>(bytes.size(), 4096);
      const std::size_t place = i % 4 == 0   ? random() % near
                                : i % 4 == 1 ? bytes.size() - 1 - random() % near
                                             : random() % bytes.size();
      const int flip = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 << (random() % 8) : 0xFF;
      try_one(file, bytes, place, flip);
    }
  }
  RecordProperty("mutants", static_cast<int>(num_mutants_));
  std::printf("%zu mutants of %zu files\n", num_mutants_, num_files);
}

std::vector<Target> targets_with_golden_files() {
  std::vector<Target> result;
  for (const Target& target : targets()) {
    for (const char* name : {"safetensors", "checkpoint", "config", "dictionary", "vocabulary",
                             "tokenizer_files", "modules"}) {
      if (target.name == name) result.push_back(target);
    }
  }
  return result;
}

INSTANTIATE_TEST_SUITE_P(Files, Mutants, ::testing::ValuesIn(targets_with_golden_files()),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace semblance::fuzz
