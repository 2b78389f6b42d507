#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>

#include "semblance/core/error.h"
#include "semblance/io/model_config.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/position_encoding.h"
#include "semblance/models/bert.h"
#include "semblance/models/parameter_source.h"
#include "semblance/models/transformer_encoder.h"
#include "semblance/tensor/precision.h"

namespace semblance {

namespace detail {

// A saved encoder.embed_positions.weight [max_position_embeddings, head_dim] holds in each row the
// sines of RotaryPositions, then the cosines. Anything else would be another model.
inline void check_saved_positions(const WeightFiles& files, const ParameterSource& source,
                                  const ModelConfig& config) {
  constexpr const char* kKey = "encoder.embed_positions.weight";
  if (!source.contains(kKey)) return;
  const std::size_t head_dim = config.head_dim();
  const TensorView saved = source.require(kKey, {config.max_position_embeddings, head_dim});
  // Half a unit in the last place of a value up to 1, or what float32 arithmetic on the angle
  // costs.
  const double tolerance = saved.dtype == DType::bf16  ? 4e-3
                           : saved.dtype == DType::f16 ? 5e-4
                                                       : 1e-4;
  const AlignedBuffer<double> values = copy_elements<double>(saved);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t position = i / head_dim;
    const std::size_t column = i % head_dim;
    const bool is_sine = column < head_dim / 2;
    const double angle = RotaryPositions<double>::angle(
        position, is_sine ? column : column - head_dim / 2, head_dim);
    const double expected = is_sine ? std::sin(angle) : std::cos(angle);
    if (!(std::abs(values[i] - expected) <= tolerance)) {
      const std::string key = source.prefix() + kKey;
      throw FormatError(files.file_of(key), key,
                        std::to_string(expected) + " at position " + std::to_string(position) +
                            ", column " + std::to_string(column) + " by the rotary formula",
                        std::to_string(values[i]));
    }
  }
}

}  // namespace detail

// A checkpoint of transformers' RoFormerModel (Su et al. 2021, arXiv 2104.09864), alone or inside a
// model with a head: BERT without a position table, whose positions are rotary. RoFormer-Sim is
// published as a causal language model; its encoder sees both directions all the same.
inline EncoderParameters roformer_parameters(const WeightFiles& files, const ModelConfig& config,
                                             std::optional<Precision> precision) {
  const ParameterSource source(files, {"", "roformer.", "model.", "0.auto_model."},
                               "embeddings.word_embeddings.weight", precision);
  detail::check_saved_positions(files, source, config);
  return bert_family_parameters(source, config, false);
}

}  // namespace semblance
