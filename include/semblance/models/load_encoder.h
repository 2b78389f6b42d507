#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "semblance/core/error.h"
#include "semblance/core/executor.h"
#include "semblance/io/model_config.h"
#include "semblance/io/weight_files.h"
#include "semblance/layers/activation.h"
#include "semblance/models/bert.h"
#include "semblance/models/distilbert.h"
#include "semblance/models/encoder_model.h"
#include "semblance/models/roformer.h"
#include "semblance/models/transformer_encoder.h"
#include "semblance/tensor/precision.h"

namespace semblance {

// Builds the encoder that `config` describes from its weights: model_type, one of those that
// read_model_config() takes, picks the checkpoint keys and the position scheme, hidden_act the
// activation. The embedding tables are used where the files
// have them; the layer matrices are packed, on all threads of `executor`, in the precision asked
// for or, where none is, in that of the files. Throws ConfigError for an activation not supported,
// ShapeError for a tensor that is missing or does not fit, FormatError for codes that cannot be.
template <LayerScalar Scalar>
std::unique_ptr<EncoderModel<Scalar>> load_encoder(const ModelConfig& config,
                                                   std::shared_ptr<const WeightFiles> files,
                                                   Executor& executor,
                                                   std::optional<Precision> precision = {}) {
  const std::optional<HiddenActivation> activation = HiddenActivation::named(config.hidden_act);
  if (!activation) {
    throw ConfigError("config.json", "hidden_act",
                      "one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh",
                      '"' + config.hidden_act + '"');
  }
  const auto build = [&]<class Positions>(const EncoderParameters& parameters,
                                          Positions positions) {
    return std::make_unique<TransformerEncoder<Scalar, HiddenActivation, Positions>>(
        parameters, std::move(positions), files, executor, *activation);
  };
  if (config.model_type == "roformer") {
    return build(roformer_parameters(*files, config, precision),
                 roformer_positions<Scalar>(*files, config));
  }
  if (config.model_type == "distilbert") {
    return build(distilbert_parameters(*files, config, precision), AbsolutePositions{});
  }
  return build(bert_parameters(*files, config, precision), AbsolutePositions{});
}

}  // namespace semblance
