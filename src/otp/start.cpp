// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Both sides of a server's start; OTP: gen:start and gen_server:init_it. On failure the child gives
// its name back first, then tells the starter, then ends, so that an immediate new start under the
// same name never meets the old one.
#include <troupe/detail/bequest.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/spawn.hpp>

#include "otp/child_stop.hpp"
#include "otp/reply_drop.hpp"
#include "otp/server_loop.hpp"
#include "otp/system_message.hpp"

namespace troupe {

ViaName::~ViaName() = default;

Term StartError::term() const {
  switch (code) {
    case Code::failed:
      return reason.term();
    case Code::ignored:
      return atoms::ignore;
    case Code::already_started:
      return tuple({atoms::already_started, Term{holder}});
    case Code::timeout:
      return atoms::timeout;
  }
  std::unreachable();
}

std::string StartError::to_string() const {
  switch (code) {
    case Code::failed:
      return "the start failed: " + reason.to_string();
    case Code::ignored:
      return "init answered ignore";
    case Code::already_started:
      return "another process has this name already";
    case Code::timeout:
      return "constructor and init took longer than the start's timeout";
  }
  std::unreachable();
}

StartException::StartException(StartError error)
    : ErrorException{tuple({atoms::badmatch, tuple({atoms::error, error.term()})})},
      error_{std::move(error)},
      text_{error_.to_string()} {}

namespace detail {

OwnedServer::~OwnedServer() {
  if (!core_) return;
  const QuietDrops quiet;
  delete core_->step;
  delete core_->watch;
  if (core_->continuation) free_envelope(core_->continuation);
  core_->vtable->destroy(*core_);
}

namespace {

StartError already_started(Pid holder) {
  return StartError{StartError::Code::already_started,
                    ExitReason{tuple({atoms::already_started, Term{holder}})}, holder};
}

// What a server that did not start has left unread waits for the next one. It comes before the DOWN
// of a monitor that is as old as the server.
Async<> take_back(Process& self, Pid pid, Ref monitor, WaitingMail& mail) {
  co_await self.receive(
      when([monitor](const Down& down) { return down.ref == monitor; }, [](Down) {}));
  co_await take_bequest(self, pid, mail);
}

}  // namespace

// --- The starter.

Async<StartOutcome> start_server(Process& self, StartMode mode, Duration timeout,
                                 OwnedEnvelope request) {
  const CallerPlace place{self};
  auto& head = value_of<StartHead>(request.get());
  StartOutcome outcome;
  // The child looks again, but a clash that is there already costs no process and no EXIT.
  const Atom name = head.name.name;
  Pid holder = name == atoms::undefined ? Pid{} : whereis(name);
  if (const Via via = head.name.via) {
    holder = via->holder();
    if (holder && !co_await place(is_alive(self, holder))) holder = {};
  }
  if (holder) {
    outcome.error = already_started(holder);
    co_return outcome;
  }
  const Shared<CountedValue<WaitingMail>> mail = head.name.mail;
  const Newborn born = conceive(
      nullptr,
      SpawnOptions{.link = mode == StartMode::link, .monitor = mode == StartMode::monitor || mail});
  const std::uint64_t id = next_reply_id(self);
  head.call = CallHead{self.pid(), born.pid, id};
  if (mode == StartMode::link) head.parent = self.pid();
  try {
    launch(born, server_main(*born.process), head.vtable->type);
  } catch (...) {
    abandon(born);
    throw;
  }
  if (mail) mail->value.deliver_to(born.pid);
  // Whatever ends the process from now on answers the request.
  send_call(request.release());

  OwnedEnvelope reply{co_await place(ReplyAwaiter{self, id, timeout})};
  outcome.pid = born.pid;
  outcome.monitor = born.monitor;
  if (reply.get() && is_reply_of<StartAnswer>(reply.get())) {
    auto& answer = value_of<Reply<StartAnswer>>(reply.get()).value;
    if (answer.started) {
      if (mail && mode != StartMode::monitor) {
        self.demonitor(std::exchange(outcome.monitor, {}), Flush::yes);
      }
      co_return outcome;
    }
    outcome.error = std::move(answer.error);
    if (mail) co_await take_back(self, born.pid, born.monitor, mail->value);
  } else if (reply.get()) {
    outcome.error.reason = std::move(value_of<Reply<PeerDown>>(reply.get()).value.reason);
    if (mail) co_await take_back(self, born.pid, born.monitor, mail->value);
  } else {
    outcome.error.code = StartError::Code::timeout;
    outcome.error.reason = ExitReason{atoms::timeout};
    co_await place(kill_late_start(self, born.pid, mode == StartMode::link));
  }
  if (outcome.monitor) self.demonitor(outcome.monitor, Flush::yes);
  outcome.pid = {};
  co_return outcome;
}

// --- The server.

namespace {

// Waits for the start request: the first message of the process, unless somebody has guessed its
// pid.
class [[nodiscard]] StartMessage : Receiver {
 public:
  explicit StartMessage(Process& self) : Receiver{&match, infinity}, self_{self} { serves = true; }
  StartMessage(const StartMessage&) = delete;
  ~StartMessage() {
    if (taken) free_envelope(taken);
  }
  bool await_ready() { return begin_receive(self_, *this); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_receive(self_, *this); }
  OwnedEnvelope await_resume() noexcept { return OwnedEnvelope{std::exchange(taken, nullptr)}; }

 private:
  static int match(Receiver&, Envelope* envelope) {
    return is_request(envelope) && request_type_of(envelope).role == RequestRole::start ? 0 : -1;
  }
  Process& self_;
};

void tell(const CallHead& head, StartAnswer answer) {
  answer_call(head, make_reply(head.id, std::move(answer)));
}

// Gives up the start: always throws.
[[noreturn]] void refuse_start(Process& self, const StartHead& head, StartError error,
                               ExitReason reason) {
  const Atom name = head.name.name;
  if (name != atoms::undefined && whereis(name) == self.pid()) unregister_name(name);
  if (head.name.via) head.name.via->release(self);
  report_crash(self, reason, CrashContext{head.vtable, {}});
  tell(head.call, StartAnswer{false, std::move(error)});
  throw ExitException{std::move(reason)};
}

[[noreturn]] void refuse_start(Process& self, const StartHead& head, std::exception_ptr failure) {
  ExitReason reason = reason_of(std::move(failure));
  refuse_start(self, head, StartError{StartError::Code::failed, reason}, reason);
}

void take_name(Process& self, const StartHead& head) {
  const Atom name = head.name.name;
  if (name == atoms::nil || name == atoms::true_ || name == atoms::false_) {
    const ExitReason badarg{atoms::badarg};
    refuse_start(self, head, StartError{StartError::Code::failed, badarg}, badarg);
  }
  while (name != atoms::undefined) {
    try {
      self.register_name(name);
      return;
    } catch (const ErrorException&) {
      // Nobody: it has just been given back.
      if (const Pid holder = whereis(name)) {
        refuse_start(self, head, already_started(holder), ExitReason{});
      }
    }
  }
}

}  // namespace

Async<> bring_up(Process& self, OwnedServer& server) {
  OwnedEnvelope request = co_await StartMessage{self};
  const StartHead head = value_of<StartHead>(request.get());
  UnansweredCall unanswered{self, head.call};
  if (head.name.mail) bequeath_mailbox(self, head.parent);
  // Before the name can be found: a call by it must see of which type this server is going to be,
  // and then waits in the mailbox for the end of init, as in OTP.
  set_behaviour(self, head.vtable);
  take_name(self, head);
  if (head.name.via) {
    if (const Pid holder = co_await head.name.via->claim(self)) {
      refuse_start(self, head, already_started(holder), ExitReason{});
    }
  }

  std::exception_ptr failure;
  try {
    server = OwnedServer{head.construct(self, request.get())};
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) refuse_start(self, head, std::move(failure));
  request = OwnedEnvelope{nullptr};
  server->vtable = head.vtable;
  server->self = &self;
  server->parent = head.parent ? head.parent : self.pid();

  if (head.vtable->init) {
    try {
      head.vtable->init(*server);
      if (server->step && server->step->is_pending) co_await server->step->pending;
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) refuse_start(self, head, std::move(failure));
    if (Step* step = server->step) {
      if (step->ignores) {
        refuse_start(self, head, StartError{StartError::Code::ignored, ExitReason{atoms::normal}},
                     ExitReason{});
      }
      if (step->stops) {
        refuse_start(self, head, StartError{StartError::Code::failed, step->reason}, step->reason);
      }
      delete std::exchange(server->step, nullptr);
    }
  }
  unanswered.answer(make_reply(head.call.id, StartAnswer{true, {}}));
}

}  // namespace detail
}  // namespace troupe
