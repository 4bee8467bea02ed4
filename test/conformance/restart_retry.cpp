// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Supervisors: restarts that fail, names that move on, auto_shutdown (179 to 186).
#include <troupe/agent.hpp>

#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

using Counter = Agent<int>;

// How often the flaky child was tried to be started: an agent by name, as it has to outlive that.
constexpr const char* tries_name = "tries";
Async<> start_counting(Process& self) {
  co_await Counter::start(self, StartOptions{.name = tries_name}, 0);
}
auto next_try(Process& self) {
  return Counter::get_and_update(self, named<Counter>(tries_name), [](int& n) { return n++; });
}
auto tries(Process& self) {
  return Counter::get(self, named<Counter>(tries_name), [](const int& n) { return n; });
}

Async<ChildStartResult> starts_once(Process& self, Duration delay) {
  const int n = co_await next_try(self);
  if (delay == Duration::zero()) p("try", n);
  if (n == 0) co_return ChildStarted{spawn_link(exit_on_go, atom("boom"))};
  co_await self.sleep(delay);
  co_return std::unexpected(ExitReason{"still_broken"});
}

Async<Pid> only_child(Process& self, ServerRef<Supervisor> sup) {
  co_return (co_await Supervisor::which_children(self, sup)).front().pid;
}

Async<> s179_restart_retry_until_limit(Process& self) {
  co_await start_counting(self);
  self.trap_exits();
  const auto sup =
      co_await Supervisor::start_link(self, children(child("f", starts_once, Duration::zero())),
                                      {.max_restarts = 3, .max_seconds = 60s});
  send(co_await only_child(self, sup), Go{});
  p("supervisor", co_await exit_of(self, sup.pid()));
}

Async<ChildStartResult> starts_the_fourth_time(Process& self) {
  const int n = co_await next_try(self);
  if (n == 1 || n == 2) {
    p("failed_try", n);
    co_return std::unexpected(ExitReason{"not_yet"});
  }
  const Atom id{"f"};
  co_return ChildStarted{(co_await Worker::start_link(self, StartOptions{.name = id}, id)).pid()};
}

Async<> s180_restart_retry_works_later(Process& self) {
  self.register_name("main");
  co_await start_counting(self);
  struct Case {
    const char* name;
    Strategy strategy;
  };
  for (const auto& [name, strategy] :
       {Case{"one_for_one", one_for_one}, Case{"rest_for_one", rest_for_one},
        Case{"one_for_all", one_for_all}}) {
    co_await Counter::update(self, named<Counter>(tries_name), [](int& n) { n = 0; });
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a"), child("f", starts_the_fourth_time), worker("b")),
        {.strategy = strategy, .max_restarts = 3, .max_seconds = 60s});
    co_await ups(self, 3);
    p("crash", atom(name));
    end_worker("f", atom("boom"));
    co_await self.receive(when([](const Up& up) { return up.id == Atom{"f"}; }, [](Up) {}));
    p("active", (co_await Supervisor::count_children(self, sup)).active);
    p("stopping");
    co_await stop(self, sup);
    co_await msgs(self);
  }
}

Async<> s181_restart_restarting_state(Process& self) {
  co_await start_counting(self);
  const auto sup = co_await Supervisor::start_link(
      self, children(child("f", starts_once, Duration{10ms})), {.max_restarts = 100'000});
  const auto state = [&]() -> Async<Term> {
    co_return state_term((co_await Supervisor::which_children(self, sup)).front());
  };
  send(co_await only_child(self, sup), Go{});
  co_await until(self,
                 [&]() -> Async<bool> { co_return (co_await state()).is_atom("restarting"); });
  p("state", co_await state());
  p("active", (co_await Supervisor::count_children(self, sup)).active);
  p("restart_child", to_term(co_await Supervisor::restart_child(self, sup, "f")));
  p("delete_child", to_term(co_await Supervisor::delete_child(self, sup, "f")));
  p("terminate_child", to_term(co_await Supervisor::terminate_child(self, sup, "f")));
  p("state", co_await state());
  const int before = co_await tries(self);
  co_await self.sleep(100ms);
  p("no_more_tries", co_await tries(self) == before);
  co_await stop(self, sup);
}

struct Increment {
  using Reply = int;
};

struct Service : GenServer<Service> {
  int handle_call(Increment) { return ++count_; }

 private:
  int count_ = 0;
};

Async<> s182_restart_name_taken_over(Process& self) {
  const auto sup =
      co_await Supervisor::start_link(self, children(child<Service>().named("service")),
                                      {.max_restarts = 1'000, .max_seconds = 1s});
  const auto service = named<Service>("service");
  co_await call(self, service, Increment{});
  std::vector<Term> results;
  for (int i = 0; i < 100; ++i) {
    const Pid old = whereis("service");
    exit(old, atoms::kill);
    co_await until(self, [old]() -> Async<bool> {
      const Pid now = whereis("service");
      co_return now&& now != old;
    });
    results.push_back(co_await call(self, service, Increment{}));
  }
  p("fresh_state_each_time", uniq(results));
  co_await stop(self, sup);
}

Async<> s183_restart_any_significant(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(
      self,
      children(worker("a"), worker("s1").restart(transient).significant(),
               worker("s2").restart(transient).significant(), worker("t").restart(temporary)),
      {.auto_shutdown = AutoShutdown::any_significant});
  co_await ups(self, 4);
  end_worker("t", atom("normal"));
  co_await until_active(self, sup, 3);
  p("after_insignificant_end", co_await is_alive(self, sup.pid()));
  end_worker("s1", atom("normal"));
  p("supervisor", co_await exit_of(self, sup.pid()));
}

Async<> s184_restart_all_significant(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(
      self,
      children(worker("a"), worker("s1").restart(transient).significant(),
               worker("s2").restart(temporary).significant()),
      {.auto_shutdown = AutoShutdown::all_significant});
  co_await ups(self, 3);
  end_worker("s1", atom("shutdown"));
  co_await until_active(self, sup, 2);
  p("after_first", co_await is_alive(self, sup.pid()));
  end_worker("s2", atom("crashed_but_temporary"));
  p("supervisor", co_await exit_of(self, sup.pid()));
}

constexpr Scenario scenarios[] = {
    {"179-restart-retry-until-limit", s179_restart_retry_until_limit},
    {"180-restart-retry-works-later", s180_restart_retry_works_later},
    {"181-restart-restarting-state", s181_restart_restarting_state},
    {"182-restart-name-taken-over", s182_restart_name_taken_over},
    {"183-restart-any-significant", s183_restart_any_significant},
    {"184-restart-all-significant", s184_restart_all_significant},
    {"185-restart-significant-bad-combinations", nullptr,
     "a mode that does not exist does not compile"},
};

}  // namespace

std::span<const Scenario> restart_retry_scenarios() { return scenarios; }

}  // namespace troupe::conformance
