#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "semblance/core/version.h"
#include "semblance/io/file_system.h"
#include "semblance/io/weight_files.h"
#include "semblance/simd/kernels.h"

namespace semblance {

namespace detail {

// To be raised when a kernel packs in another way than before.
inline constexpr int kPackedLayout = 1;

// FNV-1a.
class Fingerprint {
 public:
  void add(std::string_view bytes) noexcept {
    for (const char c : bytes) {
      state_ = (state_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
    }
  }
  // Some hundred bytes at places spread over all of them.
  void add_samples(std::span<const std::byte> bytes) noexcept {
    constexpr std::size_t kSamples = 5, kSize = 64;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (std::size_t i = 0; i < kSamples; ++i) {
      const std::size_t room = text.size() - std::min(text.size(), kSize);
      add(text.substr(room / (kSamples - 1) * i, kSize));
    }
  }
  std::string hex() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[state_ >> shift & 15];
    return text;
  }

 private:
  std::uint64_t state_ = 14695981039346656037u;
};

}  // namespace detail

// All that the packed matrices of a model depend on, in words: the library, the panels of the
// kernels, and for each weight file its name, size and time of change, then a fingerprint of every
// tensor's name, shape and some of its values. `known_finite` says that whoever packs them has seen
// every value of the files to be finite, which need not be looked at again.
inline std::string packed_identity(const WeightFiles& files, bool known_finite) {
  std::string identity = "semblance " + std::string(kVersion) + ", layout " +
                         std::to_string(detail::kPackedLayout) + ", panels of " +
                         std::to_string(simd::kernels().panel_width) +
                         (known_finite ? ", finite" : "");
  for (const std::string& path : files.files()) {
    const auto status = detail::status_of(path);
    if (!status) continue;  // gone since it was opened
    identity += ", " + path.substr(path.find_last_of("/\\") + 1) + " of " +
                std::to_string(status->size) + " bytes changed at " +
                std::to_string(status->modified);
  }
  detail::Fingerprint fingerprint;
  for (const std::string_view name : files.names()) {
    fingerprint.add(name);
    const auto tensor = files.find(name);
    fingerprint.add(tensor->to_string());
    fingerprint.add_samples(tensor->bytes());
    files.release(*tensor);
  }
  return identity + ", values " + fingerprint.hex();
}

}  // namespace semblance
