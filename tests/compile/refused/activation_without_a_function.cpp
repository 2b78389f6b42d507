// refused: satisf[a-z ]*[^A-Za-z]+ActivationFunction
#include "semblance/layers/activation.h"
#include "semblance/layers/encoder_layer.h"
#include "semblance/layers/position_encoding.h"

struct Nothing {};
using Layer = semblance::EncoderLayer<float, Nothing, semblance::AbsolutePositions>;
Layer* layer;
