#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "semblance/core/compiled.h"
#include "semblance/encode_options.h"
#include "semblance/io/file_source.h"
#include "semblance/io/model_config.h"
#include "semblance/models/encoder_model.h"
#include "semblance/pooling/embedding_head.h"
#include "semblance/pooling/pooling.h"
#include "semblance/text/bert_tokenizer.h"

namespace semblance {

class WeightFiles;

// A model folder, read: what SentenceEncoder works with.
struct LoadedModel {
  std::string folder;
  ModelConfig config;
  std::shared_ptr<const WeightFiles> weights;
  std::unique_ptr<const EncoderModel<float>> encoder;
  std::unique_ptr<const BertTokenizer> tokenizer;
  std::size_t max_length = 0;  // in tokens, [CLS] and [SEP] included

  std::vector<Pooling> poolings{Pooling::cls};  // concatenated in this order
  bool pool_prompt = true;
  std::string pooling_source;  // where the pooling is written, or that it is a default
  EmbeddingHead head;          // what follows the pooling

  std::map<std::string, std::string> prompts;
  std::optional<std::string> default_prompt_name;
  std::string similarity_fn_name = "cosine";
  std::optional<std::size_t> truncate_dim;

  // The text in front of each where a task is given and no prompt, see EncodeOptions. A folder of
  // sentence-transformers always has "query" and "document", empty unless it fills them, so that
  // its default prompt does not count; any other has no prompts. Null: none. Throws
  // std::invalid_argument for a number that is no task.
  const std::string* prompt_of(Task task) const {
    switch (task) {
      case Task::none: return nullptr;
      case Task::query: return first_prompt({"query"});
      case Task::document: return first_prompt({"document", "passage", "corpus"});
    }
    throw std::invalid_argument("task: expected none, query or document, found number " +
                                std::to_string(static_cast<int>(task)));
  }

  // Throws ConfigError for an id without a row in the table of word embeddings, as an added token
  // may have.
  void require_embeddings(std::span<const std::int32_t> input_ids) const;

 private:
  const std::string* first_prompt(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      const auto found = prompts.find(name);
      if (found != prompts.end()) return &found->second;
    }
    return nullptr;
  }
};

// Reads a folder and checks that its parts fit one another. Throws FileError, FormatError,
// ConfigError or ShapeError.
SEMBLANCE_FUNCTION std::unique_ptr<LoadedModel> load_model_folder(const std::string& path,
                                                                  const LoadOptions& options);
// The same for a folder whose files are in memory; they must outlive the model.
SEMBLANCE_FUNCTION std::unique_ptr<LoadedModel> load_model_folder(const std::string& name,
                                                                  std::span<const MemoryFile> files,
                                                                  const LoadOptions& options);

}  // namespace semblance

#if !defined(SEMBLANCE_COMPILED)
#include "semblance/load_model_folder.h"
#endif
