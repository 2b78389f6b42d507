#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "semblance/core/executor.h"
#include "semblance/pooling/pooling.h"
#include "semblance/pooling/whitening_transform.h"
#include "semblance/tensor/precision.h"

namespace semblance {

struct LoadOptions {
  // False: modules.json is left aside; the bare encoder, whose pooling is cls unless asked
  // otherwise.
  bool use_modules = true;
  // True: weight files are read into memory instead of mapped, so that a file that shrinks or
  // changes later does no harm.
  bool copy_files = false;
  // False: weights with a NaN or an infinity anywhere are refused. True: they are taken as they
  // are, unread until used; vectors may then be NaN.
  bool allow_non_finite = false;
  // Threads that pack the weights; 0 means one a core.
  std::size_t num_threads = 0;
  // What the matrices of the layers are kept and multiplied in. Absent: as the folder is, float32
  // for one that is not quantized.
  std::optional<Precision> precision = {};
  // A file that keeps the packed weights from one load to the next: written where there is none
  // that fits the model and this machine's kernels, and mapped, so that later loads are quicker and
  // processes share the pages. Empty: every process packs its own.
  std::string packed_cache = {};
  // A file of words in jieba's format (word, count, tag), which a RoFormerTokenizer needs to split
  // texts; not read for any other tokenizer.
  std::string dictionary = {};
};

// What texts are encoded for, where a folder has prompts for that.
enum class Task : std::uint8_t { none, query, document };

struct EncodeOptions {
  // At most so many texts go through the encoder together, on each thread; 0 counts as 1. The
  // vectors do not depend on it.
  std::size_t batch_size = 32;
  // Replaces the folder's pooling and every module after it.
  std::optional<Pooling> pooling = {};
  // True: every vector ends with length 1. False: a Normalize module of the folder is skipped.
  // Absent: as the folder says, and no normalization where it says nothing.
  std::optional<bool> normalize = {};
  // Most tokens a text may have, [CLS] and [SEP] included; 0 means the model's own limit, which no
  // value exceeds.
  std::size_t max_length = 0;
  // Applied to the vectors as they come out of the pooling and the folder's modules, unnormalized
  // and cut by the folder's truncate_dim; what normalize and dim say is done afterwards. Must
  // outlive the call.
  const Whitening* whitening = nullptr;
  // Keeps the first `dim` dimensions (Kusupati et al. 2022, Matryoshka representations), normalized
  // again when the vectors are normalized; 0 keeps all, or what the folder's truncate_dim says.
  std::size_t dim = 0;
  // Text put in front of every text, or the name of one of the folder's prompts; absent means that
  // of the task, else the folder's default prompt, if it has one.
  std::optional<std::string> prompt = {};
  std::optional<std::string> prompt_name = {};
  // Takes the prompt that encode_query() or encode_document() of sentence-transformers takes:
  // "query", or the first there is of "document", "passage" and "corpus".
  Task task = Task::none;
  // Most threads to use, the calling one included, 256 or one a core where it is more; 0 means one
  // a core. 1 starts no thread.
  std::size_t num_threads = 0;
  // Called after each group of texts with the number of texts done and of all; on any thread, one
  // call at a time.
  std::function<void(std::size_t done, std::size_t total)> progress = {};
  // When stop is requested, encode() throws Cancelled soon after.
  std::stop_token stop_token = {};
  // Runs the work instead of the library's own threads; num_threads is then ignored. Must outlive
  // the call.
  Executor* executor = nullptr;
};

}  // namespace semblance
