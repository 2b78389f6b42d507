#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "semblance/core/compiled.h"
#include "semblance/default_model.h"
#include "semblance/encode_options.h"
#include "semblance/io/file_source.h"
#include "semblance/layers/layer_scalar.h"
#include "semblance/sentence_embedding.h"

namespace semblance {

class BertTokenizer;
class SequenceBatch;
class TokenEncoder;
struct LoadedModel;
struct PoolingPlan;
struct TokenCount;
template <LayerScalar Scalar>
class EncoderModel;
template <class T>
class ObjectPool;

// Turns texts into sentence vectors: text becomes ids, ids become hidden states, hidden states
// become vectors.
//
// Immutable once loaded: every member function may be called from many threads at once. A text has
// the same bits whatever its batch, its neighbours, the thread count and the instruction set.
// Memory during encode() besides the result: the ids of a window of texts, and for each thread the
// hidden states of about TokenEncoder::kTokenBudget tokens, or of one text where that is longer.
class SentenceEncoder {
 public:
  // Loads a folder as it is published: config.json, weights (safetensors or pytorch_model.bin), a
  // tokenizer (tokenizer.json or vocab.txt), and modules.json with its folders where it is one of
  // sentence-transformers. Throws FileError, FormatError, ConfigError or ShapeError.
  static SentenceEncoder load(const std::string& folder, const LoadOptions& options = {});
  // The same for a folder whose files are in memory, which must outlive the encoder; `name` stands
  // for the folder in messages.
  static SentenceEncoder load_from_memory(const std::string& name,
                                          std::span<const MemoryFile> files,
                                          const LoadOptions& options = {});
  // Loads the small Chinese model that comes with the library: the one inside the program, where
  // it was built with one, else the folder of default_model_folder(). Throws FileError where there
  // is none.
  static SentenceEncoder load_default(const LoadOptions& options = {}) {
    if (const auto files = embedded_default_model(); !files.empty()) {
      return load_from_memory("default model", files, options);
    }
    return load(default_model_folder(), options);
  }

  SentenceEncoder(SentenceEncoder&& other) noexcept;
  SentenceEncoder& operator=(SentenceEncoder&& other) noexcept;
  ~SentenceEncoder();

  // Throws std::invalid_argument for an option that this model cannot meet, ConfigError for a text
  // with an added token that it has no embedding for, Cancelled when the stop token asks.
  SentenceEmbedding encode(std::string_view text, const EncodeOptions& options = {}) const;
  SentenceEmbeddings encode(std::span<const std::string_view> texts,
                            const EncodeOptions& options = {}) const;
  SentenceEmbeddings encode(std::span<const std::string> texts,
                            const EncodeOptions& options = {}) const;
  // Braces hold texts, as in encode({"one", "another"}) and encode({"one"}); a range of characters
  // is a std::string_view(begin, end).
  SentenceEmbeddings encode(std::initializer_list<std::string_view> texts,
                            const EncodeOptions& options = {}) const {
    return encode(std::span(texts.begin(), texts.size()), options);
  }

  // Writes the vectors to embeddings [texts.size(), output_dim(options)], row-major, and what was
  // encoded of each text where a span is given (empty, or one entry a text). Once the scratch
  // of every thread has grown to such texts, a call allocates nothing but what
  // BertTokenizer::append_input_ids says. Throws as encode() does, and std::invalid_argument for a
  // span of another size.
  void encode_into(std::span<const std::string_view> texts, std::span<float> embeddings,
                   const EncodeOptions& options = {}, std::span<std::size_t> num_tokens = {},
                   std::span<std::uint8_t> truncated = {}) const;

  // The same for texts that are ids already, [CLS] and [SEP] included: no prompt, no truncation.
  // Throws std::invalid_argument for ids outside the vocabulary, texts that are too long and a span
  // of another size.
  void encode_ids_into(const SequenceBatch& texts, std::span<const std::int32_t> input_ids,
                       std::span<float> embeddings, const EncodeOptions& options = {}) const;

  // Length of the vectors that encode() gives with these options. Throws std::invalid_argument for
  // one that this model cannot meet.
  std::size_t output_dim(const EncodeOptions& options = {}) const;
  // Tokens that a text may have at most when the caller sets no limit.
  std::size_t max_length() const noexcept;

  // What the encoder is made of. The compiled form leaves it to whoever asks to include
  // text/bert_tokenizer.h, models/encoder_model.h or loaded_model.h.
  const BertTokenizer& tokenizer() const noexcept;
  const EncoderModel<float>& encoder() const noexcept;
  const LoadedModel& model() const noexcept;

 private:
  explicit SentenceEncoder(std::unique_ptr<const LoadedModel> model);

  // What one call of encode_into() works in.
  struct Scratch;
  // One call's threads, progress and cancellation.
  class Run;

  PoolingPlan plan(const EncodeOptions& options) const;
  std::string_view prompt_of(const EncodeOptions& options) const;
  std::size_t limit_of(const EncodeOptions& options) const noexcept;
  TokenCount append_ids(std::string_view text, std::string_view prompt, std::size_t limit,
                        Scratch& scratch) const;

  std::unique_ptr<const LoadedModel> model_;
  std::unique_ptr<const TokenEncoder> token_encoder_;
  std::unique_ptr<ObjectPool<Scratch>> scratch_;
};

}  // namespace semblance

#if !defined(SEMBLANCE_COMPILED)
#include "semblance/encode_sentences.h"
#endif
