#include "text_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "semblance/core/error.h"
#include "semblance/io/json.h"

namespace program {

namespace {

std::string text_of(const semblance::JsonValue& value) {
  if (value.is_string()) return value.as_string();
  if (!value.is_object()) throw value.error("a string or an object with \"text\"");
  return value.require_string("text");
}

}  // namespace

LineReader::LineReader(const std::string& path)
    : name_(path == "-" ? "standard input" : path), descriptor_(STDIN_FILENO) {
  if (path != "-") descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    throw semblance::FileError(name_ + ": cannot open: " + std::strerror(errno));
  }
  if (S_ISREG(status.st_mode)) file_bytes_ = static_cast<std::uint64_t>(status.st_size);
}

LineReader::~LineReader() {
  if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

bool LineReader::fill() {
  constexpr std::size_t kReadBytes = std::size_t{1} << 16;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t old_size = buffer_.size();
  buffer_.resize(old_size + kReadBytes);
  ssize_t count;
  do {
    count = ::read(descriptor_, buffer_.data() + old_size, kReadBytes);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    throw semblance::FileError(name_ + ": cannot read: " + std::strerror(errno));
  }
  buffer_.resize(old_size + static_cast<std::size_t>(count));
  bytes_read_ += static_cast<std::uint64_t>(count);
  at_end_ = count == 0;
  return !at_end_;
}

std::optional<std::string_view> LineReader::next() {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t newline = buffer_.find('\n', begin_ + searched);
    if (newline != std::string::npos) {
      std::string_view line(buffer_.data() + begin_, newline - begin_);
      if (line.ends_with('\r')) line.remove_suffix(1);
      begin_ = newline + 1;
      ++num_lines_;
      return line;
    }
    searched = buffer_.size() - begin_;
    if (at_end_ || !fill()) break;
  }
  if (begin_ == buffer_.size()) return std::nullopt;
  const std::string_view line(buffer_.data() + begin_, buffer_.size() - begin_);
  begin_ = buffer_.size();
  ++num_lines_;
  return line;
}

bool LineReader::ready() const {
  if (at_end_ || file_bytes_ != 0 || buffer_.find('\n', begin_) != std::string::npos) return true;
  pollfd input{.fd = descriptor_, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, 0) != 0;
}

std::string LineReader::position() const { return name_ + ": line " + std::to_string(num_lines_); }

std::optional<double> LineReader::fraction() const noexcept {
  if (file_bytes_ == 0) return std::nullopt;
  const auto behind = static_cast<double>(bytes_read_ - (buffer_.size() - begin_));
  return std::min(1.0, behind / static_cast<double>(file_bytes_));
}

std::vector<std::string> TextReader::next() {
  std::vector<std::string> texts;
  std::size_t byte_count = 0;
  while (texts.size() < kMaxTexts && byte_count < kMaxBytes) {
    if (!texts.empty() && !lines_.ready()) break;
    const auto line = lines_.next();
    if (!line) break;
    if (format_ == TextFormat::text) {
      texts.emplace_back(*line);
    } else {
      texts.push_back(text_of(semblance::JsonDocument::parse(*line, lines_.position()).root()));
    }
    byte_count += texts.back().size();
  }
  return texts;
}

}  // namespace program
