#pragma once

#include <chrono>
#include <cstddef>

// After Eigen where both are needed: the system's resolv.h has a macro _res.
#include <httplib.h>

namespace server {

// cpp-httplib's server over connections of its own. The library's look a hundred times a second
// whether the next request has come, which takes a tenth of a core where 64 are open, and they send
// the head of an answer apart from its body.
//
// A request is bounded here whatever it says of its own length: in bytes, as they come, and in the
// time that they take; so is the time for which an answer is sent. A head that others may read
// otherwise (RequestHead) is refused, and after a request whose end is in doubt the connection is
// closed, so that nothing of it can pass for the next. Bodies are taken as they are, of whatever
// Content-Type; answers are whole and not compressed, whatever a Range and Accept-Encoding ask for.
class HttpServer : public httplib::Server {
 public:
  // What the routes see in the place of Content-Encoding: the body is still encoded.
  static constexpr const char* kEncodedBody = "X-Encoded-Body";
  // That a head is to be refused.
  static constexpr const char* kDoubtfulHead = "X-Doubtful-Head";

  //   max_body  bytes of a request's body
  explicit HttpServer(std::size_t max_body);
  ~HttpServer() override;

  // Takes no more connections and ends those that are idle or still send a request; requests that
  // are there get their answers, also on connections that wait for a thread.
  void end();

 private:
  bool process_and_close_socket(socket_t socket) override;

  const std::size_t max_body_;
  int ended_[2];  // a pipe whose writing end is closed by end(): the other can be read from then on
};

}  // namespace server
