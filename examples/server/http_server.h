#pragma once

// After Eigen where both are needed: the system's resolv.h has a macro _res.
#include <httplib.h>

namespace server {

// cpp-httplib's server over connections of its own. The library's look a hundred times a second
// whether the next request has come, which takes a tenth of a core where 64 are open, and they send
// the head of an answer apart from its body.
class HttpServer : public httplib::Server {
 public:
  HttpServer();
  ~HttpServer() override;

  // Takes no more connections and ends those that are idle; requests that are open get their
  // answers.
  void end();

 private:
  bool process_and_close_socket(socket_t socket) override;

  int ended_[2];  // a pipe whose writing end is closed by end(): the other can be read from then on
};

}  // namespace server
