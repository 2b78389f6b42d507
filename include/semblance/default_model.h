#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "semblance/core/error.h"
#include "semblance/io/file_source.h"

namespace semblance {

// The files of a model inside the program: what the CMake function semblance_embed_default_model()
// defines. Plain C data, so that it can be asked for whether or not it is there.
struct EmbeddedModel {
  const MemoryFile* files;
  std::size_t num_files;
};

}  // namespace semblance

extern "C" {
// Weak: null in a program without a model inside, where the file format of programs allows it.
#if defined(__ELF__)
__attribute__((weak))
#endif
extern const semblance::EmbeddedModel semblance_embedded_default_model;
}

namespace semblance {

// Empty where the program has no model inside.
inline std::span<const MemoryFile> embedded_default_model() noexcept {
#if defined(__ELF__)
  // Read through a volatile pointer: a definition in sight must not make the test a constant.
  const EmbeddedModel* const volatile address = &semblance_embedded_default_model;
  const EmbeddedModel* const model = address;
  if (model != nullptr) return {model->files, model->num_files};
#endif
  return {};
}

// The folder that the build named: in the source tree, or in the data directory of an installed
// package. Both CMake targets define the macro; another build system may define it as it likes.
// Throws FileError where nothing was named.
inline std::string default_model_folder() {
#if defined(SEMBLANCE_DEFAULT_MODEL)
  return SEMBLANCE_DEFAULT_MODEL;
#else
  throw FileError("default model", "",
                  "SEMBLANCE_DEFAULT_MODEL, the folder's path, defined for the compiler",
                  "no definition");
#endif
}

}  // namespace semblance
