#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "support/temp_folder.h"

namespace semblance::fuzz {

// A model's folder written as one text, for readers of several files: each file begins with a line
// "=== NAME". Names other than the given ones are passed over, so that nothing else is written.
class Folder {
 public:
  explicit Folder(std::span<const std::string_view> names) : names_(names) {
    for (const std::string_view name : names_) {
      std::filesystem::create_directories(file(name).parent_path());
    }
  }

  const std::string& path() const noexcept { return folder_.path(); }

  // Replaces what was there.
  void fill(std::string_view text) const {
    for (const std::string_view name : names_) std::filesystem::remove(file(name));
    constexpr std::string_view kMark = "=== ";
    while (text.starts_with(kMark)) {
      text.remove_prefix(kMark.size());
      const std::string_view name = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(name.size() + 1, text.size()));
      const std::size_t next = text.find("\n=== ");
      for (const std::string_view known : names_) {
        if (name == known) write(name, text.substr(0, next));
      }
      text = next == text.npos ? std::string_view() : text.substr(next + 1);
    }
  }
  void write(std::string_view name, std::string_view content) const {
    std::ofstream out(file(name), std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  std::filesystem::path file(std::string_view name) const {
    return std::filesystem::path(path()) / name;
  }

 private:
  std::span<const std::string_view> names_;
  testing::TempFolder folder_;
};

}  // namespace semblance::fuzz
