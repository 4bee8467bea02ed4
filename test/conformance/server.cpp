// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Servers: start and init (099 to 110).
#include <algorithm>

#include <troupe/proc_lib.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

Async<> s099_server_start_and_start_link(Process& self) {
  self.trap_exits();
  const auto a = co_await Ends::start(self);
  const auto b = co_await Ends::start_link(self);
  const std::vector<Pid> links = (co_await info_of(self, self.pid())).links;
  const auto is_linked = [&](Pid pid) { return std::ranges::find(links, pid) != links.end(); };
  p("linked", tuple({is_linked(a.pid()), is_linked(b.pid())}));
  const Ref ref = self.monitor(a.pid());
  cast(a, ExitWith{atom("boom")});
  p("a", co_await wait(self, ref));
  cast(b, ExitWith{atom("boom")});
  p("b", co_await exit_of(self, b.pid()));
  p("mailbox", co_await msgs(self));
}

struct Seen {
  using Reply = Term;
};

struct SlowStart : GenServer<SlowStart> {
  using Info = Messages<Term>;
  explicit SlowStart(Pid main) : main_{main} {}
  Async<Init> init(Process& self) {
    send(self.pid(), atom("sent_in_init"));
    co_await self.sleep(100ms);
    send(main_, atom("init_done"));
    co_return Init::ok();
  }
  void handle_info(Term message) { seen_.push_back(std::move(message)); }
  Term handle_call(Seen) { return list(seen_); }

 private:
  Pid main_;
  std::vector<Term> seen_;
};

Async<> s100_server_init_blocks_starter(Process& self) {
  const Duration start = self.monotonic_time();
  const auto server = co_await SlowStart::start(self, self.pid());
  p("waited", has_passed(self, start, 100ms));
  p("mailbox", co_await msgs(self));
  send(server, atom("sent_after_start"));
  p("server_saw", co_await call(self, server, Seen{}));
}

Async<> s101_server_init_returns(Process& self) {
  struct Case {
    const char* name;
    InitIs::How how;
  };
  const Case cases[] = {
      {"ok", [](Process&) { return Init::ok(); }},
      {"ok_timeout", [](Process&) { return Init::timeout(5s); }},
      {"ok_hibernate", [](Process&) { return Init::hibernate(); }},
      {"ignore", [](Process&) { return Init::ignore(); }},
      {"stop", [](Process&) { return Init::stop("not_today"); }},
      {"stop_normal", [](Process&) { return Init::stop(atoms::normal); }},
      {"error", [](Process&) -> Init { throw ErrorException{atom("boom")}; }},
      {"exit", [](Process& me) -> Init { me.exit("left"); }},
      // What a callback throws stands for what it returns, in Erlang and here; and here that is the
      // only way to give a value that is no Init.
      {"bad_value", [](Process&) -> Init { throw ThrownException{atom("surprise")}; }},
  };
  for (const auto& [name, how] : cases) p(name, to_term(co_await InitIs::try_start(self, how)));
  p("mailbox", co_await msgs(self));
}

Async<> s102_server_init_failure_when_linked(Process& self) {
  self.trap_exits();
  const InitIs::How outcomes[] = {
      [](Process&) { return Init::stop("bad_config"); },
      [](Process&) { return Init::ignore(); },
      [](Process&) { return Init::stop(atoms::normal); },
  };
  for (const InitIs::How how : outcomes) {
    p("result", to_term(co_await InitIs::try_start_link(self, how)));
    const auto [from, reason] = co_await self.receive<Exit>();
    p("exit_message", reason.term());
  }
}

struct StopsAtOnce : GenServer<StopsAtOnce> {
  explicit StopsAtOnce(Term reason) : reason_{std::move(reason)} {}
  Init init() { return Init::stop(reason_); }

 private:
  Term reason_;
};

Async<> s103_server_init_failure_kills_untrapping_starter(Process& self) {
  for (const Term& reason : {atom("broken"), atom("shutdown"), atom("normal")}) {
    const Term end = co_await reason_of(
        self,
        [](Process& me, Term why) -> Async<> {
          const auto result = co_await StopsAtOnce::try_start_link(me, why);
          if (result || result.error().term() != why) me.exit("unexpected_result");
          co_await me.receive<Never>(200ms);
          me.exit("survived");
        },
        reason);
    p(reason.as_atom()->text(), end);
  }
}

struct Starting {
  Pid pid;
};

struct NeverStarts : GenServer<NeverStarts> {
  explicit NeverStarts(Pid main) : main_{main} {}
  Async<Init> init(Process& self) {
    send(main_, Starting{self.pid()});
    co_await self.sleep(60s);
    co_return Init::ok();
  }

 private:
  Pid main_;
};

Async<> s104_server_init_timeout(Process& self) {
  const StartOptions options{.name = "slow", .timeout = 80ms};
  p("result", to_term(co_await NeverStarts::try_start(self, options, self.pid())));
  const auto [pid] = co_await self.receive<Starting>();
  co_await until(self, [&self, pid]() -> Async<bool> { co_return !co_await is_alive(self, pid); });
  p("alive", co_await is_alive(self, pid));
  p("name", or_nil(whereis("slow")));
  p("mailbox", co_await msgs(self));
}

// Tells what it gets; a timeout as the message that it is in Erlang.
struct TellsInfo : GenServer<TellsInfo> {
  using Info = Messages<Term>;
  TellsInfo(Pid main, Duration first) : main_{main}, first_{first} {}
  Init init() { return Init::timeout(first_); }
  void handle_timeout() { handle_info(atoms::timeout); }
  void handle_info(Term message) { send(main_, Fact{Atom{"info"}, std::move(message)}); }

 private:
  Pid main_;
  Duration first_;
};

Async<> s105_server_init_timeout_return(Process& self) {
  co_await TellsInfo::start(self, self.pid(), Duration{30ms});
  p("idle_server", (co_await self.receive<Fact>()).value);
  const auto busy = co_await TellsInfo::start(self, self.pid(), Duration{300ms});
  send(busy, atom("work"));
  p("busy_server", (co_await self.receive<Fact>()).value);
  co_await self.sleep(450ms);
  p("later", co_await msgs<Fact>(self));
}

struct OnlyOne : GenServer<OnlyOne> {
  explicit OnlyOne(int number) { p("init", number); }
};

Async<> s106_server_name_clash(Process& self) {
  self.trap_exits();
  const StartOptions options{.name = "only_one"};
  const auto first = co_await OnlyOne::start_link(self, options, 1);
  const auto second = co_await OnlyOne::try_start_link(self, options, 2);
  const Term error = second.error().term();
  p("second", tuple({error[0], error[1] == Term{first.pid()}}));
  p("mailbox", co_await msgs(self));
  co_await stop(self, first);
  p("first_stopped", co_await exit_of(self, first.pid()));
  co_await OnlyOne::start_link(self, options, 3);
  p("third", whereis("only_one") != first.pid());
}

Async<> s107_server_name_free_after_failed_init(Process& self) {
  struct Case {
    const char* name;
    InitIs::How how;
  };
  const Case cases[] = {
      {"stop", [](Process&) { return Init::stop("no"); }},
      {"ignore", [](Process&) { return Init::ignore(); }},
      {"crash", [](Process&) -> Init { throw ErrorException{atom("boom")}; }},
  };
  const InitIs::How good = [](Process&) { return Init::ok(); };
  const StartOptions options{.name = "reused"};
  for (const auto& [name, how] : cases) {
    std::vector<Term> outcomes;
    for (int i = 0; i < 100; ++i) {
      (void)co_await InitIs::try_start(self, options, how);
      const auto server = co_await InitIs::start(self, options, good);
      outcomes.push_back(co_await ok(stop(self, server)));
    }
    p(name, uniq(outcomes));
  }
}

struct Setup {};

struct Continues : GenServer<Continues> {
  using Info = Messages<Term>;
  Init init(Process& self) {
    send(self.pid(), atom("queued_in_init"));
    return continue_with(Setup{});
  }
  Async<> handle_continue(Process& self, Setup) {
    co_await self.receive<Go>();
    log_.push_back(tuple({atom("continue"), atom("setup")}));
  }
  void handle_info(Term message) { log_.push_back(tuple({atom("info"), std::move(message)})); }
  Term handle_call(Seen) { return list(log_); }

 private:
  std::vector<Term> log_;
};

Async<> s108_server_init_continue(Process& self) {
  const auto server = co_await Continues::start(self);
  p("started_while_continue_runs");
  send(server, atom("queued_later"));
  send(server.pid(), Go{});
  p("log", co_await call(self, server, Seen{}));
}

struct MayFail : GenServer<MayFail> {
  explicit MayFail(bool fails) : fails_{fails} {}
  Init init() { return fails_ ? Init::stop("no_luck") : Init::ok(); }
  Next handle_cast(ExitWith m) { return Next::stop(std::move(m.reason)); }

 private:
  bool fails_;
};

Async<> s109_server_start_monitor(Process& self) {
  const auto [server, ref] = co_await MayFail::start_monitor(self, false);
  cast(server, ExitWith{atom("done")});
  p("reason", co_await wait(self, ref));
  p("failed", to_term(co_await MayFail::try_start_monitor(self, true)));
  p("mailbox", co_await msgs(self));
}

struct Child {
  Pid pid;
};

Async<> acknowledges(Process& self, proc_lib::InitAck<Term> ready) {
  send(ready.starter(), Child{self.pid()});
  ready.ack(tuple({atom("my_answer"), 42}));
  const auto [from] = co_await self.receive<Ping>();
  send(from, Pong{});
}

Async<> s110_server_proc_lib_ack(Process& self) {
  self.trap_exits();
  p("good", (co_await proc_lib::start_link<Term>(self, acknowledges)).value().value);
  send((co_await self.receive<Child>()).pid, Ping{self.pid()});
  co_await self.receive<Pong>();
  p("goes_on_after_ack");
  const auto result = [](const auto& started) { return to_term(started); };
  p("early_exit", result(co_await proc_lib::start_link(
                      self, [](Process& me, proc_lib::InitAck<>) { me.exit("too_bad"); })));
  p("crash", result(co_await proc_lib::start_link(
                 self, [](Process&, proc_lib::InitAck<>) { throw ErrorException{atom("boom")}; })));
  p("forgets", result(co_await proc_lib::start_link(self, [](Process&, proc_lib::InitAck<>) {})));
}

constexpr Scenario scenarios[] = {
    {"099-server-start-and-start-link", s099_server_start_and_start_link},
    {"100-server-init-blocks-starter", s100_server_init_blocks_starter},
    {"101-server-init-returns", s101_server_init_returns},
    {"102-server-init-failure-when-linked", s102_server_init_failure_when_linked},
    {"103-server-init-failure-kills-untrapping-starter",
     s103_server_init_failure_kills_untrapping_starter},
    {"104-server-init-timeout", s104_server_init_timeout},
    {"105-server-init-timeout-return", s105_server_init_timeout_return},
    {"106-server-name-clash", s106_server_name_clash},
    {"107-server-name-free-after-failed-init", s107_server_name_free_after_failed_init},
    {"108-server-init-continue", s108_server_init_continue},
    {"109-server-start-monitor", s109_server_start_monitor},
    {"110-server-proc-lib-ack", s110_server_proc_lib_ack},
};

}  // namespace

std::span<const Scenario> server_scenarios() { return scenarios; }

}  // namespace troupe::conformance
