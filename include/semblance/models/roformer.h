#pragma once

#include <optional>

#include "semblance/io/model_config.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/layer_scalar.h"
#include "semblance/layers/position_encoding.h"
#include "semblance/models/bert.h"
#include "semblance/models/parameter_source.h"
#include "semblance/models/transformer_encoder.h"
#include "semblance/tensor/precision.h"

namespace semblance {

namespace detail {

inline ParameterSource roformer_source(const WeightFiles& files,
                                       std::optional<Precision> precision = {}) {
  return ParameterSource(files, {"roformer.", "", "model.", "0.auto_model."},
                         "embeddings.word_embeddings.weight", precision);
}

}  // namespace detail

// A checkpoint of transformers' RoFormerModel (Su et al. 2021, arXiv 2104.09864), alone or inside a
// model with a head: BERT without a position table, whose positions are rotary. RoFormer-Sim is
// published as a causal language model; its encoder sees both directions all the same.
inline EncoderParameters roformer_parameters(const WeightFiles& files, const ModelConfig& config,
                                             std::optional<Precision> precision) {
  return bert_family_parameters(detail::roformer_source(files, precision), config, false);
}

// Its rotary positions: the table that it was saved with, which files of half precision hold
// rounded, or where there is none that of the formula.
template <LayerScalar Scalar>
RotaryPositions<Scalar> roformer_positions(const WeightFiles& files, const ModelConfig& config) {
  constexpr const char* kKey = "encoder.embed_positions.weight";
  const ParameterSource source = detail::roformer_source(files);
  if (!source.contains(kKey)) {
    return {config.max_position_embeddings, config.head_dim(), config.rotary_value};
  }
  return {source.require(kKey, {config.max_position_embeddings, config.head_dim()}),
          config.rotary_value};
}

}  // namespace semblance
