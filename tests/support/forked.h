#pragma once

#if !defined(_WIN32)

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace semblance::testing {

// Whether `body`, run in a child process, returned true within a minute.
template <class Body>
bool true_in_a_fork(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    bool result = false;
    try {
      result = body();
    } catch (...) {  // false it is
    }
    ::_exit(result ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == EXIT_SUCCESS;
}

}  // namespace semblance::testing

#endif
