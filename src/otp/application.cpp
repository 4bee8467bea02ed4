// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/application.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/log.hpp>
#include <troupe/termination.hpp>

#include "otp/application_server.hpp"

namespace troupe {

using detail::ApplicationServer;

Term ApplicationError::term() const {
  switch (code) {
    case Code::not_loaded:
      return tuple({Term{Atom{"not_loaded"}}, Term{application}});
    case Code::already_loaded:
      return tuple({Term{Atom{"already_loaded"}}, Term{application}});
    case Code::not_started:
      return tuple({Term{Atom{"not_started"}}, Term{application}});
    case Code::already_started:
      return tuple({atoms::already_started, Term{application}});
    case Code::failed:
      return tuple({reason.term(), Term{application}});
  }
  std::unreachable();
}

std::string ApplicationError::to_string() const {
  const std::string name{application.text()};
  switch (code) {
    case Code::not_loaded:
      return "application " + name + " is not known";
    case Code::already_loaded:
      return "application " + name + " is loaded already";
    case Code::not_started:
      return "application " + name + " does not run";
    case Code::already_started:
      return "application " + name + " runs already";
    case Code::failed:
      return "application " + name + " did not start: " + reason.to_string();
  }
  std::unreachable();
}

namespace {

ServerRef<ApplicationServer> controller() {
  return named<ApplicationServer>(detail::controller_name);
}

template <class M>
auto ask(Process& self, M message) {
  return call(self, controller(), std::move(message), infinity);
}

}  // namespace

Async<> ApplicationController::start_link(Process& self, Pid tell) {
  const detail::CallerPlace place{self};
  co_await place(ApplicationServer::start_link(self, {.name = detail::controller_name}, tell));
}

Async<std::expected<void, ApplicationError>> ApplicationController::load(Process& self,
                                                                         Application application) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, ApplicationServer::Load{std::move(application)}));
}

Async<std::expected<void, ApplicationError>> ApplicationController::start(Process& self, Name name,
                                                                          ApplicationType type) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, ApplicationServer::Start{name.atom, type}));
}

namespace {

using StartedNames = std::expected<std::vector<Atom>, ApplicationError>;

// `path`: what waits for this one to start, so that a circle of needs ends.
Async<StartedNames> ensure_started(Process& self, Atom name, ApplicationType type,
                                   std::vector<Atom> path) {
  const detail::CallerPlace place{self};
  if (std::find(path.begin(), path.end(), name) != path.end()) {
    co_return std::unexpected(ApplicationError{ApplicationError::Code::not_started, name});
  }
  path.push_back(name);
  const auto needs = co_await place(ask(self, ApplicationServer::Needs{name}));
  if (!needs) co_return std::unexpected(needs.error());
  std::vector<Atom> started;
  for (const Atom need : *needs) {
    const StartedNames below = co_await place(ensure_started(self, need, type, path));
    if (!below) co_return std::unexpected(below.error());
    started.insert(started.end(), below->begin(), below->end());
  }
  const auto result = co_await place(ApplicationController::start(self, name, type));
  if (result) {
    started.push_back(name);
  } else if (result.error().code != ApplicationError::Code::already_started) {
    co_return std::unexpected(result.error());
  }
  co_return started;
}

}  // namespace

Async<StartedNames> ApplicationController::ensure_all_started(Process& self, Name name,
                                                              ApplicationType type) {
  return ensure_started(self, name.atom, type, {});
}

Async<std::expected<void, ApplicationError>> ApplicationController::stop(Process& self, Name name) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, ApplicationServer::Stop{name.atom, infinity}));
}

Async<std::vector<Atom>> ApplicationController::started(Process& self) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, ApplicationServer::Started{}));
}

Async<> ApplicationController::stop_all(Process& self, Duration deadline) {
  const detail::CallerPlace place{self};
  const Duration begin = self.monotonic_time();
  std::vector<Atom> names = co_await place(started(self));
  for (; !names.empty(); names.pop_back()) {
    const Duration left =
        deadline == infinity
            ? infinity
            : std::max(Duration::zero(), deadline - (self.monotonic_time() - begin));
    (void)co_await place(ask(self, ApplicationServer::Stop{names.back(), left}));
  }
}

Async<std::optional<Term>> ApplicationController::get_env(Process& self, Name application,
                                                          Atom key) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, ApplicationServer::GetEnv{application.atom, key}));
}

Async<> ApplicationController::put_env(Process& self, Name application, Atom key, Term value) {
  const detail::CallerPlace place{self};
  (void)co_await place(
      ask(self, ApplicationServer::SetEnv{application.atom, key, std::move(value)}));
}

Async<> ApplicationController::delete_env(Process& self, Name application, Atom key) {
  const detail::CallerPlace place{self};
  (void)co_await place(ask(self, ApplicationServer::SetEnv{application.atom, key, std::nullopt}));
}

// --- A whole program.

namespace {

struct AskedToEnd {
  int signal;
};

Async<> watch_signals(Process& self, Pid tell) {
  send(tell, AskedToEnd{co_await wait_for_termination(self, tell)});
}

// The exit code.
Async<int> run_program(Process& self, std::vector<Application> applications, Duration deadline) {
  co_await ApplicationController::start_link(self, self.pid());
  const Pid watcher = spawn_link(watch_signals, self.pid());
  // A signal that comes while the first tree starts has to stop it in order, too.
  co_await self.receive<TerminationWatched>();
  std::vector<Atom> names;
  for (Application& application : applications) {
    names.push_back(application.name.atom);
    (void)co_await ApplicationController::load(self, std::move(application));
  }
  int code = 0;
  for (const Atom name : names) {
    const auto started =
        co_await ApplicationController::ensure_all_started(self, name, ApplicationType::permanent);
    if (started) continue;
    log::error("{}", started.error().to_string());
    code = 1;
    break;
  }
  if (code == 0) {
    code = co_await self.receive(
        [](AskedToEnd asked) {
          log::notice("asked to end by signal {}", asked.signal);
          return 0;
        },
        [](ApplicationsMustStop) { return 1; });
  }
  co_await ApplicationController::stop_all(self, deadline);
  self.unlink(watcher);
  exit(watcher, ExitReason{atoms::kill});
  co_await stop(self, Name{detail::controller_name});
  co_return code;
}

}  // namespace

int run_application(Application application, ApplicationRunOptions options) {
  std::vector<Application> all;
  all.push_back(std::move(application));
  return run_applications(std::move(all), std::move(options));
}

int run_applications(std::vector<Application> applications, ApplicationRunOptions options) {
  Runtime runtime{std::move(options.runtime)};
  return runtime.run(run_program, std::move(applications), options.stop_deadline);
}

}  // namespace troupe
