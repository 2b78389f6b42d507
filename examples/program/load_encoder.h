#pragma once

#include <string>

#include "model_options.h"
#include "semblance/sentence_encoder.h"

namespace program {

// The model of --model, or the default one where the option was not given.
inline semblance::SentenceEncoder load_encoder(const std::string& model,
                                               const semblance::LoadOptions& options) {
  return model.empty() ? semblance::SentenceEncoder::load_default(options)
                       : semblance::SentenceEncoder::load(model, options);
}

inline semblance::SentenceEncoder load_encoder(const ModelOptions& model) {
  return load_encoder(model.model, model.load_options());
}

}  // namespace program
