// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Servers: termination and system messages (130 to 142).
#include <troupe/sys.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

struct SlowEnd : GenServer<SlowEnd> {
  Async<> terminate(Process& self, ExitReason reason) {
    co_await self.sleep(50ms);
    p("terminate", reason.term());
  }
};

Async<> s130_term_stop(Process& self) {
  for (const Term& reason : {atom("normal"), atom("shutdown"), atom("other")}) {
    const auto server = co_await SlowEnd::start(self);
    const Ref ref = self.monitor(server.pid());
    const Term stopped = co_await ok(stop(self, server, reason));
    p("stop", tuple({stopped, co_await is_alive(self, server.pid())}));
    p("reason", co_await wait(self, ref));
    const Term again = co_await catch_exit([&] { return stop(self, server); });
    p("stop_again", again[1]);
  }
}

struct Busy {
  Duration time;
};

struct BusyServer : GenServer<BusyServer> {
  Async<> handle_cast(Process& self, Busy m) { co_await self.sleep(m.time); }
};

Async<> s131_term_stop_timeout(Process& self) {
  const auto server = co_await BusyServer::start(self);
  const Ref ref = self.monitor(server.pid());
  cast(server, Busy{200ms});
  const Term result = co_await catch_exit([&] { return stop(self, server, atoms::normal, 30ms); });
  p("stop", result[1]);
  p("server_later", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

struct StopWith {
  Term reason;
};
struct Crash {};

// Tells in terminate whether the handler that ended it had come to change the state.
struct Reasons : GenServer<Reasons> {
  Next handle_cast(StopWith m) {
    ++state_;
    return Next::stop(std::move(m.reason));
  }
  void handle_cast(Crash) { throw ErrorException{atom("boom")}; }
  void handle_cast(Process& self, ExitWith m) { self.exit(std::move(m.reason)); }
  void terminate(const ExitReason& reason) { p("terminate", tuple({norm(reason), state_})); }

 private:
  int state_ = 0;
};

Async<> s132_term_reasons(Process& self) {
  const auto ends_of = [](Process& me, auto message) -> Async<> {
    const auto server = co_await Reasons::start(me);
    const Ref ref = me.monitor(server.pid());
    cast(server, std::move(message));
    p("reason", co_await wait(me, ref));
  };
  co_await ends_of(self, StopWith{atom("normal")});
  co_await ends_of(self, StopWith{atom("shutdown")});
  co_await ends_of(self, StopWith{atom("odd")});
  co_await ends_of(self, Crash{});
  co_await ends_of(self, ExitWith{atom("left")});
}

struct MayTrap : GenServer<MayTrap> {
  MayTrap(Process& self, bool traps) { self.trap_exits(traps); }
  void terminate(const ExitReason& reason) { p("terminate_called", reason.term()); }
};

Async<> s133_term_not_called_untrapped(Process& self) {
  struct Case {
    bool traps;
    const char* signal;
  };
  for (const auto& [traps, signal] :
       {Case{false, "shutdown"}, Case{false, "boom"}, Case{false, "kill"}, Case{true, "kill"}}) {
    const auto server = co_await MayTrap::start(self, traps);
    const Ref ref = self.monitor(server.pid());
    exit(server.pid(), signal);
    p("reason", tuple({traps, atom(signal), co_await wait(self, ref)}));
  }
}

struct Server {
  Pid pid;
};

struct Trapping : GenServer<Trapping> {
  Trapping(Process& self, Pid main) {
    self.trap_exits();
    send(main, Server{self.pid()});
  }
  void handle_info(Any message) { p("handle_info", Term::binary(message.type_name())); }
  void terminate(const ExitReason& reason) { p("terminate", reason.term()); }
};

Async<> s134_term_parent_exit_trapped(Process& self) {
  for (const Term& reason :
       {atom("shutdown"), atom("crashed"), tuple({atoms::shutdown, atom("x")})}) {
    const Pid parent = spawn(
        [](Process& me, Pid main, Term why) -> Async<> {
          co_await Trapping::start_link(me, main);
          co_await exit_on_go(me, std::move(why));
        },
        self.pid(), reason);
    const auto [server] = co_await self.receive<Server>();
    const Ref ref = self.monitor(server);
    send(parent, Go{});
    p("reason", co_await wait(self, ref));
  }
}

struct SpawnLink {
  Term reason;
  using Reply = Pid;
};

struct HasChildren : GenServer<HasChildren> {
  HasChildren(Process& self, Pid main) : main_{main} { self.trap_exits(); }
  Pid handle_call(SpawnLink m) { return spawn_link(exit_with, std::move(m.reason)); }
  void handle_info(Exit m) { send(main_, std::move(m)); }

 private:
  Pid main_;
};

Async<> s135_term_other_exit_is_info(Process& self) {
  const auto server = co_await HasChildren::start(self, self.pid());
  for (const Term& reason : {atom("normal"), atom("shutdown"), atom("boom")}) {
    const Pid child = co_await call(self, server, SpawnLink{reason});
    const auto [from, why] = co_await self.receive<Exit>();
    p("linked_child", tuple({from == child, why.term()}));
  }
  exit(server.pid(), "from_stranger");
  const auto [from, why] = co_await self.receive<Exit>();
  p("stranger", tuple({from == self.pid(), why.term()}));
  p("alive", co_await is_alive(self, server.pid()));
}

struct Gate {};
struct Hello {
  using Reply = Term;
};

struct Gated : GenServer<Gated> {
  Async<> handle_cast(Process& self, Gate) { co_await self.receive<Go>(); }
  Next handle_cast(StopWith m) { return Next::stop(std::move(m.reason)); }
  Term handle_call(Hello) { return atom("hello"); }
};

Async<> s136_term_queued_requests_at_stop(Process& self) {
  const auto server = co_await Gated::start(self);
  cast(server, Gate{});
  cast(server, StopWith{atom("done_for_today")});
  co_await queued(self, server.pid(), 1);
  for (int i = 0; i < 3; ++i) {
    spawn(
        [](Process& me, Pid main, ServerRef<Gated> to) -> Async<> {
          Term result = co_await catch_exit([&] { return call(me, to, Hello{}); });
          send(main, std::move(result));
        },
        self.pid(), server);
  }
  co_await queued(self, server.pid(), 4);
  send(server.pid(), Go{});
  for (int i = 0; i < 3; ++i) p("queued_caller", co_await self.receive<Term>());
  p("late_caller", co_await catch_exit([&] { return call(self, server, Hello{}); }));
}

struct Get {
  using Reply = int;
};

struct Number : GenServer<Number> {
  explicit Number(int start) : value{start} {}
  int handle_call(Get) const { return value; }
  Term introspect() const { return value; }
  int value;
};

Async<> s137_term_sys_get_and_replace_state(Process& self) {
  const auto number = co_await Number::start(self, 10);
  p("get_state", co_await sys::get_state(self, number.pid()));
  p("replace_state",
    co_await sys::replace_state(self, number, [](Number& n) { return n.value *= 3; }));
  p("call", co_await call(self, number, Get{}));
  Term failed = atom("did_not_fail");
  try {
    co_await sys::replace_state(self, number, [](Number& n) {
      n.value = 0;
      throw ExitException{"bad_fun"};
    });
  } catch (const ErrorException&) {
    failed = atoms::error;
  } catch (const ExitException&) {
    failed = atoms::exit;
  }
  p("failing_function", failed);
  p("state_kept", co_await sys::get_state(self, number.pid()));
}

struct Add {
  int n;
};

struct Sum : GenServer<Sum> {
  Term handle_call(Add m) {
    all_.push_back(m.n);
    return atom("added");
  }
  void handle_cast(Add m) { all_.push_back(m.n); }
  Term introspect() const { return list(all_); }

 private:
  std::vector<Term> all_;
};

Async<> s138_term_sys_suspend_resume(Process& self) {
  const auto sum = co_await Sum::start(self);
  const auto status = [&]() -> Async<Term> {
    co_return atom((co_await sys::get_status(self, sum.pid())).is_suspended ? "suspended"
                                                                            : "running");
  };
  p("suspend", co_await ok(sys::suspend(self, sum.pid())));
  cast(sum, Add{1});
  p("call", co_await catch_exit([&] { return call(self, sum, Add{2}, 50ms); }));
  cast(sum, Add{3});
  p("state_while_suspended", co_await sys::get_state(self, sum.pid()));
  p("status", co_await status());
  p("resume", co_await ok(sys::resume(self, sum.pid())));
  p("state_after", co_await sys::get_state(self, sum.pid()));
  p("status", co_await status());
}

struct Idle : GenServer<Idle> {
  explicit Idle(Pid main) : main_{main} {}
  Init init() { return Init::timeout(500ms); }
  void handle_timeout() { send(main_, Fact{Atom{"info"}, atoms::timeout}); }

 private:
  Pid main_;
};

Async<> s139_term_sys_message_restarts_timeout(Process& self) {
  const auto idle = co_await Idle::start(self, self.pid());
  for (int i = 0; i < 12; ++i) {
    co_await self.sleep(80ms);
    co_await sys::get_state(self, idle.pid());
  }
  p("held_back", co_await msgs<Fact>(self));
  p("then", (co_await self.receive<Fact>()).value);
}

struct TellsEnd : GenServer<TellsEnd> {
  void terminate(const ExitReason& reason) { p("terminate", tuple({reason.term(), state_})); }

 private:
  Term state_ = atom("state");
};

Async<> s140_term_sys_terminate(Process& self) {
  for (const bool suspended : {false, true}) {
    const auto server = co_await TellsEnd::start(self);
    const Ref ref = self.monitor(server.pid());
    if (suspended) co_await sys::suspend(self, server.pid());
    p("result", co_await ok(sys::terminate(self, server.pid(), "asked_to")));
    p("reason", co_await wait(self, ref));
  }
}

struct Increment {};

struct Sleeper : GenServer<Sleeper> {
  Init init() { return Init::hibernate(); }
  Answer<int> handle_call(Increment) { return {++count_, Next::hibernate()}; }
  Next handle_cast(Increment) {
    ++count_;
    return Next::hibernate();
  }
  Next handle_info(Increment m) { return handle_cast(m); }
  Term introspect() const { return count_; }

 private:
  int count_ = 0;
};

Async<> s141_term_hibernate(Process& self) {
  const auto sleeper = co_await Sleeper::start(self);
  p("call", co_await call(self, sleeper, Increment{}));
  cast(sleeper, Increment{});
  send(sleeper, Increment{});
  p("state", co_await sys::get_state(self, sleeper.pid()));
  p("call_again", co_await call(self, sleeper, Increment{}));
}

struct Partner {
  Pid pid;
};

struct HasPartner : GenServer<HasPartner> {
  explicit HasPartner(Pid main) { send(main, Partner{spawn_link(wait_for_ever)}); }
  Next handle_cast(StopWith m) { return Next::stop(std::move(m.reason)); }
};

Async<> s142_term_links_of_server(Process& self) {
  for (const Term& reason : {atom("boom"), atom("shutdown"), atom("normal")}) {
    const auto server = co_await HasPartner::start(self, self.pid());
    const auto [helper] = co_await self.receive<Partner>();
    const Ref server_ref = self.monitor(server.pid());
    const Ref helper_ref = self.monitor(helper);
    cast(server, StopWith{reason});
    p("server", co_await wait(self, server_ref));
    p("helper",
      co_await self.receive(when([helper_ref](const Down& d) { return d.ref == helper_ref; },
                                 [](Down d) { return norm(d.reason); }),
                            after(200ms, [] { return atom("alive"); })));
  }
}

constexpr Scenario scenarios[] = {
    {"130-term-stop", s130_term_stop},
    {"131-term-stop-timeout", s131_term_stop_timeout},
    {"132-term-reasons", s132_term_reasons},
    {"133-term-not-called-untrapped", s133_term_not_called_untrapped},
    {"134-term-parent-exit-trapped", s134_term_parent_exit_trapped},
    {"135-term-other-exit-is-info", s135_term_other_exit_is_info},
    {"136-term-queued-requests-at-stop", s136_term_queued_requests_at_stop},
    {"137-term-sys-get-and-replace-state", s137_term_sys_get_and_replace_state},
    {"138-term-sys-suspend-resume", s138_term_sys_suspend_resume},
    {"139-term-sys-message-restarts-timeout", s139_term_sys_message_restarts_timeout},
    {"140-term-sys-terminate", s140_term_sys_terminate},
    {"141-term-hibernate", s141_term_hibernate},
    {"142-term-links-of-server", s142_term_links_of_server},
};

}  // namespace

std::span<const Scenario> term_scenarios() { return scenarios; }

}  // namespace troupe::conformance
