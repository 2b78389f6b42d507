#include "http_server.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "request_head.h"

namespace server {
namespace {

using Clock = std::chrono::steady_clock;

// Whether one of the events has come to a file by then; what ends it counts as one.
bool comes_to(int file, short events, int timeout_ms, int ended = -1) {
  std::array<pollfd, 2> files{{{file, events, 0}, {ended, POLLIN, 0}}};
  int found = 0;
  do {
    found = ::poll(files.data(), files.size(), timeout_ms);
  } while (found < 0 && errno == EINTR);
  return found > 0 && files[0].revents != 0;
}

// A socket. What is written waits until the client is to see it.
class Connection : public httplib::Stream {
 public:
  //   ended  a file that can be read once no more requests are wanted
  Connection(socket_t socket, int ended) : socket_(socket), ended_(ended) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Waits for the next request; false after the timeout, or once `ended` can be read.
  bool await(int timeout_ms) const {
    return first_ != last_ || comes_to(socket_, POLLIN, timeout_ms, ended_);
  }

  // A request begins that has so many bytes at most.
  void begin_request(std::size_t most_bytes) {
    begin_ = num_read_;
    most_bytes_ = most_bytes;
    head_ = {};
    reading_ends_ = Clock::now() + kMostTime;
    sending_ends_.reset();
  }
  // Bytes read since then.
  std::size_t request_bytes() const noexcept { return num_read_ - begin_; }
  // Whether a request that goes on for so many more bytes is the last of those that had come when
  // this was asked first; also where none is left.
  bool is_last_that_came(std::size_t more_bytes) {
    if (!num_came_) {
      int in_socket = 0;
      ::ioctl(socket_, FIONREAD, &in_socket);
      num_came_ = num_read_ + (last_ - first_) + static_cast<std::size_t>(in_socket);
    }
    return num_read_ + more_bytes >= *num_came_;
  }
  bool has_plain_head() const noexcept { return head_.is_plain(); }

  // Sends what was written.
  bool flush() {
    const bool sent = send(written_.data(), written_.size());
    written_.clear();
    return sent;
  }

  // Ends the connection. A close while more comes in would take the answer from a client that is
  // still sending: that is read first, for a moment.
  ~Connection() override {
    ::shutdown(socket_, SHUT_WR);
    const auto deadline = Clock::now() + std::chrono::seconds(1);
    while (Clock::now() < deadline && comes_to(socket_, POLLIN, 100, ended_) && receive() > 0) {
    }
    ::close(socket_);
  }

  ssize_t read(char* to, std::size_t size) override {
    if (request_bytes() == most_bytes_) return -1;
    if (first_ == last_) {
      if (!flush()) return -1;
      sending_ends_.reset();
      const ssize_t count = await_bytes();
      if (count <= 0) return count;
      first_ = 0;
      last_ = static_cast<std::size_t>(count);
    }
    const std::size_t count = std::min({size, last_ - first_, most_bytes_ - request_bytes()});
    std::memcpy(to, received_.data() + first_, count);
    head_.take({to, count});
    first_ += count;
    num_read_ += count;
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
  static constexpr std::chrono::seconds kMostTime{60};            // of a request, and of its answer
  static constexpr std::chrono::milliseconds kPause{10'000};      // between bytes of either

  // As ::recv(); negative with errno EAGAIN where nothing is there.
  ssize_t receive() {
    ssize_t count = 0;
    do {
      count = ::recv(socket_, received_.data(), received_.size(), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    return count;
  }

  ssize_t await_bytes() {
    for (;;) {
      const ssize_t count = receive();
      if (count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return count;
      const int wait_ms = pause_before(reading_ends_);
      if (wait_ms == 0 || !comes_to(socket_, POLLIN, wait_ms, ended_)) return -1;
    }
  }

  bool send(const char* from, std::size_t size) {
    if (!sending_ends_) sending_ends_ = Clock::now() + kMostTime;
    while (size != 0) {
      const ssize_t count = ::send(socket_, from, size, MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count >= 0) {
        from += count;
        size -= static_cast<std::size_t>(count);
        continue;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
      const int wait_ms = pause_before(*sending_ends_);
      if (wait_ms == 0 || !comes_to(socket_, POLLOUT, wait_ms)) return false;
    }
    return true;
  }

  // Milliseconds that may be waited for what must have come by `end`; 0 from then on.
  static int pause_before(Clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kPause).count());
  }

  socket_t socket_;
  int ended_;
  std::array<char, 4096> received_;  // of which [first_, last_) was not read yet
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::size_t num_read_ = 0;
  std::size_t begin_ = 0;  // of the request, counted as num_read_ is
  std::optional<std::size_t> num_came_;
  std::size_t most_bytes_ = 0;
  RequestHead head_;
  Clock::time_point reading_ends_;
  std::optional<Clock::time_point> sending_ends_;  // once the answer is begun
  std::string written_;
};

// The bytes of the body behind a request's head, where that alone says where the next one begins.
std::optional<std::size_t> body_bytes(const httplib::Request& request) {
  const std::size_t num_lengths = request.get_header_value_count("Content-Length");
  if (request.has_header("Transfer-Encoding") || num_lengths > 1) return std::nullopt;
  if (num_lengths == 0) return 0;
  const std::string digits = request.get_header_value("Content-Length");
  const char* const end = digits.data() + digits.size();
  std::size_t bytes = 0;
  const auto [last, error] = std::from_chars(digits.data(), end, bytes);
  if (error != std::errc() || last != end) return std::nullopt;
  // The library reads no body of these.
  const bool is_left =
      request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
  if (is_left && bytes != 0) return std::nullopt;
  return bytes;
}

// Takes out of a head what the library would act upon and this server does not offer.
void simplify(httplib::Request& request) {
  for (const char* name : {"Range", "Accept-Encoding", "Content-Type", HttpServer::kEncodedBody,
                           HttpServer::kDoubtfulHead}) {
    request.headers.erase(name);
  }
  request.ranges.clear();
  if (request.has_header("Content-Encoding")) {
    request.set_header(HttpServer::kEncodedBody, request.get_header_value("Content-Encoding"));
    request.headers.erase("Content-Encoding");
  }
  if (!request.has_header("Transfer-Encoding") && !request.has_header("Content-Length")) {
    request.set_header("Content-Length", "0");  // RFC 9112, section 6.3
  }
}

bool asks_to_close(const httplib::Request& request) {
  std::string value = request.get_header_value("Connection");
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return value.find("close") != std::string::npos;
}

}  // namespace

HttpServer::HttpServer(std::size_t max_body) : max_body_(max_body) {
  set_payload_max_length(max_body);
  set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!request.has_header(kDoubtfulHead)) return HandlerResponse::Unhandled;
    response.status = 400;
    return HandlerResponse::Handled;
  });
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.get_header_value("Connection") == "close") response.headers.erase("Keep-Alive");
  });
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

// Serves the requests of a connection until it is to end; whether that went well.
bool HttpServer::process_and_close_socket(socket_t socket) try {
  constexpr std::size_t kMostHeadBytes = std::size_t{1} << 16;
  Connection connection(socket, ended_[0]);
  const int timeout_ms = static_cast<int>(keep_alive_timeout_sec_ * 1000);
  bool good = false;
  for (std::size_t left = keep_alive_max_count_; left != 0; --left) {
    if (!connection.await(timeout_ms)) break;
    const auto has_ended = [&] { return svr_sock_ == INVALID_SOCKET; };
    if (has_ended() && connection.is_last_that_came(0)) break;
    connection.begin_request(kMostHeadBytes + max_body_);
    std::optional<std::size_t> whole;  // bytes of the request
    bool closing = false;
    // Not called for a head that the library refuses.
    const auto read_head = [&](httplib::Request& request) {
      whole = body_bytes(request);
      const bool is_last = has_ended() && whole && connection.is_last_that_came(*whole);
      const bool is_doubtful = !connection.has_plain_head();
      if (whole) *whole += connection.request_bytes();
      closing = closing || !whole || is_last || is_doubtful || asks_to_close(request);
      simplify(request);
      if (is_doubtful) request.set_header(kDoubtfulHead, "1");
      if (closing) {
        request.headers.erase("Connection");
        request.set_header("Connection", "close");  // which the answer then says too
      }
    };
    good = process_request(connection, left == 1, closing, read_head);
    good = connection.flush() && good;
    if (!good || closing || connection.request_bytes() != whole) break;
  }
  return good;
} catch (const std::bad_alloc&) {
  return false;  // the other connections go on
}

}  // namespace server
