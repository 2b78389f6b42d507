#pragma once

#include <filesystem>
#include <string>
#include <system_error>

namespace semblance::testing {

// Makes a symbolic link. False where the system, or MinGW's library on it, makes none; throws
// std::filesystem::filesystem_error for any other failure.
inline bool make_link(const std::string& target, const std::string& link) {
  std::error_code error;
  std::filesystem::create_symlink(target, link, error);
  if (error == std::errc::function_not_supported) return false;
  if (error) throw std::filesystem::filesystem_error("cannot link", target, link, error);
  return true;
}

}  // namespace semblance::testing
