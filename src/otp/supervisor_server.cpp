// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// OTP's supervisor, rule for rule (otp-semantics 9). Children stand in a list in the order of their
// start, and are found by id and by pid in constant time. What restarts a group works on the tail
// of that list from some child on: all of it for one_for_all.
#include "otp/supervisor_server.hpp"

#include <algorithm>

#include <troupe/log.hpp>
#include <troupe/timer.hpp>

#include "otp/child_refusal.hpp"
#include "otp/child_stop.hpp"

namespace troupe::detail {

namespace {

Term pair(std::string_view key, Term value) { return tuple({Term{Atom{key}}, std::move(value)}); }

ChildError error(ChildError::Code code) { return ChildError{code, {}, {}}; }

}  // namespace

SupervisorServer::SupervisorServer(Process& self, Children children, SupervisorOptions options)
    : initial_{std::move(children)},
      options_{options},
      intensity_{options.max_restarts, options.max_seconds} {
  self.trap_exits();
}

// --- Bookkeeping.

void SupervisorServer::add(ChildSpec spec) {
  std::unique_ptr<ChildExtras> extras = ChildExtras::of(spec);
  children_.push_back(Child{.spec = std::move(spec), .pid = {}, .extras = std::move(extras)});
  by_id_.insert(Term{children_.back().spec.id()}, std::prev(children_.end()));
}

auto SupervisorServer::find(const Term& id) -> Place* { return by_id_.find(id); }

void SupervisorServer::set_running(Place place, Pid pid) {
  place->pid = pid;
  place->state = Child::State::running;
  by_pid_.insert(Pid{pid}, place);
}

void SupervisorServer::set_stopped(Place place, Child::State state) {
  if (place->state == Child::State::running) {
    by_pid_.erase(place->pid);
    place->previous = place->pid;
  }
  place->pid = {};
  place->state = state;
}

void SupervisorServer::forget(Place place) {
  set_stopped(place, Child::State::stopped);
  by_id_.erase(place->spec.id());
  children_.erase(place);
}

std::optional<ExitReason> SupervisorServer::refusal(const ChildSpec& spec) const {
  const auto combination = [](Term first, Term second) {
    return ExitReason{pair("bad_combination", list({std::move(first), std::move(second)}))};
  };
  if (auto why = refusal_of(spec)) return why;
  if (!spec.is_significant()) return std::nullopt;
  if (options_.auto_shutdown == AutoShutdown::never) {
    return combination(pair("auto_shutdown", Term{Atom{"never"}}), pair("significant", true));
  }
  if (spec.restart() == permanent) {
    return combination(pair("restart", Term{Atom{"permanent"}}), pair("significant", true));
  }
  return std::nullopt;
}

// --- Starting and stopping.

Async<std::optional<ExitReason>> SupervisorServer::start(Process& self, Place place,
                                                         ChildEvent::Kind kind, Term* info) {
  std::exception_ptr thrown;
  StartOutcome outcome;
  StartName name{place->spec.name()};
  if (place->extras) name.mail = place->extras->mail();
  try {
    outcome = co_await place->spec.start()->start(self, std::move(name));
  } catch (const ThrownException& value) {
    // OTP catches the call of the start function, which makes a thrown term what it gave back.
    outcome.error.reason = value.value();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (place->extras) place->extras->note_start(monotonic_ns(self));
  if (thrown) {
    co_return ExitReason{tuple({atoms::EXIT, ExitReason::from_exception(thrown).term()})};
  }
  if (outcome.pid) {
    set_running(place, outcome.pid);
    events_.tell(self, kind, place->spec.id(), outcome.pid, place->previous);
    if (info) *info = std::move(outcome.info);
    co_return std::nullopt;
  }
  set_stopped(place, Child::State::stopped);
  if (outcome.error.code == StartError::Code::ignored) co_return std::nullopt;
  co_return ExitReason{outcome.error.term()};
}

Async<> SupervisorServer::stop(Process& self, Place place) {
  if (place->state == Child::State::running) {
    const ChildStop how = ChildStop::of(place->spec);
    const Pid pid = place->pid;
    const ExitReason reason = co_await stop_child(self, pid, how);
    report_stop(place->spec.id(), how, reason);
    if (place->extras && place->extras->mail()) {
      // Now: once the child is started again its pid says nothing any more.
      co_await take_bequest(self, pid, place->extras->mail()->value);
    }
    events_.tell(self, ChildEvent::Kind::stopped, place->spec.id(), pid, Pid{}, reason);
  }
  set_stopped(place, Child::State::stopped);
}

Async<> SupervisorServer::stop_from(Process& self, Place first) {
  for (Place place = children_.end(); place != first;) {
    --place;
    co_await stop(self, place);
  }
  for (Place place = first; place != children_.end();) {
    const Place next = std::next(place);
    if (place->spec.restart() == temporary) forget(place);
    place = next;
  }
}

void SupervisorServer::try_again(Process& self, Place place, const ExitReason& failure) {
  log::error("child {} did not start again: {}", place->spec.id(), failure);
  events_.tell(self, ChildEvent::Kind::failed, place->spec.id(), Pid{}, place->previous, failure);
  place->state = Child::State::restarting;
  cast(ServerRef<SupervisorServer>{self.pid()}, TryAgain{place->spec.id()});
}

Async<> SupervisorServer::start_from(Process& self, Place first) {
  for (Place place = first; place != children_.end(); ++place) {
    if (const auto failure = co_await start(self, place, ChildEvent::Kind::restarted)) {
      co_return try_again(self, place, *failure);
    }
  }
}

Async<Init> SupervisorServer::init(Process& self) {
  const auto refuse = [](Term what) {
    const std::string advice = advice_on(what);
    log::error("a supervisor does not start: {}{}{}", what, advice.empty() ? "" : ": ", advice);
    return Init::stop(ExitReason{pair("start_spec", std::move(what))});
  };
  for (ChildSpec& spec : initial_) {
    if (const auto why = refusal(spec)) co_return refuse(why->term());
    if (by_id_.contains(spec.id())) co_return refuse(pair("duplicate_child_name", spec.id()));
    add(std::move(spec));
  }
  initial_ = {};
  for (Place place = children_.begin(); place != children_.end();) {
    const Place next = std::next(place);
    if (std::optional<ExitReason> failure = co_await start(self, place)) {
      const Term id = place->spec.id();
      co_await stop_from(self, children_.begin());
      co_return Init::stop(ExitReason::shutdown_with(
          tuple({Term{Atom{"failed_to_start_child"}}, id, failure->term()})));
    }
    // A temporary child that was ignored is forgotten.
    if (place->state != Child::State::running && place->spec.restart() == temporary) forget(place);
    place = next;
  }
  co_return Init::ok();
}

Async<> SupervisorServer::terminate(Process& self, ExitReason) {
  co_await stop_from(self, children_.begin());
}

// --- A child ends.

Async<Next> SupervisorServer::handle_info(Process& self, Exit exit) {
  Place* found = by_pid_.find(exit.from);
  if (!found) co_return Next::noreply();  // a stranger's, even if linked
  const Place place = *found;
  report_end(place->spec.id(), place->spec.restart(), exit.reason);
  events_.tell(self, ChildEvent::Kind::ended, place->spec.id(), exit.from, Pid{}, exit.reason);
  set_stopped(place, Child::State::stopped);
  const Restart kind = place->spec.restart();
  if (kind == permanent || (kind == transient && !exit.reason.is_orderly())) {
    co_return co_await restart(self, place);
  }
  co_return after_end(place);
}

Next SupervisorServer::after_end(Place ended) {
  const bool significant = ended->spec.is_significant();
  if (ended->extras) ended->extras->drop_mail();
  if (ended->spec.restart() == temporary) forget(ended);
  if (!significant) return Next::noreply();
  if (options_.auto_shutdown == AutoShutdown::all_significant) {
    for (const Child& child : children_) {
      if (child.spec.is_significant() && child.state == Child::State::running) {
        return Next::noreply();
      }
    }
  }
  return Next::stop(ExitReason{atoms::shutdown});
}

Async<Next> SupervisorServer::restart(Process& self, Place place) {
  const std::int64_t now = monotonic_ns(self);
  const RestartVerdict verdict =
      count_restart(place->spec.id(), place->extras.get(), intensity_, now);
  if (verdict == RestartVerdict::restart) {
    if (pause(self, place, now)) co_return Next::noreply();
    co_return co_await start_again(self, place);
  }
  events_.tell(self, ChildEvent::Kind::given_up, place->spec.id(), Pid{}, place->previous);
  if (verdict == RestartVerdict::end_supervisor) {
    co_return Next::stop(ExitReason{atoms::shutdown});
  }
  set_stopped(place, Child::State::stopped);
  co_return after_end(place);
}

bool SupervisorServer::pause(Process& self, Place place, std::int64_t now_ns) {
  if (!place->extras) return false;
  const auto time = place->extras->next_pause(self, now_ns);
  if (!time) return false;
  set_stopped(place, Child::State::restarting);
  place->extras->pause = ++pauses_;
  send_after(self.pid(), *time, PauseOver{place->spec.id(), place->extras->pause});
  return true;
}

Async<Next> SupervisorServer::start_again(Process& self, Place place) {
  switch (options_.strategy) {
    case one_for_one:
      if (const auto failure = co_await start(self, place, ChildEvent::Kind::restarted)) {
        try_again(self, place, *failure);
      }
      break;
    case rest_for_one:
      co_await stop_from(self, place);
      co_await start_from(self, place);
      break;
    case one_for_all:
      co_await stop_from(self, children_.begin());
      co_await start_from(self, children_.begin());
      break;
  }
  co_return Next::noreply();
}

Async<Next> SupervisorServer::handle_cast(Process& self, TryAgain request) {
  Place* found = find(request.id);
  if (!found || (*found)->state != Child::State::restarting) co_return Next::noreply();
  if ((*found)->extras && (*found)->extras->pause != 0) co_return Next::noreply();
  co_return co_await restart(self, *found);
}

Async<Next> SupervisorServer::handle_info(Process& self, PauseOver message) {
  Place* found = find(message.id);
  if (!found || (*found)->state != Child::State::restarting) co_return Next::noreply();
  const Place place = *found;
  if (!place->extras || place->extras->pause != message.pause) co_return Next::noreply();
  place->extras->pause = 0;
  co_return co_await start_again(self, place);
}

void SupervisorServer::handle_info(Bequest bequest) {
  // Before the EXIT of the child that has left it.
  if (Place* found = by_pid_.find(bequest.from)) {
    if (ChildExtras* extras = (*found)->extras.get()) extras->keep(std::move(bequest));
    return;
  }
  // Or of one that was ending by itself when it was stopped for a restart of its group.
  for (Child& child : children_) {
    if (child.previous != bequest.from || !child.extras || !child.extras->mail()) continue;
    if (child.state == Child::State::running) return bequest.mail.deliver_to(child.pid);
    if (child.state == Child::State::restarting) child.extras->keep(std::move(bequest));
    return;
  }
}

void SupervisorServer::handle_call(Process& self, Subscribe request) {
  events_.handle(self, request);
}

// --- Administration.

auto SupervisorServer::handle_call(Process& self, StartChild request) -> Async<StartChild::Reply> {
  if (const auto why = refusal(request.spec)) {
    co_return std::unexpected(ChildError{ChildError::Code::bad_spec, *why, {}});
  }
  if (Place* present = find(request.spec.id())) {
    const Child& child = **present;
    if (child.state == Child::State::running) {
      co_return std::unexpected(ChildError{ChildError::Code::already_started, {}, child.pid});
    }
    co_return std::unexpected(error(ChildError::Code::already_present));
  }
  add(std::move(request.spec));
  const Place place = std::prev(children_.end());
  ChildStarted started;
  if (std::optional<ExitReason> failure =
          co_await start(self, place, ChildEvent::Kind::started, &started.info)) {
    forget(place);
    co_return std::unexpected(ChildError{ChildError::Code::failed, std::move(*failure), {}});
  }
  started.pid = place->pid;
  if (!started.pid && place->spec.restart() == temporary) forget(place);
  co_return started;
}

auto SupervisorServer::handle_call(Process& self, TerminateChild request)
    -> Async<TerminateChild::Reply> {
  Place* found = find(request.id);
  if (!found) co_return std::unexpected(error(ChildError::Code::not_found));
  const Place place = *found;
  co_await stop(self, place);
  if (place->extras) place->extras->drop_mail();
  if (place->spec.restart() == temporary) forget(place);
  co_return TerminateChild::Reply{};
}

auto SupervisorServer::handle_call(Process& self, RestartChild request)
    -> Async<RestartChild::Reply> {
  Place* found = find(request.id);
  if (!found) co_return std::unexpected(error(ChildError::Code::not_found));
  const Place place = *found;
  if (place->state == Child::State::running) {
    co_return std::unexpected(error(ChildError::Code::running));
  }
  if (place->state == Child::State::restarting) {
    co_return std::unexpected(error(ChildError::Code::restarting));
  }
  ChildStarted started;
  if (std::optional<ExitReason> failure =
          co_await start(self, place, ChildEvent::Kind::started, &started.info)) {
    co_return std::unexpected(ChildError{ChildError::Code::failed, std::move(*failure), {}});
  }
  started.pid = place->pid;
  co_return started;
}

auto SupervisorServer::handle_call(DeleteChild request) -> DeleteChild::Reply {
  Place* found = find(request.id);
  if (!found) return std::unexpected(error(ChildError::Code::not_found));
  switch ((*found)->state) {
    case Child::State::running:
      return std::unexpected(error(ChildError::Code::running));
    case Child::State::restarting:
      return std::unexpected(error(ChildError::Code::restarting));
    case Child::State::stopped:
      break;
  }
  forget(*found);
  return {};
}

auto SupervisorServer::handle_call(WhichChildren) -> WhichChildren::Reply {
  std::vector<ChildInfo> all;
  all.reserve(children_.size());
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    all.push_back(ChildInfo{child->spec.id(), child->pid, child->state == Child::State::restarting,
                            child->spec.type()});
  }
  return all;
}

auto SupervisorServer::handle_call(CountChildren) -> CountChildren::Reply {
  ChildCounts counts;
  for (const Child& child : children_) {
    ++counts.specs;
    counts.active += child.state == Child::State::running;
    ++(child.spec.type() == ChildType::supervisor ? counts.supervisors : counts.workers);
  }
  return counts;
}

auto SupervisorServer::handle_call(GetSpec request) -> GetSpec::Reply {
  Place* found = find(request.id);
  if (!found) return std::unexpected(error(ChildError::Code::not_found));
  return (*found)->spec;
}

Term SupervisorServer::introspect() const {
  std::vector<Term> all;
  all.reserve(children_.size());
  for (const Child& child : children_) {
    all.push_back(tuple({child.spec.id(), child.pid ? Term{child.pid} : Term{atoms::undefined}}));
  }
  return map({{Term{Atom{"children"}}, list(all)}});
}

}  // namespace troupe::detail
