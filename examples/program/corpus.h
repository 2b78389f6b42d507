#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "load_encoder.h"
#include "model_options.h"
#include "progress_bar.h"
#include "semblance/semblance.h"
#include "text_input.h"

namespace program {

// A file of texts, held in memory with the vectors.
struct Corpus {
  std::vector<std::string> texts;
  std::size_t dim = 0;
  std::vector<float> values;  // [number of texts, dim]

  semblance::MatrixView<const float> vectors() const noexcept {
    return {values.data(), texts.size(), dim};
  }
};

inline Corpus encode_corpus(const ModelOptions& model, const std::string& input) {
  TextReader reader(input, format_of(input));
  const auto encoder = load_encoder(model);
  auto options = model.encode_options();
  Corpus corpus;
  corpus.dim = encoder.output_dim(options);
  ProgressBar bar;
  for (auto texts = reader.next(); !texts.empty(); texts = reader.next()) {
    options.progress = [&, fraction = reader.lines().fraction()](std::size_t done, std::size_t) {
      bar.update(corpus.texts.size() + done, fraction);
    };
    const auto embeddings = encoder.encode(texts, options);
    corpus.values.insert(corpus.values.end(), embeddings.values.begin(), embeddings.values.end());
    for (auto& text : texts) corpus.texts.push_back(std::move(text));
  }
  return corpus;
}

}  // namespace program
