#pragma once

#include <optional>
#include <string>

#include "model_options.h"
#include "semblance/sentence_encoder.h"
#include "signals.h"

namespace program {

// The model of --model, or the default one where the option was not given.
inline semblance::SentenceEncoder load_encoder(const std::string& model,
                                               const semblance::LoadOptions& options) {
  return model.empty() ? semblance::SentenceEncoder::load_default(options)
                       : semblance::SentenceEncoder::load(model, options);
}

inline semblance::SentenceEncoder load_encoder(const ModelOptions& model) {
  std::optional<DeferredSignals> until_the_cache_is_written;
  if (!model.packed_cache.empty()) until_the_cache_is_written.emplace();
  return load_encoder(model.model, model.load_options());
}

}  // namespace program
