// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The loop of a server; OTP: gen_server:loop. One coroutine per server, whose frame and cell are
// all that an idle server is: whatever only a start, an end or a coroutine handler needs lives in
// frames of their own. A message for a plain handler costs no allocation, and the loop is not even
// resumed for it (detail/in_place.hpp).
//
// The order of things is OTP's: a pending continuation before the mailbox; a reply before its
// continuation; with a stop, terminate before the reply, and the reply before the end.
#include <exception>

#include <troupe/detail/in_place.hpp>
#include <troupe/dormant.hpp>
#include <troupe/log.hpp>

#include "base/thrown.hpp"
#include "otp/reply_drop.hpp"
#include "otp/server_loop.hpp"
#include "otp/system_message.hpp"

namespace troupe::detail {

namespace {

// What a server process holds while it lives.
struct Life {
  // Not inlined, like the other functions the loop calls: what is inlined into a coroutine may end
  // up in its frame, which every idle server keeps.
  [[gnu::noinline]] ~Life() {
    const QuietDrops quiet;
    pending = {};
  }
  Process& self;
  OwnedServer server = {};
  Async<> pending = {};  // the start, a coroutine handler, or the end: whatever is being awaited
  enum class Stage : std::uint8_t { starting, serving, ending } stage = Stage::starting;
  bool is_pending = true;
};

// One thing that the server does: wait for a message and handle it, or await what is pending. There
// is one place in the loop that waits, for whatever it is, so that the frame of an idle server
// holds one awaiter. Yields false at the end.
class [[nodiscard]] Activity : Receiver {
 public:
  explicit Activity(Life& life) : Receiver{&match_any, infinity}, life_{life} { serves = true; }
  Activity(const Activity&) = delete;
  [[gnu::noinline]] ~Activity() {
    if (taken) free_envelope(taken);
  }

  [[gnu::noinline]] bool await_ready() {
    if (life_.is_pending) return false;
    ServerCore& core = *life_.server;
    if (core.suspended) {
      match = &match_system;
    } else {
      if (core.continuation) {
        taken = std::exchange(core.continuation, nullptr);
        return false;
      }
      if (core.timeout == infinity) {
        match = &serve;
        clause = in_place;
      } else {
        timeout_ns = core.timeout.count();
      }
    }
    return begin_receive(life_.self, *this);
  }

  [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise<void>> loop) {
    if (life_.is_pending) {
      life_.pending.operator co_await().await_suspend(loop);
    } else if (taken) {
      // A chain of continuations must let others run in between, as the BEAM would see to.
      Yield{life_.self}.await_suspend(loop);
    } else {
      suspend_receive(life_.self, *this);
    }
  }

  [[gnu::noinline]] bool await_resume() {
    if (life_.is_pending) {
      finish_pending();
    } else if (!is_in_place(*this)) {
      dispatch(*life_.server, std::exchange(taken, nullptr));
    }
    return !life_.server->step || take_step();
  }

 private:
  static int match_any(Receiver&, Envelope*) { return 0; }
  // Most handlers leave nothing to be done, and then the loop need not even be woken.
  static int serve(Receiver& self, Envelope* envelope) {
    ServerCore& core = *static_cast<Activity&>(self).life_.server;
    dispatch(core, envelope);
    return core.step || core.continuation || core.suspended || core.timeout != infinity ? 1 : 0;
  }
  static int match_system(Receiver&, Envelope* envelope) { return is_system(envelope) ? 0 : -1; }

  void finish_pending() {
    life_.is_pending = false;
    std::exception_ptr failure;
    try {
      life_.pending.operator co_await().await_resume();
      life_.pending = {};
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      // The server ends of it, and that is what its callers are told.
      const QuietDrops quiet;
      life_.pending = {};
      if (life_.stage != Life::Stage::serving) std::rethrow_exception(failure);
      fail(*life_.server, std::move(failure));
    }
    if (life_.stage == Life::Stage::starting) life_.stage = Life::Stage::serving;
  }

  // Goes on with what the handler has left to be done; false: that was the end.
  bool take_step() {
    ServerCore& core = *life_.server;
    Step& step = *core.step;
    if (life_.stage == Life::Stage::ending) return false;
    if (step.is_pending) {
      step.is_pending = false;
      life_.pending = std::move(step.pending);
      life_.is_pending = true;
    } else if (step.stops) {
      life_.stage = Life::Stage::ending;
      life_.pending = wind_up(core);
      life_.is_pending = true;
    } else {
      delete std::exchange(core.step, nullptr);
    }
    return true;
  }

  Life& life_;
};

[[gnu::noinline]] void begin(Life& life) { life.pending = bring_up(life.self, life.server); }

}  // namespace

Async<> server_main(Process& self) {
  Life life{self};
  begin(life);
  while (co_await Activity{life}) {
  }
}

namespace {

Async<> serve_on(Process& self, OwnedServer server) {
  Life life{.self = self,
            .server = std::move(server),
            .stage = Life::Stage::serving,
            .is_pending = false};
  while (co_await Activity{life}) {
  }
}

}  // namespace

Async<> resume_server(Process& self, ServerCore* core) {
  core->self = &self;
  core->parent = self.pid();
  return serve_on(self, OwnedServer{core});
}

namespace {

// Of a state that a failed handler may have left in any condition. A text of any length makes a
// report nobody reads.
std::string text_of_state(const ServerCore& core) {
  constexpr std::size_t longest = 1000;
  if (!core.vtable->introspect && !core.vtable->format_status) return {};
  std::string text;
  try {
    text = log::Argument{shown_state(core)}.text();
  } catch (...) {
    text = "unreadable: " + reason_of(std::current_exception()).to_string();
  }
  if (text.size() > longest) text.replace(longest, std::string::npos, "...");
  return text;
}

}  // namespace

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
    if (failure && !thrown_as<ThrownException>(failure)) reason = reason_of(failure);
  }
  if (core.step->late_reply) {
    answer_call(core.step->late_head, std::exchange(core.step->late_reply, nullptr));
  }
  const bool is_told = !reason.is_orderly() && log::level() <= log::Level::error;
  const std::string state = is_told ? text_of_state(core) : std::string{};
  report_crash(*core.self, reason, CrashContext{core.vtable, last_message_of(core), state});
  // Not thrown: nothing is left between here and the end that could catch it.
  if (!reason.is_normal()) end_with(*core.self, std::move(reason));
}

}  // namespace troupe::detail
