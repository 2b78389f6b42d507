#pragma once

// The names of the front door's types, for headers that only mention them. Costs a compiler next to
// nothing; semblance.h defines what is declared here.

#include <cstdint>

namespace semblance {

class SentenceEncoder;
struct SentenceEmbedding;
struct SentenceEmbeddings;
struct LoadOptions;
struct EncodeOptions;

enum class Pooling : std::uint8_t;
enum class Metric : std::uint8_t;
template <class T>
class Tensor;
template <class T>
struct MatrixView;
class Whitening;
class Executor;

class Error;
class FileError;
class FormatError;
class ConfigError;
class ShapeError;
class Cancelled;

}  // namespace semblance
