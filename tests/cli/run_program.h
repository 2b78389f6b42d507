#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_folder.h"

namespace semblance::testing {

inline const std::string kModels = std::string(SEMBLANCE_TEST_DATA) + "/golden/models/";
inline const std::string kModel = kModels + "bert-mlm";

// With what tests of the program ask of their folder.
class TemporaryFolder : public TempFolder {
 public:
  std::string operator/(std::string_view name) const { return path() + "/" + std::string(name); }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      result.push_back(entry.path().filename().string());
    }
    return result;
  }
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A running program whose standard streams are pipes held here.
class RunningProgram {
 public:
  explicit RunningProgram(const std::vector<std::string>& command) {
    std::array<int, 2> in, out, err;
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::pipe2(err.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2");
    }
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    input_ = in[1];
    output_ = out[0];
    errors_ = err[0];
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    close_input();
    ::close(output_);
    ::close(errors_);
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
  }

  // At most what a pipe holds without a reader.
  void write(std::string_view text) const {
    if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("the program does not read");
    }
  }
  void close_input() {
    if (input_ >= 0) ::close(input_);
    input_ = -1;
  }
  // Waits for a whole line of output; empty when there is none within a minute.
  std::string read_line() const {
    std::string line;
    char c = 0;
    pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
    while (::poll(&ready, 1, 60'000) == 1 && ::read(output_, &c, 1) == 1) {
      if (c == '\n') return line;
      line += c;
    }
    return {};
  }
  void kill(int signal_number) const { ::kill(process_, signal_number); }

  // Feeds the rest of the input, collects all output and waits for the end.
  struct Result {
    int status = 0;  // exit status, or 128 + the signal that ended it
    std::string out;
    std::string err;
    long max_resident_kib = 0;
  };
  Result finish(std::string_view input = {}) {
    Result result;
    ::fcntl(input_, F_SETFL, O_NONBLOCK);
    std::array<pollfd, 3> ends{{{.fd = output_, .events = POLLIN, .revents = 0},
                                {.fd = errors_, .events = POLLIN, .revents = 0},
                                {.fd = input_, .events = POLLOUT, .revents = 0}}};
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
      if (input.empty() && ends[2].fd >= 0) {
        close_input();
        ends[2].fd = -1;
      }
      ::poll(ends.data(), ends.size(), -1);
      if (ends[2].fd >= 0 && ends[2].revents != 0) {
        const ssize_t count = ::write(input_, input.data(), input.size());
        input = count < 0 ? std::string_view() : input.substr(static_cast<std::size_t>(count));
      }
      for (const int i : {0, 1}) {
        pollfd& end = ends[static_cast<std::size_t>(i)];
        if (end.fd < 0 || end.revents == 0) continue;
        char bytes[4096];
        const ssize_t count = ::read(end.fd, bytes, sizeof bytes);
        if (count <= 0) {
          end.fd = -1;
        } else {
          (i == 0 ? result.out : result.err).append(bytes, static_cast<std::size_t>(count));
        }
      }
    }
    int status = 0;
    rusage usage{};
    ::wait4(process_, &status, 0, &usage);
    process_ = -1;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.max_resident_kib = usage.ru_maxrss;
    return result;
  }

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
  int errors_ = -1;
};

using ProgramResult = RunningProgram::Result;

inline std::vector<std::string> program_command(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {SEMBLANCE_TEST_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

inline ProgramResult run_program(const std::vector<std::string>& arguments,
                                 std::string_view input = {}) {
  ::signal(SIGPIPE, SIG_IGN);
  return RunningProgram(program_command(arguments)).finish(input);
}

// A shell command, where $PROGRAM is the program.
inline ProgramResult run_shell(const std::string& command) {
  ::setenv("PROGRAM", SEMBLANCE_TEST_PROGRAM, 1);
  return RunningProgram({"/bin/sh", "-c", command}).finish();
}

// Whether it is one line that begins as the program's errors do.
inline bool is_one_error_line(const std::string& text) {
  return text.starts_with("semblance: ") && text.ends_with('\n') &&
         text.find('\n') == text.size() - 1;
}

}  // namespace semblance::testing
