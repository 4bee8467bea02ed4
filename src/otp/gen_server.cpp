// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The loop of a server; OTP: gen_server:loop. One coroutine per server, whose frame and cell are
// all that an idle server is: whatever only a start, an end or a coroutine handler needs lives in
// frames of their own. A message for a plain handler costs no allocation and no coroutine.
//
// The order of things is OTP's: a pending continuation before the mailbox; a reply before its
// continuation; with a stop, terminate before the reply, and the reply before the end.
#include <exception>

#include "otp/server_loop.hpp"
#include "otp/system_message.hpp"

namespace troupe::detail {

namespace {

// Waits for what the server is to do next: the continuation, or the oldest message, or, null, its
// timeout. Suspended servers take system messages only.
class [[nodiscard]] NextMessage : Receiver {
 public:
  explicit NextMessage(ServerCore& core)
      : Receiver{core.suspended ? &match_system : &match_any,
                 core.suspended ? infinity : core.timeout},
        core_{core} {}
  NextMessage(const NextMessage&) = delete;
  ~NextMessage() {
    if (taken) free_envelope(taken);
  }

  bool await_ready() {
    if (core_.continuation && !core_.suspended) {
      taken = std::exchange(core_.continuation, nullptr);
      return false;
    }
    return begin_receive(*core_.self, *this);
  }
  void await_suspend(std::coroutine_handle<> loop) noexcept {
    // A chain of continuations must let others run in between, as the BEAM would see to.
    if (taken) return Yield{*core_.self}.await_suspend(loop);
    suspend_receive(*core_.self, *this);
  }
  Envelope* await_resume() noexcept { return std::exchange(taken, nullptr); }

 private:
  static int match_any(Receiver&, Envelope*) { return 0; }
  static int match_system(Receiver&, Envelope* envelope) { return is_system(envelope) ? 0 : -1; }

  ServerCore& core_;
};

}  // namespace

Async<> server_main(Process& self) {
  OwnedServer server = co_await bring_up(self);
  for (;;) {
    dispatch(*server, co_await NextMessage{*server});
    if (!server->step) [[likely]]
      continue;
    if (server->step->is_pending) {
      std::exception_ptr failure;
      try {
        co_await server->step->pending;
      } catch (...) {
        failure = std::current_exception();
      }
      server->step->pending = {};
      server->step->is_pending = false;
      if (failure) fail(*server, std::move(failure));
    }
    if (server->step->stops) {
      co_await wind_up(*server);
      co_return;
    }
    delete std::exchange(server->step, nullptr);
  }
}

Async<> wind_up(ServerCore& core) {
  ExitReason reason = core.step->reason;
  if (core.vtable->terminate) {
    std::exception_ptr failure;
    try {
      core.vtable->terminate(core, reason);
      if (core.step->is_pending) co_await core.step->pending;
    } catch (...) {
      failure = std::current_exception();
    }
    // What terminate throws as a term is ignored like what it returns; only a failure counts.
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const ThrownException&) {
      } catch (...) {
        reason = reason_of(failure);
      }
    }
  }
  if (core.step->late_reply) {
    answer_call(core.step->late_head, std::exchange(core.step->late_reply, nullptr));
  }
  report_crash(*core.self, reason, CrashContext{core.vtable, last_message_of(core)});
  if (!reason.is_normal()) throw ExitException{std::move(reason)};
}

}  // namespace troupe::detail
