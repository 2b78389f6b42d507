#pragma once

#include <CLI/CLI.hpp>

namespace program {

// Each adds its subcommand to the parser, with its options and what it does when it is chosen.
void add_similarity(CLI::App& parser);
void add_encode(CLI::App& parser);
void add_tokenize(CLI::App& parser);
void add_search(CLI::App& parser);
void add_info(CLI::App& parser);
void add_whiten(CLI::App& parser);
void add_evaluate(CLI::App& parser);
void add_mine(CLI::App& parser);
void add_cluster(CLI::App& parser);
void add_map(CLI::App& parser);
void add_bench(CLI::App& parser);
void add_quantize(CLI::App& parser);

}  // namespace program
