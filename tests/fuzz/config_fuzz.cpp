// JSON, walked through every accessor, and then config.json.

#include "fuzz/target.h"
#include "semblance/io/json.h"
#include "semblance/io/model_config_file.h"

namespace semblance::fuzz {
namespace {

// Calls `read`, which may find another type than it wants.
template <class Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const ConfigError&) {
  }
}

void walk(const JsonValue& value, std::size_t& left) {
  if (left == 0) return;
  --left;
  value.describe();
  attempt([&] { value.as_string(); });
  attempt([&] { value.as_boolean(); });
  attempt([&] { value.as_integer(-5, 70000); });
  attempt([&] { value.as_size(1); });
  attempt([&] { value.as_number(); });
  if (value.is_array()) {
    for (const JsonValue& element : value.elements()) walk(element, left);
  }
  if (value.is_object()) {
    for (const auto& [key, member] : value.members()) {
      require(value.contains(key), "every member under its key");
      walk(member, left);
    }
  }
}

const Registration kTarget("config", [](std::string_view bytes) {
  const auto document = JsonDocument::parse(bytes, "config.json");
  std::size_t left = 100;  // paths in messages are looked for in the whole document
  walk(document.root(), left);
  const ModelConfig config = parse_model_config(document.root());
  require(config.hidden_size % config.num_attention_heads == 0, "whole heads");
});

}  // namespace
}  // namespace semblance::fuzz
