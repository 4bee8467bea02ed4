// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <pthread.h>
#include <span>
#include <sys/types.h>

namespace troupe {

// A thread, as another one sees it: how much it computes, whether it hangs in the kernel, and where
// it is. The watched thread must live while it is asked about.
class ThreadProbe {
 public:
  ThreadProbe() noexcept = default;  // of no thread: every answer is "no"
  static ThreadProbe of_this_thread() noexcept;

  // Processor time it has used.
  std::int64_t cpu_ns() const noexcept;

  // Whether it waits in the kernel at this moment: for input, a lock, a page. False while it runs
  // or would run if it had a core.
  bool is_blocked() const noexcept;

  // Its return addresses, innermost first, up to `*outermost`, which is read on that thread (see
  // capture_stack); 0 if it does not answer within 20 ms, because it has the signal blocked or
  // hangs in the kernel for good.
  //
  // The thread is interrupted by SIGURG and reads its own stack there, because nobody else can do
  // so safely while it runs. SIGURG, because it is ignored by default (a stray one is harmless),
  // debuggers let it pass, and hardly a program uses it; one that does keeps its handler, which is
  // called for every SIGURG that is not ours. System calls are restarted where the kernel does
  // that; like every signal it ends a sleep, a poll or a wait for a semaphore early with EINTR.
  std::size_t stack(std::span<void*> frames, const void* const* outermost) const noexcept;

 private:
  pthread_t thread_{};
  pid_t id_ = 0;
};

}  // namespace troupe
