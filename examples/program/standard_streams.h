#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace program {

// Gives the number of each standard stream that is closed to the null device: a file that got it
// would get what is meant for the stream. Reading and writing fail as before, for it is opened the
// other way round.
inline void occupy_standard_streams() noexcept {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    // The lowest number that is free, which is this one.
    [[maybe_unused]] const int opened =
        ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace program
