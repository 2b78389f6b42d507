// refused: satisf[a-z ]*[^A-Za-z]+LayerScalar
#include "semblance/layers/activation.h"
#include "semblance/layers/encoder_layer.h"
#include "semblance/layers/position_encoding.h"

using Layer = semblance::EncoderLayer<int, semblance::Gelu, semblance::AbsolutePositions>;
Layer* layer;
