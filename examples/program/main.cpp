// semblance: sentence vectors from published BERT folders, on the command line.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include "commands.h"
#include "model_options.h"
#include "semblance/core/error.h"
#include "semblance/core/version.h"
#include "signals.h"
#include "standard_streams.h"

namespace {

constexpr int kError = 1;
constexpr int kWrongUsage = 2;

int report(const std::string& message, int status) {
  std::cerr << semblance::Error("semblance: " + message).what() << '\n';
  return status;
}

std::string help_hint(const CLI::App& parser) {
  const auto chosen = parser.get_subcommands();
  return " (see semblance " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") + "--help)";
}

int run(int argc, char** argv) {
  CLI::App parser("Sentence vectors from published BERT folders, on ordinary CPUs.", "semblance");
  parser.set_version_flag("--version", std::string(semblance::kVersion));
  parser.require_subcommand(1);
  program::add_similarity(parser);
  program::add_encode(parser);
  program::add_tokenize(parser);
  program::add_search(parser);
  program::add_info(parser);
  program::add_whiten(parser);
  program::add_evaluate(parser);
  program::add_mine(parser);
  program::add_cluster(parser);
  program::add_map(parser);
  program::add_quantize(parser);
  program::add_bench(parser);
  program::ModelOptions::refuse_empty_names(parser);
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view argument = argv[i];
    // CLI11 would take the next argument for the value.
    if (argument.starts_with("--") && argument.find('=') + 1 == argument.size()) {
      return report(std::string(argument) + " expected a value after it, found none", kWrongUsage);
    }
  }
  const std::string first = argc > 1 ? argv[1] : "-";
  const auto commands = parser.get_subcommands({});
  const bool known = std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
    return command->get_name() == first;
  });
  if (!known && !first.starts_with('-')) {
    return report("unknown command \"" + first + '"' + help_hint(parser), kWrongUsage);
  }
  try {
    parser.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& help_or_version) {
    parser.exit(help_or_version);
    std::cout.flush();
    return std::cout ? 0 : report("standard output: cannot write", kError);
  } catch (const CLI::ParseError& error) {
    return report(error.what() + help_hint(parser), kWrongUsage);
  }
}

}  // namespace

int main(int argc, char** argv) {
  program::occupy_standard_streams();
  program::tidy_up_on_signals();
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("semblance: out of memory\n", stderr);
    return kError;
  } catch (const std::exception& error) {
    return report(error.what(), kError);
  }
}
