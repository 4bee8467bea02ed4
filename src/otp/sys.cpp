// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/call.hpp>

#include "otp/server_loop.hpp"
#include "otp/system_message.hpp"

namespace troupe {
namespace detail {

void handle_system(ServerCore& core, Envelope* envelope) {
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
      answer_call(head, make_reply(head.id, core.vtable->introspect ? core.vtable->introspect(core)
                                                                    : Term{atoms::undefined}));
      return;
    case SystemVerb::get_status:
      answer_call(head, make_reply(head.id, Term{Atom{core.suspended ? "suspended" : "running"}}));
      return;
    case SystemVerb::suspend:
      core.suspended = true;
      answer_call(head, make_reply(head.id, Term{atoms::ok}));
      return;
    case SystemVerb::resume:
      core.suspended = false;
      answer_call(head, make_reply(head.id, Term{atoms::ok}));
      return;
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
  if (!pid) throw ExitException{stop_failure(atoms::noproc, server, reason, timeout)};
  const CallHead head{self.pid(), pid, next_reply_id(self)};
  send_call(make_request(system_type,
                         Call<SystemRequest>{head, SystemRequest{SystemVerb::terminate, reason}}));
  OwnedEnvelope end{co_await ReplyAwaiter{self, head.id, timeout}};
  if (!end.get()) {
    abandon_call(self, head);
    throw ExitException{stop_failure(atoms::timeout, server, reason, timeout)};
  }
  const ExitReason& why = value_of<Reply<PeerDown>>(end.get()).value.reason;
  if (why == reason) co_return;
  throw ExitException{stop_failure(why.term(), server, reason, timeout)};
}

}  // namespace
}  // namespace detail

Async<> stop(Process& self, Pid server, ExitReason reason, Duration timeout) {
  return detail::stop_process(self, server, server, std::move(reason), timeout);
}

Async<> stop(Process& self, Name server, ExitReason reason, Duration timeout) {
  return detail::stop_process(self, whereis(server), server.atom, std::move(reason), timeout);
}

}  // namespace troupe
