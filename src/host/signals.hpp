// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <csignal>
#include <expected>
#include <memory>
#include <optional>

#include "host/posix_host.hpp"

namespace troupe {

// SIGTERM and SIGINT as something to watch: after install(), watch source() for reading like a
// socket, and take() when it is ready.
//
// A handler that writes to an eventfd, not signalfd: signalfd needs the signals blocked in every
// thread, those a library started before main included, the blocked mask is inherited by every
// program we start, and a program that hangs before it reads the first signal could not be
// interrupted at all.
//
// The first of the two signals gives SIGINT back its default action, in the handler itself. So an
// impatient second Ctrl-C ends the program at once, killed by SIGINT as shells expect, even when
// every worker is stuck. More SIGTERMs change nothing: service supervisors repeat them.
//
// SIGINT that was ignored when the program began (nohup, a script's background job) stays ignored.
class TerminationSignals {
 public:
  // Errors: too_many_files. One instance at a time (asserted); install it before threads that are
  // not started with start_thread, which would run the handler too. That is harmless to us, but
  // their system calls see EINTR where SA_RESTART does not reach.
  static std::expected<std::unique_ptr<TerminationSignals>, IoError> install(PosixHost& host);

  TerminationSignals(const TerminationSignals&) = delete;
  TerminationSignals& operator=(const TerminationSignals&) = delete;

  // Puts the former actions back.
  ~TerminationSignals();

  SocketId source() const noexcept { return source_; }

  // The signal that asked first since the last call (SIGTERM or SIGINT), or none. After none, watch
  // source() again.
  std::optional<int> take();

 private:
  TerminationSignals(PosixHost& host, SocketId source, int event) noexcept;

  PosixHost& host_;
  const SocketId source_;
  struct sigaction former_term_{};
  struct sigaction former_int_{};
};

}  // namespace troupe
