// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/call.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/log.hpp>

#include "otp/server_loop.hpp"
#include "otp/system_message.hpp"

namespace troupe {
namespace detail {

Term term_of(std::exception_ptr failure) {
  return ExitReason::from_exception(std::move(failure)).term();
}

namespace {

Term state_of_server(const ServerCore& core) {
  return core.vtable->introspect ? core.vtable->introspect(core) : Term{atoms::undefined};
}

}  // namespace

Term shown_state(const ServerCore& core) {
  return core.vtable->format_status ? core.vtable->format_status(core) : state_of_server(core);
}

namespace {

Watch& watch_of(ServerCore& core) {
  if (!core.watch) core.watch = new Watch;
  return *core.watch;
}

void stop_watching(ServerCore& core) {
  if (!core.watch->counts && !core.watch->traces) delete std::exchange(core.watch, nullptr);
}

// Answers in place; true: nothing is left to be done.
template <class T>
void answer(const CallHead& head, T value) {
  answer_call(head, make_reply(head.id, std::move(value)));
}

}  // namespace

void observe(ServerCore& core, const Envelope* envelope) {
  Watch& watch = *core.watch;
  const bool is_asked = envelope && is_request(envelope);
  const RequestRole role = is_asked ? request_type_of(envelope).role : RequestRole::info;
  if (watch.counts) {
    ++(role == RequestRole::call   ? watch.statistics.calls
       : role == RequestRole::cast ? watch.statistics.casts
                                   : watch.statistics.infos);
  }
  if (watch.traces) {
    log::info("{} takes {}", core.vtable->type,
              envelope ? envelope->type->name : std::string_view{"its timeout"});
  }
}

void handle_system(ServerCore& core, Envelope* envelope) {
  const RequestType& type = request_type_of(envelope);
  if (&type != &system_type) {
    // Typed, through a ServerRef: nothing but that server's own code can read it.
    if (type.server == core.vtable) return type.invoke(core, envelope);
    free_envelope(envelope);
    return;
  }
  const CallHead head = call_head(envelope);
  SystemRequest request = take_value<Call<SystemRequest>>(envelope).request;
  switch (request.verb) {
    case SystemVerb::terminate: {
      Step& step = step_of(core);
      step.stops = true;
      step.reason = std::move(request.reason);
      return;  // the end is the answer
    }
    case SystemVerb::get_state:
      return answer(head, state_of_server(core));
    case SystemVerb::get_status:
      return answer(head,
                    sys::Status{core.suspended, core.parent, core.vtable->type, shown_state(core)});
    case SystemVerb::suspend:
    case SystemVerb::resume:
      core.suspended = request.verb == SystemVerb::suspend;
      return answer(head, Done{});
    case SystemVerb::count:
      watch_of(core).counts = request.on;
      core.watch->statistics = sys::Statistics{core.self->monotonic_time()};
      stop_watching(core);
      return answer(head, Done{});
    case SystemVerb::trace:
      watch_of(core).traces = request.on;
      stop_watching(core);
      return answer(head, Done{});
    case SystemVerb::statistics:
      return answer(head, core.watch && core.watch->counts ? std::optional{core.watch->statistics}
                                                           : std::nullopt);
  }
}

namespace {

// OTP's {gen_server, stop, [Server, Reason, Timeout]} around Why.
ExitReason stop_failure(Term why, Term server, const ExitReason& reason, Duration timeout) {
  const Term limit =
      timeout == infinity ? Term{atoms::infinity} : Term{timeout / std::chrono::milliseconds{1}};
  return ExitReason{
      tuple({std::move(why), tuple({Term{Atom{"gen_server"}}, atoms::stop,
                                    list({std::move(server), reason.term(), limit})})})};
}

Async<> stop_process(Process& self, Pid pid, Term server, ExitReason reason, Duration timeout) {
  const detail::CallerPlace place{self};
  if (!pid) throw ExitException{stop_failure(atoms::noproc, server, reason, timeout)};
  const CallHead head{self.pid(), pid, next_reply_id(self)};
  send_call(make_request(system_type,
                         Call<SystemRequest>{head, SystemRequest{SystemVerb::terminate, reason}}));
  OwnedEnvelope end{co_await place(ReplyAwaiter{self, head.id, timeout})};
  if (!end.get()) {
    abandon_call(self, head);
    throw ExitException{stop_failure(atoms::timeout, server, reason, timeout)};
  }
  const ExitReason& why = value_of<Reply<PeerDown>>(end.get()).value.reason;
  if (why == reason) co_return;
  throw ExitException{stop_failure(why.term(), server, reason, timeout)};
}

}  // namespace
// Sends a system request and gives its answer.
template <class R>
CallAwaiter<R, false> ask(Process& self, Pid server, SystemRequest request, Duration timeout) {
  return {
      self, CallTarget{server},
      OwnedEnvelope{make_request(system_type, Call<SystemRequest>{CallHead{}, std::move(request)})},
      timeout};
}

}  // namespace detail

namespace sys {

using detail::SystemRequest;
using detail::SystemVerb;

Async<Term> get_state(Process& self, Pid server, Duration timeout) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      detail::ask<Term>(self, server, SystemRequest{SystemVerb::get_state}, timeout));
}

Async<> suspend(Process& self, Pid server, Duration timeout) {
  const detail::CallerPlace place{self};
  co_await place(detail::ask<void>(self, server, SystemRequest{SystemVerb::suspend}, timeout));
}

Async<> resume(Process& self, Pid server, Duration timeout) {
  const detail::CallerPlace place{self};
  co_await place(detail::ask<void>(self, server, SystemRequest{SystemVerb::resume}, timeout));
}

Async<Status> get_status(Process& self, Pid server, Duration timeout) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      detail::ask<Status>(self, server, SystemRequest{SystemVerb::get_status}, timeout));
}

Async<> terminate(Process& self, Pid server, ExitReason reason, Duration timeout) {
  return stop(self, server, std::move(reason), timeout);
}

Async<> count(Process& self, Pid server, bool on, Duration timeout) {
  const detail::CallerPlace place{self};
  co_await place(
      detail::ask<void>(self, server, SystemRequest{SystemVerb::count, {}, on}, timeout));
}

Async<std::optional<Statistics>> statistics(Process& self, Pid server, Duration timeout) {
  const detail::CallerPlace place{self};
  co_return co_await place(detail::ask<std::optional<Statistics>>(
      self, server, SystemRequest{SystemVerb::statistics}, timeout));
}

Async<> trace(Process& self, Pid server, bool on, Duration timeout) {
  const detail::CallerPlace place{self};
  co_await place(
      detail::ask<void>(self, server, SystemRequest{SystemVerb::trace, {}, on}, timeout));
}

}  // namespace sys

Async<> stop(Process& self, Pid server, ExitReason reason, Duration timeout) {
  return detail::stop_process(self, server, server, std::move(reason), timeout);
}

Async<> stop(Process& self, Name server, ExitReason reason, Duration timeout) {
  return detail::stop_process(self, whereis(server), server.atom, std::move(reason), timeout);
}

}  // namespace troupe
