#pragma once

#include <thread>

#if defined(__linux__) && !defined(__ANDROID__)
#include <pthread.h>
#include <sched.h>
#endif

namespace semblance::detail {

// Keeps a thread off the core of whoever wakes it. On virtual machines, where an idle core looks
// taken (vcpu_is_preempted in Linux), the scheduler wakes a thread on the core of its waker: the
// two then share one core while another idles. Does nothing where threads have no affinity mask.
class CoreAvoidance {
 public:
  // Takes the core of the calling thread out of the mask of `thread`, unless nothing would be left,
  // and gives back the core that it took out before. System calls only when the caller has
  // moved, or nothing can be taken out.
  void avoid_core_of_caller([[maybe_unused]] std::thread& thread) noexcept {
#if defined(__linux__) && !defined(__ANDROID__)
    const int core = sched_getcpu();
    if (core == avoided_ || core < 0 || core >= CPU_SETSIZE) return;
    const auto in_mask = static_cast<unsigned>(core);
    cpu_set_t mask;
    if (pthread_getaffinity_np(thread.native_handle(), sizeof mask, &mask) != 0) return;
    // Another mask than the one set here is somebody's wish, and stays the limit.
    if (taken_ >= 0 && CPU_EQUAL(&mask, &set_)) CPU_SET(static_cast<unsigned>(taken_), &mask);
    const bool allowed = CPU_ISSET(in_mask, &mask);
    CPU_CLR(in_mask, &mask);
    if (CPU_COUNT(&mask) == 0 ||
        pthread_setaffinity_np(thread.native_handle(), sizeof mask, &mask) != 0) {
      return;
    }
    set_ = mask;
    avoided_ = core;
    taken_ = allowed ? core : -1;
#endif
  }

 private:
#if defined(__linux__) && !defined(__ANDROID__)
  int avoided_ = -1;  // the core of the last caller
  int taken_ = -1;    // the core taken out of the mask for it
  cpu_set_t set_{};   // what was then left
#endif
};

}  // namespace semblance::detail
