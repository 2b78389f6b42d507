#pragma once

#include <cstddef>

#include "semblance/core/function_ref.h"

namespace semblance {

// Where parallel work runs. The library brings its own (ThreadPool); a program that already has a
// pool hands it over by deriving from this and setting EncodeOptions::executor.
class Executor {
 public:
  virtual ~Executor() = default;

  // How many tasks may run at the same time, the calling thread included; at least 1, and the same
  // throughout a call that was given this executor: scratch is laid out by it.
  virtual std::size_t concurrency() const noexcept = 0;

  // Calls task(0) ... task(num_tasks - 1), each once, in any order and on any thread, and returns
  // when all have returned. An exception of a task is rethrown here once no task runs any longer;
  // tasks not begun by then may be left out. Tasks of the library do not call run(); its calls
  // come from several threads at once only where several were given this executor.
  virtual void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) = 0;
};

// Runs everything on the calling thread.
class InlineExecutor final : public Executor {
 public:
  std::size_t concurrency() const noexcept override { return 1; }
  void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) override {
    for (std::size_t i = 0; i < num_tasks; ++i) task(i);
  }
};

}  // namespace semblance
