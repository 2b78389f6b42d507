#pragma once

// The front door of Semblance: include this, load a folder, call encode() and similarity().

#include "semblance/core/error.h"
#include "semblance/core/version.h"
#include "semblance/default_model.h"
#include "semblance/encode_options.h"
#include "semblance/fwd.h"
#include "semblance/search/similarity.h"
#include "semblance/sentence_embedding.h"
#include "semblance/sentence_encoder.h"
