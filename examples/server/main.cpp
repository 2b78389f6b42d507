// An HTTP server for sentence vectors, over cpp-httplib: OpenAI's embeddings interface and that of
// text-embeddings-inference.

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "../program/load_encoder.h"
#include "../program/model_options.h"
#include "../program/number_check.h"
#include "../program/utf8_text.h"
#include "batcher.h"
#include "connection_threads.h"
#include "http_server.h"
#include "routes.h"
#include "semblance/loaded_model.h"

namespace {

struct Options {
  program::ModelOptions model;
  std::string name;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::size_t connections = 128;
  double max_delay_ms = 0;
  double timeout_s = 30;
  server::BatcherOptions batcher;
  server::ServiceOptions service;

  void parse(int argc, char** argv);
};

// A folder's own name, also where the path says "." or ends in a slash.
std::string own_name(const std::string& path) {
  std::error_code error;
  auto whole = std::filesystem::absolute(path, error).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  return program::repaired_utf8((error ? std::filesystem::path(path) : whole).filename().string());
}

// Blocks the signals that end the server, for serve() to wait for. Comes before any thread starts.
sigset_t block_ending_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Binds the server and returns its port.
int listen_at(server::HttpServer& http, const std::string& host, int port) {
  int listening = -1;
  http.set_socket_options([&](int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    listening = socket;
  });
  int bound = port;
  if (port == 0) {
    bound = http.bind_to_any_port(host);
  } else if (!http.bind_to_port(host, port)) {
    bound = -1;
  }
  http.set_socket_options([](int) {});  // those above name what is gone after this
  if (bound <= 0) throw semblance::Error(host + ':' + std::to_string(port) + ": cannot listen");
  // cpp-httplib lets five connections wait to be accepted; the kernel drops more, and their clients
  // try again a second later.
  ::listen(listening, SOMAXCONN);
  return bound;
}

// Answers until one of the signals comes, and finishes the requests that are open. Throws
// semblance::Error where listening ends by itself.
void serve(server::HttpServer& http, const sigset_t& signals) {
  std::string error = "the system takes no more connections";
  std::atomic<bool> stopping{false};
  std::atomic<bool> ended{false};
  std::thread ending([&] {
    constexpr std::chrono::milliseconds kMoment{1};
    int signal_number = 0;
    ::sigwait(&signals, &signal_number);
    stopping = true;
    while (!ended && !http.is_running()) std::this_thread::sleep_for(kMoment);
    http.end();
    // A second signal does not wait for the requests that are open.
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    while (!ended) std::this_thread::sleep_for(kMoment);
  });
  try {
    if (http.listen_after_bind()) error.clear();
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
  ended = true;
  if (!stopping) ::kill(::getpid(), SIGTERM);
  ending.join();
  if (!error.empty()) throw semblance::Error("listening ended: " + error);
}

void run(const Options& options) {
  const sigset_t signals = block_ending_signals();
  ::signal(SIGPIPE, SIG_IGN);

  const auto encoder = program::load_encoder(options.model.model, options.model.load_options());
  const auto& model = encoder.model();
  if (!model.pool_prompt && model.default_prompt_name &&
      !model.prompts.at(*model.default_prompt_name).empty()) {
    throw semblance::Error(model.folder +
                           ": the pooling leaves its default prompt out, which this server cannot");
  }
  server::Batcher batcher(encoder, options.batcher);
  server::Service service{encoder, batcher, {}, options.service};

  server::HttpServer http(options.service.max_body);
  auto threads = std::make_unique<server::ConnectionThreads>(options.connections);
  http.new_task_queue = [&] { return threads.release(); };
  http.set_tcp_nodelay(true);
  http.set_keep_alive_max_count(1'000'000);
  http.set_keep_alive_timeout(5);
  http.set_write_timeout(10);
  server::add_routes(http, service);

  const int port = listen_at(http, options.host, options.port);
  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? '[' + options.host + ']' : options.host;
  std::printf("%s at http://%s:%d\n", options.service.model_name.c_str(), host.c_str(), port);
  std::fflush(stdout);
  serve(http, signals);
}

void Options::parse(int argc, char** argv) {
  CLI::App parser("Serves the sentence vectors of a published BERT folder over HTTP.",
                  "semblance_server");
  const auto add = [&](const char* flag, auto& value, const char* help) {
    return parser.add_option(flag, value, help)->capture_default_str()->type_name("");
  };
  model.add_model(parser);
  model.add_pooling(parser);
  model.add_packed_cache(parser);
  add("--name", name, "What requests call the model; default: its folder's name");
  add("--host", host, "Address to listen at")->type_name("HOST");
  add("--port", port, "Port, 0 any that is free")->check(program::number_between(0, 65535));
  add("--connections", connections, "Most connections served at a time")
      ->check(program::number_between(1, 4096));  // a thread each
  add("--threads", batcher.num_threads, "Threads of the encoder; 0: one a core")
      ->check(program::number_between(0, 256));
  const auto count = program::number_between(1, std::numeric_limits<std::int32_t>::max());
  add("--max-batch-tokens", batcher.max_batch_tokens, "Tokens that are encoded together")
      ->check(program::number_between(1, 1 << 20));  // room for each from the start
  add("--max-waiting-tokens", batcher.max_waiting_tokens, "Beyond these, requests get 429")
      ->check(count);
  add("--max-delay-ms", max_delay_ms, "How long a text waits for company while nothing runs")
      ->check(program::number_between(0, 60'000));
  add("--max-texts", service.max_texts, "Texts of a request")->check(count);
  add("--max-body", service.max_body, "Bytes of a request")->check(count);
  add("--timeout", timeout_s, "Seconds until a request that a thread has taken gets 503")
      ->check(program::number_between(0.001, 86'400));
  parser.add_flag("--truncate", service.truncate,
                  "Cut texts that are too long, do not refuse them");
  program::ModelOptions::refuse_empty_names(parser);
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(parser.exit(error) == 0 ? 0 : 2);
  }
  service.model_name = !name.empty()         ? program::repaired_utf8(name)
                       : model.model.empty() ? "semblance-default"
                                             : own_name(model.model);
  batcher.pooling = semblance::pooling_of(model.pooling);
  model.threads = batcher.num_threads;
  service.timeout = std::chrono::milliseconds(static_cast<long>(timeout_s * 1e3));
  batcher.max_delay = std::chrono::microseconds(static_cast<long>(max_delay_ms * 1e3));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    options.parse(argc, argv);
    run(options);
    return 0;
  } catch (const std::bad_alloc&) {
    std::fputs("semblance_server: out of memory\n", stderr);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "semblance_server: %s\n", error.what());
    return 1;
  }
}
