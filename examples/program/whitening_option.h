#pragma once

#include <string>

#include "semblance/pooling/whitening_file.h"
#include "semblance/semblance.h"

namespace program {

// A saved whitening for the vectors that the encoder gives with these options. Throws
// semblance::Error when it is for others.
inline semblance::Whitening load_whitening_for(const semblance::SentenceEncoder& encoder,
                                               semblance::EncodeOptions options,
                                               const std::string& path) {
  options.dim = 0;  // cuts what is whitened
  return semblance::load_whitening(path, encoder.output_dim(options));
}

}  // namespace program
