#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>

namespace server {

// Reads the head of a request as it comes and tells whether every line of it is as RFC 9112,
// section 5, wants it: name, colon, value, CRLF. Others are read by one program so and by the next
// otherwise, and with them where the request ends.
class RequestHead {
 public:
  // The next bytes, of which those behind the head are left aside.
  void take(std::string_view bytes) {
    for (const char c : bytes) {
      if (is_whole_) return;
      if (c != '\n') {
        line_ += c;
      } else {
        end_line();
      }
    }
  }

  bool is_plain() const noexcept { return is_plain_; }

 private:
  void end_line() {
    const bool ends_with_cr = line_.ends_with('\r');
    if (ends_with_cr) line_.pop_back();
    is_plain_ &= ends_with_cr && line_.find('\r') == line_.npos;
    is_whole_ = line_.empty();
    if (!is_whole_ && has_request_line_) is_plain_ &= is_header(line_);
    has_request_line_ = true;
    line_.clear();
  }

  static bool is_header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos || colon == 0) return false;
    const std::string_view name = line.substr(0, colon);
    if (!std::all_of(name.begin(), name.end(), is_token_character)) return false;
    if (!is_framing(name)) return true;
    // cpp-httplib drops a header without a value and decodes %34.
    const std::string_view value = line.substr(colon + 1);
    return value.find_first_not_of(" \t") != value.npos && value.find('%') == value.npos;
  }
  static bool is_token_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  }
  static bool is_framing(std::string_view name) {
    constexpr std::array<std::string_view, 2> kFraming = {"content-length", "transfer-encoding"};
    const auto is_same = [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == b;
    };
    return std::any_of(kFraming.begin(), kFraming.end(), [&](std::string_view framing) {
      return std::equal(name.begin(), name.end(), framing.begin(), framing.end(), is_same);
    });
  }

  std::string line_;
  bool has_request_line_ = false;
  bool is_whole_ = false;
  bool is_plain_ = true;
};

}  // namespace server
