// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Servers: calls that get no answer (112 to 116, 128, 129).
#include <troupe/name_at.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

struct Anything {
  using Reply = Term;
};

Async<Pid> dead_process(Process& self) {
  const auto [dead, ref] = spawn_monitor(end_at_once);
  co_await wait(self, ref);
  co_return dead;
}

Async<> s112_call_cast_never_fails(Process& self) {
  const Pid dead = co_await dead_process(self);
  p("dead_pid", ok([&] { cast(dead, Anything{}); }));
  p("no_such_name", ok([&] { cast("no_such_server", Anything{}); }));
  const NameAt nobody{"no_such_server", self.runtime().name()};
  p("name_and_node", ok([&] { cast(nobody, Anything{}); }));
}

Async<> s113_call_noproc(Process& self) {
  const Pid dead = co_await dead_process(self);
  p("dead_pid", co_await catch_exit([&] { return call(self, dead, Anything{}); }));
  p("no_such_name", co_await catch_exit([&] { return call(self, "no_such_server", Anything{}); }));
  p("self", co_await catch_exit([&] { return call(self, self.pid(), Anything{}); }));
  p("mailbox", co_await msgs(self));
}

struct Slow {
  Duration time;
  using Reply = Term;
};
struct Count {
  using Reply = int;
};

struct SlowServer : GenServer<SlowServer> {
  Async<Term> handle_call(Process& self, Slow m) {
    co_await self.sleep(m.time);
    ++served_;
    co_return atom("late");
  }
  int handle_call(Count) const { return served_; }

 private:
  int served_ = 0;
};

Async<> s114_call_timeout(Process& self) {
  const auto server = co_await SlowServer::start(self);
  p("slow", co_await catch_exit([&] { return call(self, server, Slow{200ms}, 50ms); }));
  p("requests_completed", co_await call(self, server, Count{}));
  p("mailbox", co_await msgs(self));
  const Pid caller =
      spawn([](Process& me,
               ServerRef<SlowServer> to) -> Async<> { co_await call(me, to, Slow{200ms}, 50ms); },
            server);
  p("uncaught_timeout_reason", co_await down(self, caller));
}

// What the server is to do instead of answering.
struct Fail {
  Term how;
  using Reply = Term;
};

struct Fails : GenServer<Fails> {
  Answer<Term> handle_call(Process& self, Fail m) {
    if (m.how.is_atom("crash")) throw ErrorException{atom("boom")};
    if (m.how.is_atom("exit")) self.exit("i_quit");
    if (m.how.is_tagged(atoms::stop)) return Next::stop(m.how[1]);
    exit(self.pid(), atoms::kill);
    return atom("never");
  }
};

Async<> s115_call_server_dies(Process& self) {
  for (const Term& request :
       {atom("crash"), atom("exit"), tuple({atoms::stop, atoms::normal}),
        tuple({atoms::stop, atoms::shutdown}), tuple({atoms::stop, tuple({atoms::shutdown, 1})}),
        tuple({atoms::stop, atom("odd")}), atom("killed")}) {
    const auto server = co_await Fails::start(self);
    p("request", request);
    p("caller_sees", co_await catch_exit([&] { return call(self, server, Fail{request}); }));
  }
  p("mailbox", co_await msgs(self));
}

struct Fine {
  using Reply = Term;
};
struct NeverAnswered {
  using Reply = Term;
};
struct Crash {
  using Reply = Term;
};

struct Mixed : GenServer<Mixed> {
  Term handle_call(Fine) { return atom("fine"); }
  void handle_call(NeverAnswered, From<Term> from) { kept_.push_back(std::move(from)); }
  Term handle_call(Process& self, Crash) { self.exit("crash"); }

 private:
  std::vector<From<Term>> kept_;
};

Async<> s116_call_leaves_nothing_behind(Process& self) {
  const auto server = co_await Mixed::start(self);
  send(self.pid(), atom("unrelated"));
  p("ok", co_await catch_exit([&] { return call(self, server, Fine{}); }));
  p("timeout", co_await catch_exit([&] { return call(self, server, NeverAnswered{}, 20ms); }));
  p("crash", co_await catch_exit([&] { return call(self, server, Crash{}); }));
  const std::vector<Pid> monitors = (co_await info_of(self, self.pid())).monitors;
  p("monitors", list(std::vector<Term>(monitors.begin(), monitors.end())));
  p("mailbox", co_await msgs(self));
}

Async<> s128_call_linked_server_dies(Process& self) {
  self.trap_exits();
  for (const Term& reason : {atom("normal"), atom("shutdown"), atom("boom")}) {
    const auto server = co_await Fails::start_link(self);
    p("call",
      co_await catch_exit([&] { return call(self, server, Fail{tuple({atoms::stop, reason})}); }));
    p("link", co_await exit_of(self, server.pid()));
  }
  p("mailbox", co_await msgs(self));
}

Async<> s129_call_caller_dies(Process& self) {
  const auto server = co_await SlowServer::start(self);
  std::vector<Pid> callers;
  for (int i = 0; i < 3; ++i) {
    callers.push_back(
        spawn([](Process& me,
                 ServerRef<SlowServer> to) -> Async<> { co_await call(me, to, Slow{100ms}); },
              server));
  }
  co_await queued(self, server.pid(), 2);
  std::vector<Ref> refs;
  for (Pid caller : callers) refs.push_back(self.monitor(caller));
  for (Pid caller : callers) exit(caller, atoms::kill);
  std::vector<Term> reasons;
  for (Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("callers", list(reasons));
  p("all_three_served", co_await call(self, server, Count{}));
}

constexpr Scenario scenarios[] = {
    {"112-call-cast-never-fails", s112_call_cast_never_fails},
    {"113-call-noproc", s113_call_noproc},
    {"114-call-timeout", s114_call_timeout},
    {"115-call-server-dies", s115_call_server_dies},
    {"116-call-leaves-nothing-behind", s116_call_leaves_nothing_behind},
    {"128-call-linked-server-dies", s128_call_linked_server_dies},
    {"129-call-caller-dies", s129_call_caller_dies},
};

}  // namespace

std::span<const Scenario> call_failure_scenarios() { return scenarios; }

}  // namespace troupe::conformance
