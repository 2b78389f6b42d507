#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "semblance/encode_options.h"

namespace program {

// The options of every subcommand that encodes, as the parser fills them.
struct ModelOptions {
  std::string model;
  std::string dictionary;
  std::string precision;
  std::string packed_cache;
  std::string pooling;
  bool normalize = false;
  bool no_normalize = false;
  bool no_modules = false;
  bool allow_non_finite = false;
  std::size_t max_length = 0;
  std::size_t batch_size = 32;
  std::size_t threads = 0;
  std::optional<std::string> prompt_name;
  std::optional<std::string> prompt;
  std::size_t dim = 0;

  // --model, --precision, and the --dictionary that some models need.
  void add_model(CLI::App& command);
  // --pooling and --no-modules.
  void add_pooling(CLI::App& command);
  // --packed-cache.
  void add_packed_cache(CLI::App& command);
  // All but those that shape the vectors afterwards: --normalize, --no-normalize, --dim.
  void add_encoder(CLI::App& command);
  // All of them.
  void add_all(CLI::App& command);

  // Refuses "" for every file, folder and host of a command and its subcommands: an unset variable
  // of the shell would else mean that the option was not given.
  static void refuse_empty_names(CLI::App& command);

  semblance::LoadOptions load_options() const;
  semblance::EncodeOptions encode_options() const;
};

}  // namespace program
