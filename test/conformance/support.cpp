// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "conformance/support.hpp"

#include <algorithm>

namespace troupe::conformance {

Async<> wait_for_ever(Process& self) { co_await self.receive<Never>(); }

void end_at_once(Process&) {}

void exit_with(Process& self, Term reason) { self.exit(std::move(reason)); }

Async<> exit_on_go(Process& self, Term reason) {
  co_await self.receive<Go>();
  self.exit(std::move(reason));
}

Term norm(const Term& reason) {
  if (!reason.is_tuple(2)) return reason;
  const Term& second = reason[1];
  if (second.is_list() && second.size() > 0 && second[0].is_tuple(4)) {
    return tuple({reason[0], atom("stacktrace")});
  }
  if (second.is_tuple(3) && second[0].is_atom() && second[1].is_atom() && second[2].is_list()) {
    return tuple({norm(reason[0]), second[1]});
  }
  return reason;
}

Term norm(const ExitReason& reason) {
  // A stack may be empty where the throw site was not recorded; then the report still says that
  // this is an exception.
  const Term& term = reason.term();
  if (reason.exception() && term.is_tuple(2) && term[1].is_list()) {
    return tuple({term[0], atom("stacktrace")});
  }
  return norm(term);
}

Async<Term> wait(Process& self, Ref monitor) {
  co_return co_await self.receive(when([monitor](const Down& down) { return down.ref == monitor; },
                                       [](Down down) { return norm(down.reason); }));
}

Async<Term> exit_of(Process& self, Pid from) {
  co_return co_await self.receive(when([from](const Exit& m) { return m.from == from; },
                                       [](Exit m) { return norm(m.reason); }));
}

Async<Term> down(Process& self, Pid pid) { return wait(self, self.monitor(pid)); }

Term to_term(const Exit& message) {
  return tuple({atoms::EXIT, message.from, norm(message.reason)});
}

Term to_term(const Down& message) {
  const Term who = message.name == atoms::undefined ? Term{message.pid} : Term{message.name};
  return tuple({message.tag, message.ref, atoms::process, who, norm(message.reason)});
}

Async<> take(Process& self, Term message) {
  co_await self.receive(
      when([message](const Term& candidate) { return candidate == message; }, [](Term) {}));
}

Async<> queued(Process& self, Pid pid, std::size_t length) {
  co_await until(self, [&self, pid, length]() -> Async<bool> {
    const auto info = co_await process_info(self, pid);
    co_return info && info->mailbox_length == length;
  });
}

Async<ProcessInfo> info_of(Process& self, Pid pid) {
  auto info = co_await process_info(self, pid);
  if (!info) throw ErrorException{tuple({atoms::badarg, pid})};
  co_return std::move(*info);
}

Term uniq(const std::vector<Term>& terms) {
  std::vector<Term> distinct;
  for (const Term& term : terms) {
    if (std::ranges::find(distinct, term) == distinct.end()) distinct.push_back(term);
  }
  return list(distinct);
}

Term milliseconds_or_false(std::optional<Duration> left) {
  if (!left) return false;
  return std::chrono::floor<std::chrono::milliseconds>(*left).count();
}

}  // namespace troupe::conformance
