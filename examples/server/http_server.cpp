#include "http_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <system_error>

namespace server {
namespace {

// Whether one of the events has come to a file by then; what ends it counts as one.
bool comes_to(int file, short events, int timeout_ms, int ended = -1) {
  std::array<pollfd, 2> files{{{file, events, 0}, {ended, POLLIN, 0}}};
  int found = 0;
  do {
    found = ::poll(files.data(), files.size(), timeout_ms);
  } while (found < 0 && errno == EINTR);
  return found > 0 && files[0].revents != 0;
}

// A socket that the library has given timeouts. What is written waits until the client is to see
// it.
class Connection : public httplib::Stream {
 public:
  explicit Connection(socket_t socket) : socket_(socket) {}

  // Waits for the next request; false after the timeout, or once `ended` can be read.
  bool await(int timeout_ms, int ended) const {
    return first_ != last_ || comes_to(socket_, POLLIN, timeout_ms, ended);
  }

  // Sends what was written.
  bool flush() {
    const bool sent = send(written_.data(), written_.size());
    written_.clear();
    return sent;
  }

  ssize_t read(char* to, std::size_t size) override {
    if (first_ == last_) {
      if (!flush()) return -1;
      const ssize_t count = receive();
      if (count <= 0) return count;
      first_ = 0;
      last_ = static_cast<std::size_t>(count);
    }
    const std::size_t count = std::min(size, last_ - first_);
    std::memcpy(to, received_.data() + first_, count);
    first_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* from, std::size_t size) override {
    if (written_.size() + size <= kTogether) {
      written_.append(from, size);
    } else if (!flush() || !send(from, size)) {
      return -1;
    }
    return static_cast<ssize_t>(size);
  }

  bool is_readable() const override { return first_ != last_ || comes_to(socket_, POLLIN, 0); }
  bool is_writable() const override { return comes_to(socket_, POLLOUT, 0); }
  socket_t socket() const override { return socket_; }
  // No route asks who its client is.
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}

 private:
  static constexpr std::size_t kTogether = std::size_t{1} << 16;  // bytes that are sent at once

  ssize_t receive() {
    ssize_t count = 0;
    do {
      count = ::recv(socket_, received_.data(), received_.size(), 0);
    } while (count < 0 && errno == EINTR);
    return count;
  }

  bool send(const char* from, std::size_t size) const {
    while (size != 0) {
      const ssize_t count = ::send(socket_, from, size, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      from += count;
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }

  socket_t socket_;
  std::array<char, 4096> received_;  // of which [first_, last_) was not read yet
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::string written_;
};

}  // namespace

HttpServer::HttpServer() {
  if (::pipe(ended_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
}

HttpServer::~HttpServer() {
  for (const int file : ended_) {
    if (file >= 0) ::close(file);
  }
}

void HttpServer::end() {
  stop();
  if (ended_[1] >= 0) ::close(ended_[1]);
  ended_[1] = -1;
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket);
  const int timeout_ms = static_cast<int>(keep_alive_timeout_sec_ * 1000);
  bool good = false;
  for (std::size_t left = keep_alive_max_count_; left != 0 && svr_sock_ != INVALID_SOCKET; --left) {
    if (!connection.await(timeout_ms, ended_[0])) break;
    bool closing = false;
    good = process_request(connection, left == 1, closing, nullptr);
    good = connection.flush() && good;
    if (!good || closing) break;
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return good;
}

}  // namespace server
