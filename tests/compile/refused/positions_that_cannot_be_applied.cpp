// refused: (satisf[a-z ]*[^A-Za-z]+PositionEncoding|PositionEncoding<[^>]*>.* evaluated to false)
#include "semblance/layers/activation.h"
#include "semblance/layers/encoder_layer.h"
#include "semblance/layers/position_encoding.h"

struct Nowhere {};
using Layer = semblance::EncoderLayer<float, semblance::Gelu, Nowhere>;
Layer* layer;
