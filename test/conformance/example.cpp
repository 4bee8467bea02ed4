// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Small systems built from the parts (250, 253 to 255; the others are in services.cpp).
#include <map>

#include <troupe/agent.hpp>
#include <troupe/registry.hpp>
#include <troupe/task_supervisor.hpp>
#include <troupe/timer.hpp>

#include "conformance/scenario.hpp"
#include "conformance/task_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

// --- Sessions that end when nobody has used them for a while.

struct SessionPut {
  std::string key;
  Term value;
};
struct SessionGet {
  std::string key;
};

struct Session : GenServer<Session> {
  explicit Session(Duration ttl) : ttl_{ttl} {}
  Init init() { return Init::timeout(ttl_); }
  Answer<Term> handle_call(SessionPut m) {
    values_[m.key] = std::move(m.value);
    return {Term{atoms::ok}, Next::timeout(ttl_)};
  }
  Answer<Term> handle_call(SessionGet m) {
    const auto found = values_.find(m.key);
    return {found == values_.end() ? Term{} : found->second, Next::timeout(ttl_)};
  }
  Next handle_timeout() { return Next::stop(); }

 private:
  Duration ttl_;
  std::map<std::string, Term> values_;
};

Async<> s250_example_session_store(Process& self) {
  co_await Registry::start_link(self, {.name = "Reg"});
  const auto sup = co_await DynamicSupervisor::start_link(self);
  const auto start = [&] {
    return DynamicSupervisor::start_child(
        self, sup,
        child<Session>(Duration{600ms}).via(Registry::via("Reg", "alice")).restart(temporary));
  };
  const auto alice = [] { return Registry::find<Session>("Reg", "alice"); };
  const Pid pid = (co_await start()).value().pid;
  const Term second = (co_await start()).error().term();
  p("second_start", tuple({second[0], Term{second[1] == Term{pid}}}));
  co_await call(self, alice(), SessionPut{"cart", list({1, 2})});
  std::vector<Term> got;
  for (int i = 0; i < 5; ++i) {
    co_await self.sleep(200ms);
    got.push_back(co_await call(self, alice(), SessionGet{"cart"}));
  }
  p("kept_alive_by_access", uniq(got));
  p("idle_end", co_await down(self, pid));
  p("found", or_nil(Registry::whereis("Reg", "alice")));
  co_await until(self, [&]() -> Async<bool> {
    co_return (co_await DynamicSupervisor::count_children(self, sup)).active == 0;
  });
  (co_await start()).value();
  p("new_session", co_await call(self, alice(), SessionGet{"cart"}));
}

// --- A server that does slow work in supervised tasks.

struct Run {
  Term (*job)(Process&);
  using Reply = Term;
};
struct RunSlow {
  Async<Term> (*job)(Process&);
  using Reply = Term;
};
struct Pending {
  using Reply = std::size_t;
};

struct Jobs : GenServer<Jobs> {
  explicit Jobs(ServerRef<DynamicSupervisor> sup) : sup_{sup} {}
  Async<> handle_call(Process& self, Run m, From<Term> from) {
    const auto task = co_await TaskSupervisor::async_nolink(self, sup_, m.job);
    jobs_.emplace(task.ref, std::move(from));
  }
  Async<> handle_call(Process& self, RunSlow m, From<Term> from) {
    const auto task = co_await TaskSupervisor::async_nolink(self, sup_, m.job);
    jobs_.emplace(task.ref, std::move(from));
  }
  std::size_t handle_call(Pending) const { return jobs_.size(); }

  using Info = Messages<TaskResult<Term>>;
  void handle_info(Process& self, TaskResult<Term> m) {
    self.demonitor(m.ref, Flush::yes);
    finish(m.ref, tuple({atoms::ok, std::move(m.value)}));
  }
  void handle_info(Down m) { finish(m.ref, tuple({atoms::error, norm(m.reason)})); }

 private:
  void finish(Ref ref, Term answer) {
    auto job = jobs_.extract(ref);
    reply(std::move(job.mapped()), std::move(answer));
  }

  ServerRef<DynamicSupervisor> sup_;
  std::map<Ref, From<Term>> jobs_;
};

// A client of its own for each request.
template <class Request>
TaskRef<Term> ask(Process& self, ServerRef<Jobs> jobs, Request request) {
  return Task::async(
      self,
      [](Process& me, ServerRef<Jobs> to, Request what) -> Async<Term> {
        co_return co_await call(me, to, what);
      },
      jobs, request);
}

Async<> s253_example_server_with_tasks(Process& self) {
  const auto sup = co_await TaskSupervisor::start_link(self);
  const auto jobs = co_await Jobs::start(self, sup);
  const auto slow = ask(self, jobs, RunSlow{[](Process& me) -> Async<Term> {
                          co_await me.receive<Go>();
                          co_return atom("slow_result");
                        }});
  co_await until(self,
                 [&]() -> Async<bool> { co_return co_await call(self, jobs, Pending{}) == 1; });
  const auto fast = ask(self, jobs, Run{[](Process&) { return Term{6 * 7}; }});
  p("fast", co_await Task::await(self, fast));
  const auto crash = ask(self, jobs, Run{[](Process& me) -> Term { me.exit("job_failed"); }});
  p("crash", co_await Task::await(self, crash));
  p("pending", co_await call(self, jobs, Pending{}));
  const std::vector<Pid> workers = co_await TaskSupervisor::children(self, sup);
  send(workers.at(0), Go{});
  p("slow", co_await Task::await(self, slow));
  p("pending", co_await call(self, jobs, Pending{}));
}

// --- A server that ticks by itself.

struct Tick {};
struct Ticked {
  int number;
};
Term to_term(const Ticked& message) { return tuple({atom("tick"), message.number}); }

struct Ticker : GenServer<Ticker> {
  using Info = Messages<Tick>;
  Ticker(Process& self, Pid main, Duration period) : main_{main}, period_{period} {
    send_after(self.pid(), period_, Tick{});
  }
  void handle_info(Process& self, Tick) {
    send(main_, Ticked{++count_});
    send_after(self.pid(), period_, Tick{});
  }

 private:
  Pid main_;
  Duration period_;
  int count_ = 0;
};

Async<> s254_example_ticker(Process& self) {
  const Duration start = self.monotonic_time();
  const auto ticker = co_await Ticker::start(self, self.pid(), Duration{30ms});
  std::vector<Term> ticks;
  for (int i = 0; i < 5; ++i) ticks.push_back((co_await self.receive<Ticked>()).number);
  p("ticks", list(ticks));
  p("not_too_fast", has_passed(self, start, 150ms));
  const Ref ref = self.monitor(ticker.pid());
  p("stop", co_await ok(stop(self, ticker)));
  p("reason", co_await wait(self, ref));
  co_await msgs<Ticked>(self);
  co_await self.sleep(80ms);
  p("after_stop", co_await msgs<Ticked>(self));
}

// --- State kept outside survives the crash of its user.

using Store = Agent<int>;

struct Increment {
  using Reply = int;
};

struct Counter : GenServer<Counter> {
  Async<Init> init(Process& self) {
    count_ = co_await Store::get(self, named<Store>("store"), [](const int& n) { return n; });
    co_return Init::ok();
  }
  Async<int> handle_call(Process& self, Increment) {
    ++count_;
    co_await Store::update(self, named<Store>("store"), [](int& n, int now) { n = now; }, count_);
    co_return count_;
  }

 private:
  int count_ = 0;
};

Async<> s255_example_supervised_counter_recovers(Process& self) {
  const auto sup = co_await Supervisor::start_link(
      self, children(child<Store>(0).named("store"), child<Counter>().named("counter")),
      {.strategy = rest_for_one});
  const auto increment = [&] { return call(self, named<Counter>("counter"), Increment{}); };
  std::vector<Term> counted;
  for (int i = 0; i < 3; ++i) counted.push_back(co_await increment());
  p("counting", list(counted));
  const auto kill = [&](const char* name) -> Async<> {
    const Pid old = whereis("counter");
    exit(whereis(name), atoms::kill);
    co_await until(self, [old]() -> Async<bool> {
      const Pid now = whereis("counter");
      co_return now&& now != old;
    });
  };
  co_await kill("counter");
  p("after_counter_crash", co_await increment());
  co_await kill("store");
  p("after_store_crash", co_await increment());
  p("active", (co_await Supervisor::count_children(self, sup)).active);
}

constexpr Scenario scenarios[] = {
    {"250-example-session-store", s250_example_session_store},
    {"253-example-server-with-tasks", s253_example_server_with_tasks},
    {"254-example-ticker", s254_example_ticker},
    {"255-example-supervised-counter-recovers", s255_example_supervised_counter_recovers},
};

}  // namespace

std::span<const Scenario> example_scenarios() { return scenarios; }

}  // namespace troupe::conformance
