// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <stdexcept>

#include <troupe/gen_server.hpp>
#include <troupe/spawn.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class GenServerStop : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Terminated {
  ExitReason reason;
  int state;
  bool torn;
};
struct Destroyed {};

struct Mortal : GenServer<Mortal> {
  Mortal(Process& self, Pid tell, bool trap = false) : tell_{tell} {
    if (trap) self.trap_exits();
  }
  Mortal(Mortal&&) = delete;
  ~Mortal() { send(tell_, Destroyed{}); }

  struct Stop {
    ExitReason reason;
  };
  struct Crash {};
  struct CrashLater {};
  struct Leave {
    ExitReason reason;
  };
  struct Take {
    using Reply = int;
  };
  struct Busy {
    Duration time;
  };
  struct BusyUntilTold {};
  Next handle_cast(Stop m) {
    ++state_;
    return Next::stop(m.reason);
  }
  void handle_cast(Crash) { throw std::runtime_error{"broken"}; }
  Async<> handle_cast(Process& self, CrashLater) {
    co_await self.sleep(1ms);
    throw ErrorException{Atom{"late"}};
  }
  void handle_cast(Process& self, Leave m) { self.exit(m.reason); }
  Answer<int> handle_call(Take) { return {state_, Next::stop("taken")}; }
  Async<> handle_cast(Process& self, Busy m) { co_await self.sleep(m.time); }
  Async<> handle_cast(Process& self, BusyUntilTold) { (void)co_await self.receive<Atom>(); }
  void handle_info(Exit m) { send(tell_, std::move(m)); }
  void terminate(ExitReason reason) {
    send(tell_, Terminated{std::move(reason), state_, state_is_torn()});
  }

  Pid tell_;
  int state_ = 0;
};

TEST_F(GenServerStop, terminate_runs_for_every_way_a_handler_ends_the_server) {
  on_every_executor([](Process& self) -> Async<> {
    const auto run = [&](auto message) -> Async<Terminated> {
      const auto [server, ref] = co_await Mortal::start_monitor(self, self.pid());
      cast(server, std::move(message));
      Terminated terminated = co_await self.receive<Terminated>();
      co_await self.receive<Destroyed>();
      const Down down = co_await self.receive<Down>();
      EXPECT_EQ(down.reason, terminated.reason);
      co_return terminated;
    };
    for (const char* reason : {"normal", "shutdown", "odd"}) {
      const Terminated stopped = co_await run(Mortal::Stop{reason});
      EXPECT_EQ(stopped.reason, ExitReason{reason});
      EXPECT_EQ(stopped.state, 1);
      EXPECT_FALSE(stopped.torn);
    }
    const Terminated crashed = co_await run(Mortal::Crash{});
    EXPECT_NE(crashed.reason.to_string().find("broken"), std::string::npos);
    EXPECT_TRUE(crashed.torn);
    const Terminated late = co_await run(Mortal::CrashLater{});
    EXPECT_EQ(late.reason.term()[0], Term{Atom{"late"}});
    EXPECT_TRUE(late.torn);
    const Terminated left = co_await run(Mortal::Leave{"left"});
    EXPECT_EQ(left.reason, ExitReason{"left"});
  });
}

TEST_F(GenServerStop, stop_with_a_reply_terminates_before_it_replies) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Mortal::start(self, self.pid());
    EXPECT_EQ(co_await call(self, server, Mortal::Take{}), 0);
    EXPECT_TRUE((co_await self.receive<Terminated>(0ms)).has_value());
  });
}

TEST_F(GenServerStop, stop_returns_once_the_server_is_dead) {
  on_every_executor([](Process& self) -> Async<> {
    for (const char* reason : {"normal", "shutdown", "other"}) {
      const auto server = co_await Mortal::start(self, self.pid());
      co_await stop(self, server, reason);
      EXPECT_FALSE(co_await is_alive(self, server.pid()));
      EXPECT_EQ((co_await self.receive<Terminated>(0ms))->reason, ExitReason{reason});
      ExitReason why;
      try {
        co_await stop(self, server);
      } catch (const ExitException& exit) {
        why = exit.reason();
      }
      EXPECT_EQ(why.term()[0], Term{atoms::noproc});
      EXPECT_EQ(why.term()[1][1], Term{atoms::stop});
    }
  });
}

TEST_F(GenServerStop, stop_gives_up_after_its_timeout_and_the_server_still_ends) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [server, ref] = co_await Mortal::start_monitor(self, self.pid());
    cast(server, Mortal::BusyUntilTold{});
    ExitReason why;
    try {
      co_await stop(self, server, atoms::normal, 5ms);
    } catch (const ExitException& exit) {
      why = exit.reason();
    }
    EXPECT_EQ(why.term()[0], Term{atoms::timeout});
    send(server.pid(), Atom{"go"});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  });
}

TEST_F(GenServerStop, an_exit_signal_ends_a_server_that_does_not_trap_without_terminate) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [server, ref] = co_await Mortal::start_monitor(self, self.pid());
    exit(server.pid(), "away");
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"away"});
    EXPECT_TRUE((co_await self.receive<Destroyed>(0ms)).has_value());
    EXPECT_FALSE((co_await self.receive<Terminated>(0ms)).has_value());
  });
}

struct StartedChild {
  Pid pid;
};

Async<> parent_that_leaves(Process& self, Pid tell, ExitReason reason) {
  const auto server = co_await Mortal::start_link(self, tell, true);
  send(tell, StartedChild{server.pid()});
  co_await self.receive<int>();
  self.exit(std::move(reason));
}

TEST_F(GenServerStop, the_exit_of_the_parent_ends_a_server_that_traps_with_terminate) {
  on_every_executor([](Process& self) -> Async<> {
    for (const char* reason : {"normal", "shutdown", "crashed"}) {
      const Pid parent = spawn(parent_that_leaves, self.pid(), ExitReason{reason});
      const Pid server = (co_await self.receive<StartedChild>()).pid;
      self.monitor(server);
      send(parent, 1);
      EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{reason});
      EXPECT_EQ((co_await self.receive<Terminated>(0ms))->reason, ExitReason{reason});
    }
  });
}

TEST_F(GenServerStop, the_exit_of_anybody_else_is_a_message_for_a_server_that_traps) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Mortal::start(self, self.pid(), true);
    exit(server.pid(), "hello");
    const Exit taken = co_await self.receive<Exit>();
    EXPECT_EQ(taken.reason, ExitReason{"hello"});
    EXPECT_EQ(taken.from, self.pid());
    co_await stop(self, server);
  });
}

struct BadEnd : GenServer<BadEnd> {
  struct Stop {};
  Next handle_cast(Stop) { return Next::stop("first"); }
  Async<> terminate(Process& self, ExitReason) {
    co_await self.yield();
    throw ErrorException{Atom{"second"}};
  }
};

TEST_F(GenServerStop, a_failing_terminate_becomes_the_reason) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [server, ref] = co_await BadEnd::start_monitor(self);
    cast(server, BadEnd::Stop{});
    EXPECT_EQ((co_await self.receive<Down>()).reason.term()[0], Term{Atom{"second"}});
  });
}

TEST_F(GenServerStop, requests_behind_a_stop_are_not_served) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Mortal::start(self, self.pid());
    cast(server, Mortal::Busy{5ms});
    cast(server, Mortal::Stop{"enough"});
    const auto result = co_await try_call(self, server, Mortal::Take{});
    EXPECT_EQ(result.error().reason, ExitReason{"enough"});
  });
}

}  // namespace
}  // namespace troupe
