// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/gen_server.hpp>
#include <troupe/spawn.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class GenServerCall : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Desk : GenServer<Desk> {
  struct Add {
    int n;
    using Reply = int;
  };
  struct Slow {
    Duration time;
    using Reply = std::string;
  };
  struct Count {
    using Reply = int;
  };
  struct Never {
    using Reply = int;
  };
  struct Crash {
    using Reply = int;
  };
  struct Quit {
    ExitReason reason;
    using Reply = int;
  };
  struct Touch {
    using Reply = void;
  };
  struct Square {
    int n;
    using Reply = int;
  };
  struct ReplyAndGoOn {
    Pid observer;
    using Reply = std::string;
  };
  struct Forget {
    using Reply = int;
  };
  struct Lose {
    using Reply = int;
  };
  struct AfterReply {
    Pid observer;
  };
  using Messages = troupe::Messages<Add, Touch>;

  int handle_call(Add m) { return sum += m.n; }
  Async<std::string> handle_call(Process& self, Slow m) {
    co_await self.sleep(m.time);
    ++completed;
    co_return "late";
  }
  int handle_call(Count) { return completed; }
  void handle_call(Never, From<int> from) { kept.push_back(std::move(from)); }
  int handle_call(Crash) { throw ErrorException{Atom{"boom"}}; }
  Answer<int> handle_call(Quit m) { return Next::stop(m.reason); }
  void handle_call(Touch) { ++completed; }
  void handle_call(Square m, From<int> from) {
    spawn([](Process&, int n, From<int> f) { reply(std::move(f), n * n); }, m.n, std::move(from));
  }
  Answer<std::string> handle_call(ReplyAndGoOn m) {
    return {"replied", continue_with(AfterReply{m.observer})};
  }
  void handle_continue(AfterReply m) { send(m.observer, "continued"); }
  void handle_call(Forget, From<int>) {}
  void handle_call(Lose, From<int> from) { const From<int> lost{std::move(from)}; }

  int sum = 0;
  int completed = 0;
  std::vector<From<int>> kept;
};

TEST_F(GenServerCall, a_call_gives_what_the_handler_returns) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self);
    EXPECT_EQ(co_await call(self, desk, Desk::Add{3}), 3);
    EXPECT_EQ(co_await call(self, desk, Desk::Add{4}), 7);
    co_await call(self, desk, Desk::Touch{});
    EXPECT_EQ(co_await call(self, desk, Desk::Count{}), 1);
  });
}

TEST_F(GenServerCall, a_listed_message_can_be_called_by_pid_and_by_name) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self, {.name = "desk"});
    EXPECT_EQ(co_await call(self, desk.pid(), Desk::Add{3}), 3);
    EXPECT_EQ(co_await call(self, "desk", Desk::Add{4}), 7);
    EXPECT_EQ(co_await call(self, named<Desk>("desk"), Desk::Add{5}), 12);
    co_await call(self, "desk", Desk::Touch{});
  });
}

TEST_F(GenServerCall, an_unknown_dynamic_call_ends_the_server) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [desk, ref] = co_await Desk::start_monitor(self);
    const auto result = co_await try_call(self, desk.pid(), Desk::Count{});
    EXPECT_EQ(result.error().code, CallError::Code::down);
    EXPECT_EQ((co_await self.receive<Down>()).reason, result.error().reason);
  });
}

TEST_F(GenServerCall, calling_nobody_is_noproc_and_calling_oneself_is_calling_self) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid dead = spawn([](Process&) {});
    while (co_await is_alive(self, dead)) co_await self.yield();
    EXPECT_EQ((co_await try_call(self, dead, Desk::Add{1})).error().code, CallError::Code::noproc);
    EXPECT_EQ((co_await try_call(self, "nobody", Desk::Add{1})).error().code,
              CallError::Code::noproc);
    EXPECT_EQ((co_await try_call(self, ServerRef<Desk>{}, Desk::Add{1})).error().code,
              CallError::Code::noproc);
    EXPECT_EQ((co_await try_call(self, self.pid(), Desk::Add{1})).error().code,
              CallError::Code::calling_self);
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
  });
}

Async<> calls_too_shortly(Process& self, Pid desk) {
  (void)co_await call(self, ServerRef<Desk>{desk}, Desk::Slow{500ms}, 5ms);
}

TEST_F(GenServerCall, an_uncaught_timeout_ends_the_caller_with_otps_reason) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self);
    spawn_monitor(calls_too_shortly, desk.pid());
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.reason.term()[0], Term{atoms::timeout});
    const Term expected = tuple({Term{Atom{"gen_server"}}, atoms::call,
                                 list({Term{desk.pid()}, down.reason.term()[1][2][1], Term{5}})});
    EXPECT_EQ(down.reason.term()[1], expected);
  });
}

TEST_F(GenServerCall, a_late_reply_is_dropped) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self);
    const auto late = co_await try_call(self, desk, Desk::Slow{500ms}, 5ms);
    EXPECT_EQ(late.error().code, CallError::Code::timeout);
    EXPECT_EQ(co_await call(self, desk, Desk::Count{}), 1);
    const auto info = co_await process_info(self, self.pid());
    EXPECT_EQ(info->mailbox_length, 0u);
    EXPECT_TRUE(info->monitors.empty());
  });
}

TEST_F(GenServerCall, the_end_of_the_server_is_what_a_waiting_caller_gets) {
  on_every_executor([](Process& self) -> Async<> {
    for (const ExitReason& reason : {ExitReason{atoms::normal}, ExitReason{atoms::shutdown},
                                     ExitReason{"odd"}, ExitReason::shutdown_with(1)}) {
      const auto desk = co_await Desk::start(self);
      const auto result = co_await try_call(self, desk, Desk::Quit{reason});
      EXPECT_EQ(result.error().code, CallError::Code::down);
      EXPECT_EQ(result.error().reason, reason);
    }
    const auto desk = co_await Desk::start(self);
    const auto crashed = co_await try_call(self, desk, Desk::Crash{});
    EXPECT_EQ(crashed.error().reason.term()[0], Term{Atom{"boom"}});
  });
}

Async<> kills_soon(Process& self, Pid victim) {
  co_await self.sleep(5ms);
  exit(victim, atoms::kill);
}

TEST_F(GenServerCall, a_killed_server_fails_its_callers_with_killed) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start(self);
    spawn(kills_soon, desk.pid());
    const auto result = co_await try_call(self, desk, Desk::Never{});
    EXPECT_EQ(result.error().reason, ExitReason{atoms::killed});
  });
}

TEST_F(GenServerCall, any_process_may_answer) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self);
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(co_await call(self, desk, Desk::Square{i}), i * i);
    }
  });
}

TEST_F(GenServerCall, a_reply_goes_out_before_the_continuation_runs) {
  on_every_executor([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self);
    EXPECT_EQ(co_await call(self, desk, Desk::ReplyAndGoOn{self.pid()}), "replied");
    EXPECT_EQ(co_await self.receive<std::string>(), "continued");
  });
}

TEST_F(GenServerCall, replies_skip_a_long_mailbox) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto desk = co_await Desk::start_link(self);
    for (int i = 0; i < 100'000; ++i) send(self.pid(), i);
    int sum = 0;
    for (int i = 1; i <= 1'000; ++i) sum = co_await call(self, desk, Desk::Add{1});
    EXPECT_EQ(sum, 1'000);
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 100'000u);
  });
}

TEST_F(GenServerCall, a_reply_token_that_is_dropped_is_reported_once) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    const auto desk = co_await Desk::start_link(self);
    const auto result = co_await try_call(self, desk, Desk::Forget{}, 5ms);
    EXPECT_EQ(result.error().code, CallError::Code::timeout);
    (void)co_await call(self, desk, Desk::Count{});
    EXPECT_EQ(log_.count("dropped unanswered"), 1);
    EXPECT_EQ(log_.count("dropped unanswered", "Desk::Forget"), 1);
  });
}

TEST_F(GenServerCall, the_report_of_a_lost_reply_token_names_the_line_that_had_it_last) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    const auto desk = co_await Desk::start_link(self);
    EXPECT_FALSE((co_await try_call(self, desk, Desk::Lose{}, 5ms)).has_value());
    (void)co_await call(self, desk, Desk::Count{});
    EXPECT_EQ(log_.count("dropped unanswered"), 1);
    EXPECT_EQ(log_.count("dropped unanswered", "Desk::Lose", "gen_server_call_test.cpp:"), 1);
  });
}

TEST_F(GenServerCall, tokens_that_end_with_their_server_are_not_reported) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    const auto desk = co_await Desk::start(self);
    spawn(
        [](Process& caller, Pid server) -> Async<> {
          (void)co_await try_call(caller, ServerRef<Desk>{server}, Desk::Never{});
        },
        desk.pid());
    while ((co_await process_info(self, desk.pid()))->mailbox_length > 0) co_await self.yield();
    (void)co_await call(self, desk, Desk::Count{});
    co_await stop(self, desk);
    EXPECT_EQ(log_.count("dropped"), 0);
  });
}

struct Keeper : GenServer<Keeper> {
  struct Wait {
    using Reply = int;
  };
  struct Release {};
  struct Count {
    using Reply = int;
  };
  void handle_call(Wait, From<int> from) { waiting.push_back(std::move(from)); }
  int handle_call(Count) { return static_cast<int>(waiting.size()); }
  void handle_cast(Release) {
    From<int> newest = std::move(waiting.back());
    waiting.pop_back();
    reply(std::move(newest), static_cast<int>(waiting.size()));
  }
  std::vector<From<int>> waiting;
};

struct Released {
  int who;
  int left;
};

Async<> waits_its_turn(Process& self, Pid keeper, Pid tell, int who) {
  const int left = co_await call(self, ServerRef<Keeper>{keeper}, Keeper::Wait{});
  send(tell, Released{who, left});
}

TEST_F(GenServerCall, replies_may_be_given_later_and_in_any_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto keeper = co_await Keeper::start_link(self);
    for (int who = 1; who <= 2; ++who) {
      spawn(waits_its_turn, keeper.pid(), self.pid(), who);
      while (co_await call(self, keeper, Keeper::Count{}) != who) co_await self.yield();
    }
    for (int who = 2; who >= 1; --who) {
      cast(keeper, Keeper::Release{});
      const Released released = co_await self.receive<Released>();
      EXPECT_EQ(released.who, who);
      EXPECT_EQ(released.left, who - 1);
    }
  });
}

Async<> adds_until_it_fails(Process& self, ServerRef<Desk> desk, Pid tell) {
  while (const auto count = co_await try_call(self, desk, Desk::Add{1})) send(tell, *count);
}

TEST_F(GenServerCall, no_call_is_lost_or_answered_twice_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto desk = co_await Desk::start(self);
        std::vector<Pid> clients;
        for (int i = 0; i < 5; ++i) {
          clients.push_back(spawn(adds_until_it_fails, desk, self.pid()));
          self.monitor(clients.back());
        }
        co_await self.sleep(std::chrono::microseconds{self.random() % 500});
        exit(desk.pid(), atoms::kill);
        for (int i = 0; i < 5; ++i) {
          EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
        }
        // What the server has counted was answered, up to what it died of.
        std::vector<int> counts;
        while (const auto count = co_await self.receive<int>(0ms)) counts.push_back(*count);
        std::ranges::sort(counts);
        for (std::size_t i = 0; i < counts.size(); ++i) {
          EXPECT_EQ(counts[i], static_cast<int>(i) + 1);
        }
      },
      100);
}

}  // namespace
}  // namespace troupe
