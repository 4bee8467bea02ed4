// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Applications (244 to 248).
#include <algorithm>

#include <troupe/application.hpp>

#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

using Applications = ApplicationController;

template <class T>
Term to_term(const std::expected<T, ApplicationError>& result) {
  if (!result) return tuple({atoms::error, result.error().term()});
  if constexpr (std::is_void_v<T>) {
    return atoms::ok;
  } else {
    return tuple({atoms::ok, list(std::vector<Term>(result->begin(), result->end()))});
  }
}

// Supervisor.start_link([], Options), which is all that these applications are.
Async<ChildStartResult> start_empty(Process& self, SupervisorOptions options = {}) {
  co_return ChildStarted{(co_await Supervisor::start_link(self, Children{}, options)).pid()};
}

Async<ChildStartResult> trace_start(Process& self, Atom name) {
  p("start", name);
  co_return co_await start_empty(self);
}

Async<> load(Process& self, Application application) {
  (co_await Applications::load(self, std::move(application))).value();
}

Async<> s244_app_dependency_order(Process& self) {
  co_await Applications::start_link(self);
  const auto traced = [](const char* name, std::vector<Name> needs) {
    return Application{
        .name = name, .tree = child(name, trace_start, Atom{name}), .needs = std::move(needs)};
  };
  co_await load(self, traced("base", {}));
  co_await load(self, traced("store", {"base"}));
  co_await load(self, traced("web", {"store", "base"}));
  p("too_early", to_term(co_await Applications::start(self, "web")));
  p("ensure", to_term(co_await Applications::ensure_all_started(self, "web")));
  p("again", to_term(co_await Applications::ensure_all_started(self, "web")));
  p("start_again", to_term(co_await Applications::start(self, "web")));
}

Async<bool> is_running(Process& self, const char* name) {
  const std::vector<Atom> all = co_await Applications::started(self);
  co_return std::ranges::find(all, Atom{name}) != all.end();
}

Async<> s245_app_stop_callbacks(Process& self) {
  self.register_name("main");
  co_await Applications::start_link(self);
  Application demo{.name = "demo"};
  demo.tree = child(
      "demo",
      [](Process& me, int argument) -> Async<ChildStartResult> {
        // OTP's start type, of which there is one here: nothing is taken over from other nodes.
        p("start", tuple({atom("normal"), argument}));
        const auto sup = co_await Supervisor::start_link(me, workers({"a", "b"}));
        co_return ChildStarted{sup.pid(), atom("state")};
      },
      7);
  demo.prep_stop = [](Process&, Term state) -> Async<Term> {
    p("prep_stop", state);
    co_return atom("prepared");
  };
  demo.stop = [](Process&, Term state) -> Async<> {
    p("stop_callback", state);
    co_return;
  };
  co_await load(self, std::move(demo));
  p("start", to_term(co_await Applications::start(self, "demo")));
  p("running", co_await is_running(self, "demo"));
  p("stop", to_term(co_await Applications::stop(self, "demo")));
  p("stop_again", to_term(co_await Applications::stop(self, "demo")));
  p("running", co_await is_running(self, "demo"));
}

Async<> s246_app_start_failure(Process& self) {
  co_await Applications::start_link(self);
  Application flaky{.name = "flaky"};
  flaky.tree = child("flaky", [](Process& me) -> Async<ChildStartResult> {
    if (!co_await Applications::get_env(me, "flaky", Atom{"fixed"})) {
      co_return std::unexpected(ExitReason{"no_database"});
    }
    co_return co_await start_empty(me);
  });
  co_await load(self, std::move(flaky));
  co_await load(
      self, Application{
                .name = "top", .tree = child("top", trace_start, Atom{"top"}), .needs = {"flaky"}});
  const auto failed = co_await Applications::start(self, "flaky");
  p("start", failed.error().reason.term());
  const auto needed = co_await Applications::ensure_all_started(self, "top");
  p("ensure", tuple({needed.error().application, needed.error().reason.term()}));
  co_await Applications::put_env(self, "flaky", Atom{"fixed"}, true);
  p("ensure", to_term(co_await Applications::ensure_all_started(self, "top")));
}

Async<> s247_app_environment(Process& self) {
  co_await Applications::start_link(self);
  co_await load(
      self, Application{.name = "cfg",
                        .environment = map({{atom("port"), 4000}, {atom("name"), atom("demo")}})});
  const auto get = [&](const char* key) { return Applications::get_env(self, "cfg", Atom{key}); };
  p("get", (co_await get("port")).value_or(atoms::nil));
  p("missing", (co_await get("missing")).value_or(atoms::nil));
  p("default", (co_await get("missing")).value_or(atom("fallback")));
  const auto name = co_await get("name");
  const auto missing = co_await get("missing");
  p("fetch", tuple({name ? tuple({atoms::ok, *name}) : Term{atoms::error},
                    missing ? tuple({atoms::ok, *missing}) : Term{atoms::error}}));
  co_await Applications::put_env(self, "cfg", Atom{"port"}, 5000);
  p("changed", (co_await get("port")).value_or(atoms::nil));
  co_await Applications::delete_env(self, "cfg", Atom{"port"});
  p("deleted", (co_await get("port")).value_or(atoms::nil));
  p("unknown_app",
    (co_await Applications::get_env(self, "no_such_app", Atom{"x"})).value_or(atoms::nil));
}

Async<> s248_app_temporary_crash(Process& self) {
  self.register_name("main");
  co_await Applications::start_link(self);
  for (const char* name : {"one", "two"}) {
    const SupervisorOptions options{.name = "sup_" + std::string{name}};
    Application application{.name = name};
    application.tree = child(
        name,
        [](Process& me, Atom sup) -> Async<ChildStartResult> {
          return start_empty(me, {.name = sup});
        },
        options.name.atom);
    application.stop = [](Process&, Term) -> Async<> {
      send("main", atom("stop_callback"));
      co_return;
    };
    co_await load(self, std::move(application));
    p("start", to_term(co_await Applications::start(self, name, ApplicationType::temporary)));
  }
  exit(whereis("sup_one"), atoms::kill);
  p("got", co_await self.receive<Term>());
  const auto running = [&]() -> Async<Term> {
    std::vector<Term> ours;
    for (const Atom name : co_await Applications::started(self)) {
      if (name == Atom{"one"} || name == Atom{"two"}) ours.push_back(name);
    }
    co_return list(ours);
  };
  co_await until(self,
                 [&]() -> Async<bool> { co_return co_await running() == list({atom("two")}); });
  p("running", co_await running());
}

constexpr Scenario scenarios[] = {
    {"244-app-dependency-order", s244_app_dependency_order},
    {"245-app-stop-callbacks", s245_app_stop_callbacks},
    {"246-app-start-failure", s246_app_start_failure},
    {"247-app-environment", s247_app_environment},
    {"248-app-temporary-crash", s248_app_temporary_crash},
};

}  // namespace

std::span<const Scenario> app_scenarios() { return scenarios; }

}  // namespace troupe::conformance
