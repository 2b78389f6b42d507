#include "routes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../program/json_text.h"
#include "base64.h"
#include "http_server.h"
#include "page.h"
#include "semblance/loaded_model.h"
#include "semblance/pooling/normalize.h"
#include "semblance/text/bert_tokenizer.h"

namespace server {

namespace {

using nlohmann::json;
using program::append_json_string;
using program::append_number;

constexpr const char* kTooLarge = "the body is too large";
constexpr const char* kTokenIds = "expected texts; token ids of another tokenizer are not taken";

// What text-embeddings-inference calls by names of its own (its ErrorType).
enum class Cause { other, empty, too_long };

// An answer that is not 200.
struct Refusal {
  int status;
  std::string type;  // OpenAI's word for it
  std::string message;
  std::string param = {};
  std::string code = {};
  Cause cause = Cause::other;
};

[[noreturn]] void invalid(std::string message, std::string param = {}, Cause cause = Cause::other) {
  throw Refusal{400, "invalid_request_error", std::move(message), std::move(param), {}, cause};
}

// A document is held to what a request needs before it is built: each of its values takes many
// times its bytes.
json parse_body(const Service& service, const httplib::Request& request) {
  constexpr int kMostDepth = 16;
  const std::size_t most_values = service.options.max_texts + 64;
  if (request.has_header(HttpServer::kEncodedBody)) {
    throw Refusal{415, "invalid_request_error",
                  "the body: expected no Content-Encoding, found \"" +
                      request.get_header_value(HttpServer::kEncodedBody) + '"'};
  }
  if (request.body.size() > service.options.max_body) {
    throw Refusal{413, "invalid_request_error", kTooLarge};
  }
  std::size_t num_values = 0;
  const auto keep = [&](int depth, json::parse_event_t event, const json& value) {
    if (depth > kMostDepth) invalid("the body: expected less nesting");
    const bool is_new = event == json::parse_event_t::value ||
                        event == json::parse_event_t::object_start ||
                        event == json::parse_event_t::array_start;
    if (is_new && ++num_values > most_values) {
      if (value.is_number()) invalid(std::string("the body: ") + kTokenIds);
      throw Refusal{413, "invalid_request_error",
                    "the body: expected at most " + std::to_string(service.options.max_texts) +
                        " texts, found more values"};
    }
    return true;
  };
  json body;
  try {
    body = json::parse(request.body, keep);
  } catch (const json::exception& error) {
    invalid(std::string("the body is not JSON: ") + error.what());
  }
  if (!body.is_object()) invalid("the body: expected a JSON object");
  return body;
}

// The value of a key, or nothing when it is absent or null.
template <class T>
std::optional<T> option(const json& object, const char* key, const char* expected) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if constexpr (std::is_same_v<T, std::size_t>) {
    if (found->is_number_unsigned()) return found->get<T>();
  } else {
    try {
      return found->get<T>();
    } catch (const json::exception&) {  // told below
    }
  }
  invalid(std::string(key) + ": expected " + expected, key);
}

// A string or a list of strings.
std::vector<std::string> texts_of(const json& object, const char* key, std::size_t limit) {
  const auto found = object.find(key);
  std::vector<std::string> texts;
  if (found != object.end() && found->is_string()) {
    texts.push_back(found->get<std::string>());
  } else if (found != object.end() && found->is_array()) {
    for (const json& text : *found) {
      if (text.is_number() || text.is_array()) {
        invalid(std::string(key) + ": " + kTokenIds, key);
      }
      if (!text.is_string()) invalid(std::string(key) + ": expected a list of strings", key);
      texts.push_back(text.get<std::string>());
    }
  } else {
    invalid(std::string(key) + ": expected a string or a list of strings", key);
  }
  if (texts.empty()) invalid(std::string(key) + ": expected at least one text", key, Cause::empty);
  if (texts.size() > limit) {
    throw Refusal{413, "invalid_request_error",
                  std::string(key) + ": expected at most " + std::to_string(limit) +
                      " texts, found " + std::to_string(texts.size()),
                  key};
  }
  return texts;
}

// Vectors as encoder.encode(texts, {.prompt_name, .normalize, .dim}) gives them.
struct Embeddings {
  std::vector<float> values;  // [num_texts, dim]
  std::size_t dim = 0;
  std::size_t num_tokens = 0;

  std::span<const float> operator[](std::size_t i) const noexcept {
    return {values.data() + i * dim, dim};
  }
};

struct EmbedOptions {
  bool normalize = true;
  bool raw = false;  // as the pooling and the folder's modules but Normalize give them
  bool truncate = false;
  std::optional<std::size_t> dim;
  std::string prompt;
  std::string (*name_of)(std::size_t i) = [](std::size_t i) { return "text " + std::to_string(i); };
};

Embeddings embed(Service& service, std::span<const std::string> texts,
                 const EmbedOptions& options) {
  const auto deadline = Batcher::Clock::now() + service.options.timeout;
  const std::size_t limit = service.encoder.max_length();
  const std::size_t dim = options.dim.value_or(service.batcher.dim());
  if (dim == 0 || dim > service.batcher.dim()) {
    invalid("dimensions: expected 1 to " + std::to_string(service.batcher.dim()) + ", found " +
                std::to_string(dim),
            "dimensions");
  }
  const auto job = std::make_shared<Job>();
  job->raw = options.raw;
  semblance::TokenizerScratch scratch;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto count = service.encoder.tokenizer().append_input_ids(
        options.prompt + texts[i], {.max_length = limit}, scratch, job->input_ids);
    job->starts.push_back(job->input_ids.size());
    if (count.truncated && !options.truncate) {
      invalid(options.name_of(i) + ": expected at most " + std::to_string(limit) +
                  " tokens, found more",
              "input", Cause::too_long);
    }
  }
  try {
    service.encoder.model().require_embeddings(job->input_ids);
  } catch (const semblance::ConfigError& error) {
    invalid(error.what(), "input");
  }
  switch (service.batcher.encode(job, deadline)) {
    case Batcher::Outcome::done: break;
    case Batcher::Outcome::turned_away:
      throw Refusal{429, "rate_limit_error", "too many texts are waiting: try again later"};
    case Batcher::Outcome::timed_out:
      throw Refusal{503, "server_error", "the vectors were not ready in time"};
  }
  for (std::size_t i = 0; i < job->embeddings.size(); ++i) {
    if (std::isfinite(job->embeddings[i])) continue;
    throw Refusal{500, "server_error",
                  options.name_of(i / service.batcher.dim()) +
                      ": its vector is not finite, and JSON has no word for that"};
  }
  Embeddings result{.values = {}, .dim = dim, .num_tokens = job->input_ids.size()};
  result.values.resize(texts.size() * dim);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::span<float> row(result.values.data() + i * dim, dim);
    std::copy_n(job->embeddings.data() + i * service.batcher.dim(), dim, row.data());
    if (options.normalize) semblance::normalize(row);
  }
  return result;
}

// "truncate", "truncation_direction" and "prompt_name" as text-embeddings-inference has them.
EmbedOptions embed_options(const Service& service, const json& object) {
  EmbedOptions options;
  options.truncate =
      option<bool>(object, "truncate", "true or false").value_or(service.options.truncate);
  const auto direction = option<std::string>(object, "truncation_direction", "a string");
  if (direction && *direction != "Right" && *direction != "right") {
    invalid("truncation_direction: expected \"Right\", found \"" + *direction + '"');
  }
  const auto& model = service.encoder.model();
  auto name = option<std::string>(object, "prompt_name", "a string");
  if (!name) name = model.default_prompt_name;
  if (name) {
    const auto found = model.prompts.find(*name);
    if (found == model.prompts.end()) invalid("prompt_name: unknown: \"" + *name + '"');
    if (!found->second.empty() && !model.pool_prompt) {
      invalid("prompt_name: this server does not take prompts that the pooling leaves out");
    }
    options.prompt = found->second;
  }
  return options;
}

void answer(httplib::Response& response, std::string body) {
  response.set_content(std::move(body), "application/json");
}

void require_model(const Service& service, const std::string& name) {
  if (name == service.options.model_name) return;
  throw Refusal{404, "invalid_request_error",
                "model: expected \"" + service.options.model_name + "\", found \"" + name + '"',
                "model", "model_not_found"};
}

void openai_embeddings(Service& service, const httplib::Request& request,
                       httplib::Response& response) {
  const json body = parse_body(service, request);
  const auto model = option<std::string>(body, "model", "a string");
  if (!model) invalid("model: expected a string", "model");
  require_model(service, *model);
  const auto format = option<std::string>(body, "encoding_format", "a string").value_or("float");
  if (format != "float" && format != "base64") {
    invalid("encoding_format: expected float or base64, found \"" + format + '"',
            "encoding_format");
  }
  const auto texts = texts_of(body, "input", service.options.max_texts);
  EmbedOptions options = embed_options(service, json::object());
  options.dim = option<std::size_t>(body, "dimensions", "a whole number");
  const Embeddings embeddings = embed(service, texts, options);

  std::string out = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i != 0) out += ',';
    out += R"({"object":"embedding","index":)";
    append_number(out, i);
    out += R"(,"embedding":)";
    if (format == "base64") {
      out += '"';
      append_base64(out, std::as_bytes(embeddings[i]));  // little-endian float32
      out += '"';
    } else {
      program::append_json_numbers(out, embeddings[i]);
    }
    out += '}';
  }
  out += R"(],"model":)";
  append_json_string(out, *model);
  const std::string tokens = std::to_string(embeddings.num_tokens);
  out += R"(,"usage":{"prompt_tokens":)" + tokens + R"(,"total_tokens":)" + tokens + "}}";
  answer(response, std::move(out));
}

std::string openai_model_object(const Service& service) {
  std::string out = R"({"id":)";
  append_json_string(out, service.options.model_name);
  return out + R"(,"object":"model","created":0,"owned_by":"semblance"})";
}

void openai_models(Service& service, const httplib::Request&, httplib::Response& response) {
  answer(response, R"({"object":"list","data":[)" + openai_model_object(service) + "]}");
}

void openai_model(Service& service, const httplib::Request& request, httplib::Response& response) {
  require_model(service, request.matches[1]);
  answer(response, openai_model_object(service));
}

void tei_embed(Service& service, const httplib::Request& request, httplib::Response& response) {
  const json body = parse_body(service, request);
  const auto texts = texts_of(body, "inputs", service.options.max_texts);
  EmbedOptions options = embed_options(service, body);
  options.normalize = option<bool>(body, "normalize", "true or false").value_or(true);
  options.raw = !options.normalize;
  options.dim = option<std::size_t>(body, "dimensions", "a whole number");
  const Embeddings embeddings = embed(service, texts, options);
  std::string out = "[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i != 0) out += ',';
    program::append_json_numbers(out, embeddings[i]);
  }
  answer(response, out + ']');
}

void tei_similarity(Service& service, const httplib::Request& request,
                    httplib::Response& response) {
  const json body = parse_body(service, request);
  const auto inputs = body.find("inputs");
  if (inputs == body.end() || !inputs->is_object()) {
    invalid("inputs: expected an object with source_sentence and sentences", "inputs");
  }
  auto source = option<std::string>(*inputs, "source_sentence", "a string");
  if (!source) invalid("source_sentence: expected a string", "source_sentence");
  auto texts = texts_of(*inputs, "sentences", service.options.max_texts);
  texts.insert(texts.begin(), std::move(*source));
  const auto parameters = option<json::object_t>(body, "parameters", "an object");
  EmbedOptions options = embed_options(service, parameters.value_or(json::object_t()));
  options.normalize = false;
  options.name_of = [](std::size_t i) {
    return i == 0 ? std::string("source_sentence") : "sentences[" + std::to_string(i - 1) + ']';
  };
  const Embeddings embeddings = embed(service, texts, options);
  std::vector<float> scores;
  for (std::size_t i = 1; i < texts.size(); ++i) {
    scores.push_back(semblance::cosine_similarity(embeddings[0], embeddings[i]));
  }
  std::string out;
  program::append_json_numbers(out, scores);
  answer(response, std::move(out));
}

void tei_info(Service& service, const httplib::Request&, httplib::Response& response) {
  std::string out = R"({"model_id":)";
  append_json_string(out, service.options.model_name);
  out += R"(,"model_type":{"embedding":{"pooling":)";
  const auto& poolings = service.encoder.model().poolings;
  append_json_string(out, name_of(service.batcher.pooling().value_or(poolings.front())));
  out += R"(}},"max_input_length":)" + std::to_string(service.encoder.max_length());
  out += R"(,"max_client_batch_size":)" + std::to_string(service.options.max_texts);
  out += R"(,"version":")" + std::string(semblance::kVersion) + "\"}";
  answer(response, std::move(out));
}

void health(Service&, const httplib::Request&, httplib::Response& response) {
  response.set_content("ok\n", "text/plain");
}

std::string openai_error(const Refusal& refusal) {
  std::string out = R"({"error":{"message":)";
  append_json_string(out, semblance::Error(refusal.message).what());
  out += R"(,"type":")" + refusal.type + R"(","param":)";
  refusal.param.empty() ? (void)(out += "null") : append_json_string(out, refusal.param);
  out += R"(,"code":)";
  refusal.code.empty() ? (void)(out += "null") : append_json_string(out, refusal.code);
  return out + "}}";
}

std::string tei_error(const Refusal& refusal) {
  std::string out = R"({"error":)";
  append_json_string(out, semblance::Error(refusal.message).what());
  const char* type = refusal.status == 429           ? "Overloaded"
                     : refusal.status == 503         ? "Unhealthy"
                     : refusal.status >= 500         ? "Backend"
                     : refusal.cause == Cause::empty ? "Empty"
                                                     : "Validation";
  return out + R"(,"error_type":")" + type + "\"}";
}

// Status and error object of the interface that the route belongs to. A text that is too long and
// an encoder that fails have statuses of their own in text-embeddings-inference (its router's
// server.rs).
void refuse(const httplib::Request& request, httplib::Response& response, const Refusal& refusal) {
  response.status = refusal.status;
  if (refusal.status == 429) response.set_header("Retry-After", "1");
  if (request.path.starts_with("/v1/")) return answer(response, openai_error(refusal));
  if (refusal.cause == Cause::too_long) response.status = 413;
  if (refusal.status == 500) response.status = 424;
  answer(response, tei_error(refusal));
}

// The methods of a path that has routes.
using Methods = std::map<std::string, std::string>;

// What no route answered: unknown paths and methods, and what the library makes no request of.
void refuse_rest(const Methods& methods, const httplib::Request& request,
                 httplib::Response& response) {
  Refusal refusal{response.status, "invalid_request_error", "bad request"};
  const std::string models = "/v1/models/";
  const auto known = methods.find(request.path.starts_with(models) ? models : request.path);
  if (refusal.status == 413) refusal.message = kTooLarge;
  if (refusal.status == 404 && known != methods.end() &&
      known->second.find(request.method) == std::string::npos) {
    response.set_header("Allow", known->second);
    refusal.status = 405;
    refusal.message = request.method + ": expected " + known->second + " for this path";
    refusal.code = "method_not_supported";
  } else if (refusal.status == 404) {
    refusal.message = "no such path";
    refusal.code = "unknown_url";
  } else {
    // Parts of such a request may not have been read. Where it asks for that, the library says so.
    if (request.get_header_value("Connection") != "close") {
      response.set_header("Connection", "close");
    }
  }
  refuse(request, response, refusal);
}

using Route = void (*)(Service&, const httplib::Request&, httplib::Response&);

// Turns what a route throws into an answer, and counts it.
httplib::Server::Handler counted(Service& service, std::string path, Route route) {
  return [&service, path = std::move(path), route](const httplib::Request& request,
                                                   httplib::Response& response) {
    const auto start = Batcher::Clock::now();
    response.status = 200;
    try {
      route(service, request, response);
    } catch (const Refusal& refusal) {
      refuse(request, response, refusal);
    } catch (const std::exception& error) {
      refuse(request, response, {500, "server_error", error.what()});
    }
    const std::chrono::duration<double> elapsed = Batcher::Clock::now() - start;
    service.metrics.count_request(path, response.status);
    service.metrics.count_seconds(path, elapsed.count());
  };
}

}  // namespace

void add_routes(httplib::Server& http, Service& service) {
  Methods methods;
  const auto post = [&](const char* path, Route route) {
    http.Post(path, counted(service, path, route));
    std::string& known = methods[path];
    known += known.empty() ? "POST" : ", POST";
  };
  const auto get = [&](const char* path, Route route) {
    http.Get(path, counted(service, path, route));
    std::string& known = methods[path];
    known += known.empty() ? "GET, HEAD" : ", GET, HEAD";
  };
  post("/v1/embeddings", openai_embeddings);
  get("/v1/models", openai_models);
  get("/v1/models/(.+)", openai_model);
  methods["/v1/models/"] = methods["/v1/models/(.+)"];
  post("/embed", tei_embed);
  post("/", tei_embed);
  post("/similarity", tei_similarity);
  get("/info", tei_info);
  get("/health", health);
  get("/healthz", health);
  get("/metrics", [](Service& s, const httplib::Request&, httplib::Response& response) {
    response.set_content(s.metrics.text(s.batcher.counts()), "text/plain; version=0.0.4");
  });
  get("/", [](Service&, const httplib::Request&, httplib::Response& response) {
    response.set_content(kPage, "text/html; charset=utf-8");
  });
  http.set_error_handler([&service, methods = std::move(methods)](const httplib::Request& request,
                                                                  httplib::Response& response) {
    if (!response.body.empty()) return;
    refuse_rest(methods, request, response);
    service.metrics.count_request("other", response.status);
  });
}

}  // namespace server
