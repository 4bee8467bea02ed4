// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Elixir's DynamicSupervisor, rule for rule (otp-semantics 9.13).
#include "otp/dynamic_supervisor_server.hpp"

#include <algorithm>

#include <troupe/log.hpp>
#include <troupe/timer.hpp>

#include "otp/child_refusal.hpp"

namespace troupe::detail {

namespace {

// Starts a child by its specification; what its start function throws is its error. A thrown term
// stands for a value that is no answer, as in the other supervisor, and not for {nocatch, Value},
// which Elixir makes of it: its type leaves a start function no other way to give one.
Async<StartOutcome> start_guarded(Process& self, const ChildStart& start, Atom name,
                                  ChildExtras* extras) {
  std::exception_ptr thrown;
  StartOutcome outcome;
  StartName its_name{name, nullptr};
  if (extras) its_name.mail = extras->mail();
  try {
    outcome = co_await start.start(self, std::move(its_name));
  } catch (const ThrownException& value) {
    outcome.error.reason = value.value();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (extras) extras->note_start(monotonic_ns(self));
  if (thrown) outcome.error.reason = ExitReason::from_exception(thrown);
  co_return outcome;
}

// As elsewhere, and what only makes sense with auto_shutdown, which there is none of here.
std::optional<ExitReason> refusal(const ChildSpec& spec) {
  if (!spec.is_significant()) return refusal_of(spec);
  return ExitReason{tuple({Term{Atom{"invalid_significant"}}, atoms::true_})};
}

}  // namespace

Async<StartOutcome> IncompleteChild::start(Process&, StartName) const {
  StartOutcome outcome;
  outcome.error.reason = ExitReason{tuple({atoms::badarg, Term{Atom{"extra_arguments"}}})};
  co_return outcome;
}

DynamicSupervisorServer::DynamicSupervisorServer(Process& self, DynamicSupervisorOptions options)
    : options_{options}, intensity_{options.max_restarts, options.max_seconds} {
  self.trap_exits();
}

void DynamicSupervisorServer::forget(Pid pid) {
  const std::optional<Child> child = children_.take(pid);
  if (!child) return;
  restarting_ -= child->restarting;
  supervisors_ -= child->type == ChildType::supervisor;
}

auto DynamicSupervisorServer::handle_call(Process& self, StartChild request)
    -> Async<StartChild::Reply> {
  const ChildSpec& spec = request.spec;
  if (children_.size() >= options_.max_children) {
    co_return std::unexpected(ChildError{ChildError::Code::max_children, {}, {}});
  }
  if (auto why = refusal(spec)) {
    co_return std::unexpected(ChildError{ChildError::Code::bad_spec, std::move(*why), {}});
  }
  Shared<const ChildStart> start = spec.start()->with(options_.extra_arguments);
  if (!start) start = spec.start();
  std::unique_ptr<ChildExtras> extras = ChildExtras::of(spec);
  StartOutcome outcome = co_await start_guarded(self, *start, spec.name(), extras.get());
  if (!outcome.pid) {
    if (outcome.error.code == StartError::Code::ignored) co_return ChildStarted{};
    co_return std::unexpected(
        ChildError{ChildError::Code::failed, ExitReason{outcome.error.term()}, {}});
  }
  const bool starts_again = spec.restart() != temporary;
  supervisors_ += spec.type() == ChildType::supervisor;
  children_.insert(Pid{outcome.pid},
                   Child{starts_again ? std::move(start) : nullptr, ChildStop::of(spec),
                         spec.name(), spec.type(), false, std::move(extras)});
  events_.tell(self, ChildEvent::Kind::started, atoms::undefined, outcome.pid, Pid{});
  co_return ChildStarted{outcome.pid, std::move(outcome.info)};
}

auto DynamicSupervisorServer::handle_call(Process& self, TerminateChild request)
    -> Async<TerminateChild::Reply> {
  const Child* child = children_.find(request.pid);
  if (!child) co_return std::unexpected(ChildError{ChildError::Code::not_found, {}, {}});
  if (!child->restarting) {
    const ChildStop how = child->stop;
    const ExitReason reason = co_await stop_child(self, request.pid, how);
    report_stop(request.pid, how, reason);
    events_.tell(self, ChildEvent::Kind::stopped, atoms::undefined, request.pid, Pid{}, reason);
  }
  forget(request.pid);
  co_return TerminateChild::Reply{};
}

auto DynamicSupervisorServer::handle_call(WhichChildren) -> WhichChildren::Reply {
  std::vector<ChildInfo> all;
  all.reserve(children_.size());
  for (auto [pid, child] : children_) {
    all.push_back(
        ChildInfo{atoms::undefined, child.restarting ? Pid{} : pid, child.restarting, child.type});
  }
  return all;
}

auto DynamicSupervisorServer::handle_call(CountChildren) -> CountChildren::Reply {
  return ChildCounts{children_.size(), children_.size() - restarting_, supervisors_,
                     children_.size() - supervisors_};
}

Async<Next> DynamicSupervisorServer::handle_info(Process& self, Exit exit) {
  Child* child = children_.find(exit.from);
  if (!child || child->restarting) co_return Next::noreply();
  const Restart kind = child->stop.restart;
  report_end(exit.from, kind, exit.reason);
  events_.tell(self, ChildEvent::Kind::ended, atoms::undefined, exit.from, Pid{}, exit.reason);
  if (kind == permanent || (kind == transient && !exit.reason.is_orderly())) {
    co_return co_await restart(self, exit.from);
  }
  forget(exit.from);
  co_return Next::noreply();
}

Async<Next> DynamicSupervisorServer::restart(Process& self, Pid old) {
  Child& child = *children_.find(old);
  const std::int64_t now = monotonic_ns(self);
  const RestartVerdict verdict = count_restart(old, child.extras.get(), intensity_, now);
  if (verdict != RestartVerdict::restart) {
    events_.tell(self, ChildEvent::Kind::given_up, atoms::undefined, Pid{}, old);
    forget(old);
    co_return verdict == RestartVerdict::end_supervisor ? Next::stop(ExitReason{atoms::shutdown})
                                                        : Next::noreply();
  }
  if (child.extras) {
    if (const auto pause = child.extras->next_pause(self, now)) {
      set_restarting(child);
      child.extras->pause = ++pauses_;
      send_after(self.pid(), *pause, PauseOver{old, child.extras->pause});
      co_return Next::noreply();
    }
  }
  co_return co_await start_again(self, old);
}

void DynamicSupervisorServer::set_restarting(Child& child) {
  restarting_ += !child.restarting;
  child.restarting = true;
}

Async<Next> DynamicSupervisorServer::start_again(Process& self, Pid old) {
  const Child& ended = *children_.find(old);
  const Shared<const ChildStart> start = ended.start;
  StartOutcome outcome = co_await start_guarded(self, *start, ended.name, ended.extras.get());
  if (outcome.pid) {
    Child child = std::move(*children_.find(old));
    forget(old);
    child.restarting = false;
    supervisors_ += child.type == ChildType::supervisor;
    children_.insert(Pid{outcome.pid}, std::move(child));
    events_.tell(self, ChildEvent::Kind::restarted, atoms::undefined, outcome.pid, old);
  } else if (outcome.error.code == StartError::Code::ignored) {
    forget(old);
  } else {
    const ExitReason failure{outcome.error.term()};
    log::error("child {} did not start again: {}", old, failure);
    events_.tell(self, ChildEvent::Kind::failed, atoms::undefined, Pid{}, old, failure);
    set_restarting(*children_.find(old));
    cast(ServerRef<DynamicSupervisorServer>{self.pid()}, TryAgain{old});
  }
  co_return Next::noreply();
}

Async<Next> DynamicSupervisorServer::handle_cast(Process& self, TryAgain request) {
  const Child* child = children_.find(request.pid);
  if (!child || !child->restarting) co_return Next::noreply();
  if (child->extras && child->extras->pause != 0) co_return Next::noreply();
  co_return co_await restart(self, request.pid);
}

Async<Next> DynamicSupervisorServer::handle_info(Process& self, PauseOver message) {
  const Child* child = children_.find(message.pid);
  if (!child || !child->restarting || !child->extras || child->extras->pause != message.pause) {
    co_return Next::noreply();
  }
  child->extras->pause = 0;
  co_return co_await start_again(self, message.pid);
}

void DynamicSupervisorServer::handle_info(Bequest bequest) {
  // Before the EXIT of the child that has left it.
  const Child* child = children_.find(bequest.from);
  if (child && child->extras) child->extras->keep(std::move(bequest));
}

Async<> DynamicSupervisorServer::terminate(Process& self, ExitReason) {
  std::vector<std::pair<Duration, Pid>> limits;
  for (auto [pid, child] : children_) {
    if (child.restarting) continue;
    self.monitor(pid);
    exit(pid, ExitReason{child.stop.brutal ? atoms::kill : atoms::shutdown});
    if (!child.stop.brutal && child.stop.time != infinity)
      limits.emplace_back(child.stop.time, pid);
  }
  std::sort(limits.begin(), limits.end());
  std::size_t next_limit = 0;
  std::size_t left = children_.size() - restarting_;
  const std::int64_t begin = monotonic_ns(self);
  while (left > 0) {
    Duration wait = infinity;
    while (next_limit < limits.size()) {
      const auto& [limit, pid] = limits[next_limit];
      const Duration passed{monotonic_ns(self) - begin};
      if (!children_.contains(pid)) {
        ++next_limit;
      } else if (limit <= passed) {
        exit(pid, ExitReason{atoms::kill});
        ++next_limit;
      } else {
        wait = limit - passed;
        break;
      }
    }
    // Whatever else comes is taken too: it would not be served any more, and skipping over it again
    // for every child would make the end of many children quadratic.
    co_await self.receive(
        [&](Down down) {
          const Child* child = children_.find(down.pid);
          if (!child || child->restarting) return;
          // It had ended before it was told, and has been reported then or is about to be.
          if (!down.reason.is(atoms::noproc)) report_stop(down.pid, child->stop, down.reason);
          events_.tell(self, ChildEvent::Kind::stopped, atoms::undefined, down.pid, Pid{},
                       down.reason);
          forget(down.pid);
          --left;
        },
        [](Any) {}, after(wait, [] {}));
  }
}

Term DynamicSupervisorServer::introspect() const {
  return map({{Term{Atom{"children"}}, Term{children_.size()}},
              {Term{Atom{"restarting"}}, Term{restarting_}}});
}

}  // namespace troupe::detail
