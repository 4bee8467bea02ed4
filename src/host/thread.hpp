// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace troupe {

// Names the calling thread for ps, top, gdb and perf; the kernel keeps the first 15 bytes.
void set_thread_name(std::string_view name) noexcept;

// While it lives, the calling thread takes none of the signals programs handle (SIGTERM, SIGINT,
// SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM), and neither do the threads it starts: those for
// good.
class SignalsHeldBack {
 public:
  SignalsHeldBack() noexcept;
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;
  ~SignalsHeldBack();

 private:
  sigset_t former_;
};

// Starts a thread under a name. Signals meant for the program are left to the thread that called
// main, from its first instruction on, so that handlers do not interrupt a worker. Faults,
// profilers' and directed signals arrive as ever. Throws std::system_error when no thread can be
// had.
template <typename Body>
std::thread start_thread(std::string name, Body body) {
  const SignalsHeldBack held;
  return std::thread{[name = std::move(name), body = std::move(body)]() mutable {
    set_thread_name(name);
    body();
  }};
}

// How many threads can really run at once: the cores this process may use (taskset, cpusets),
// limited by its cgroup's processor quota (containers), which is rounded up. At least 1.
unsigned usable_cores();

// The tightest quota, in thousandths of a core, that the version 2 or version 1 processor
// controller under `mount` sets for the cgroup of this process or for one above it. `membership` is
// the text of /proc/self/cgroup. None when there is no limit or it cannot be read.
std::optional<long> cgroup_quota(const std::string& mount, std::string_view membership);

}  // namespace troupe
