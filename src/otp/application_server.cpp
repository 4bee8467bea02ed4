// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/application_server.hpp"

#include <algorithm>

#include <troupe/log.hpp>

namespace troupe::detail {

using ErrorCode = ApplicationError::Code;

ApplicationServer::ApplicationServer(Process& self, Pid tell) : tell_{tell} { self.trap_exits(); }

auto ApplicationServer::handle_call(Load request) -> Result {
  const Atom name = request.application.name.atom;
  if (known_.contains(name))
    return std::unexpected(ApplicationError{ErrorCode::already_loaded, name});
  known_.try_emplace(Atom{name}, std::move(request.application));
  return {};
}

void ApplicationServer::handle_call(Process& self, Start request, From<Result> from) {
  Known* known = known_.find(request.name);
  const auto refuse = [&](ErrorCode code, Atom which) {
    reply(std::move(from), std::unexpected(ApplicationError{code, which}));
  };
  if (!known) return refuse(ErrorCode::not_loaded, request.name);
  if (known->state == Known::State::running)
    return refuse(ErrorCode::already_started, request.name);
  if (known->state == Known::State::stopping) return refuse(ErrorCode::not_started, request.name);
  for (const Name& need : known->application.needs) {
    const Known* other = known_.find(need.atom);
    if (!other || other->state != Known::State::running) {
      return refuse(ErrorCode::not_started, need.atom);
    }
  }
  known->waiting.push_back(std::move(from));
  if (known->state == Known::State::starting) return;
  known->state = Known::State::starting;
  known->type = request.type;
  known->master = spawn_link(application_master, Application{known->application}, self.pid());
  by_master_.insert(Pid{known->master}, request.name);
}

void ApplicationServer::handle_info(MasterStarted message) {
  Known& known = *known_.find(message.name);
  std::vector<From<Result>> waiting = std::exchange(known.waiting, {});
  Result result;
  if (message.failure) {
    known.state = Known::State::loaded;
    by_master_.erase(std::exchange(known.master, {}));
    result = std::unexpected(
        ApplicationError{ErrorCode::failed, message.name, std::move(*message.failure)});
  } else {
    known.state = Known::State::running;
    order_.push_back(message.name);
    log::info("application {} has started", message.name.text());
  }
  for (From<Result>& from : waiting) reply(std::move(from), result);
}

void ApplicationServer::handle_call(Process& self, Stop request, From<Result> from) {
  Known* known = known_.find(request.name);
  const bool runs = known && known->state == Known::State::running;
  if (!runs && !(known && known->state == Known::State::stopping)) {
    return reply(std::move(from),
                 std::unexpected(ApplicationError{ErrorCode::not_started, request.name}));
  }
  known->waiting.push_back(std::move(from));
  if (!runs) return;
  known->state = Known::State::stopping;
  spawn_link(
      [](Process& stopper, Atom name, Pid master, Duration limit, Duration left,
         Pid controller) -> Async<> {
        co_await stop_master(stopper, name, master, limit, left);
        send(controller, StopDone{name});
      },
      request.name, known->master, known->application.phase_deadline, request.time_left,
      self.pid());
}

void ApplicationServer::set_loaded(Known& known) {
  // Most likely the last one.
  const auto place = std::find(order_.rbegin(), order_.rend(), known.application.name.atom);
  if (place != order_.rend()) order_.erase(std::next(place).base());
  known.state = Known::State::loaded;
  by_master_.erase(std::exchange(known.master, {}));
  for (From<Result>& from : std::exchange(known.waiting, {})) reply(std::move(from), Result{});
}

void ApplicationServer::handle_info(StopDone message) {
  Known& known = *known_.find(message.name);
  if (known.state != Known::State::stopping) return;
  log::info("application {} has stopped", message.name.text());
  set_loaded(known);
}

Next ApplicationServer::handle_info(MasterEnded message) {
  return ended(message.name, std::move(message.reason));
}

// A master that died without a word: its tree was killed with it, or its functions threw.
Next ApplicationServer::handle_info(Exit exit) {
  const Atom* found = by_master_.find(exit.from);
  if (!found) return Next::noreply();
  const Atom name = *found;
  const Known::State state = known_.find(name)->state;
  if (state == Known::State::running) return ended(name, std::move(exit.reason));
  if (state == Known::State::starting) {
    handle_info(MasterStarted{name, std::move(exit.reason)});
  }
  return Next::noreply();
}

Next ApplicationServer::ended(Atom name, ExitReason reason) {
  Known& known = *known_.find(name);
  if (known.state != Known::State::running) return Next::noreply();
  log::error("application {} has ended: {}", name.text(), reason);
  const ApplicationType type = known.type;
  set_loaded(known);
  const bool all_stop = type == ApplicationType::permanent ||
                        (type == ApplicationType::transient && !reason.is_normal());
  if (!all_stop) return Next::noreply();
  if (tell_) {
    send(tell_, ApplicationsMustStop{name, std::move(reason)});
    return Next::noreply();
  }
  return Next::stop(
      ExitReason{tuple({Term{Atom{"application_terminated"}}, Term{name}, reason.term()})});
}

Async<> ApplicationServer::terminate(Process& self, ExitReason) {
  while (!order_.empty()) {
    const Atom name = order_.back();
    order_.pop_back();
    const Known& known = *known_.find(name);
    if (known.state == Known::State::running) {
      co_await stop_master(self, name, known.master, known.application.phase_deadline, infinity);
    }
  }
}

Term ApplicationServer::introspect() const {
  constexpr std::string_view states[] = {"loaded", "starting", "running", "stopping"};
  constexpr std::string_view types[] = {"permanent", "transient", "temporary"};
  std::vector<Term> all;
  for (const auto [name, known] : known_) {
    all.push_back(tuple({Term{name}, Term{Atom{states[static_cast<int>(known.state)]}},
                         Term{Atom{types[static_cast<int>(known.type)]}}}));
  }
  std::vector<Term> order;
  for (const Atom name : order_) order.push_back(name);
  return map({{Term{Atom{"applications"}}, list(all)}, {Term{Atom{"started"}}, list(order)}});
}

auto ApplicationServer::handle_call(Needs request) -> Needs::Reply {
  const Known* known = known_.find(request.name);
  if (!known) return std::unexpected(ApplicationError{ErrorCode::not_loaded, request.name});
  std::vector<Atom> names;
  for (const Name& need : known->application.needs) names.push_back(need.atom);
  return names;
}

std::optional<Term> ApplicationServer::handle_call(GetEnv request) {
  const Known* known = known_.find(request.application);
  const Term* value = known ? known->application.environment.find(request.key) : nullptr;
  return value ? std::optional{*value} : std::nullopt;
}

bool ApplicationServer::handle_call(SetEnv request) {
  Known* known = known_.find(request.application);
  if (!known) return false;
  Term& all = known->application.environment;
  all = request.value ? all.with(request.key, std::move(*request.value)) : all.without(request.key);
  return true;
}

}  // namespace troupe::detail
