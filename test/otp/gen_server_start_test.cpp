// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <stdexcept>

#include <troupe/gen_server.hpp>
#include <troupe/spawn.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class GenServerStart : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Counter : GenServer<Counter> {
  struct Get {
    using Reply = int;
  };
  explicit Counter(int start = 0) : value{start} {}
  int handle_call(Get) const { return value; }
  int value;
};

TEST_F(GenServerStart, start_gives_a_server_that_has_its_arguments) {
  on_every_executor([](Process& self) -> Async<> {
    const ServerRef<Counter> counter = co_await Counter::start(self, 7);
    EXPECT_EQ(co_await call(self, counter, Counter::Get{}), 7);
    const ServerRef<Counter> other = co_await Counter::start(self);
    EXPECT_EQ(co_await call(self, other, Counter::Get{}), 0);
  });
}

TEST_F(GenServerStart, start_link_links_and_start_does_not) {
  on_every_executor([](Process& self) -> Async<> {
    const auto alone = co_await Counter::start(self, 1);
    const auto linked = co_await Counter::start_link(self, 2);
    const auto info = co_await process_info(self, self.pid());
    EXPECT_EQ(std::count(info->links.begin(), info->links.end(), linked.pid()), 1);
    EXPECT_EQ(std::count(info->links.begin(), info->links.end(), alone.pid()), 0);
  });
}

struct TakesSelf : GenServer<TakesSelf> {
  TakesSelf(Process& self, Pid tell, std::string text) : text_{std::move(text)} {
    send(tell, self.pid());
  }
  struct Text {
    using Reply = std::string;
  };
  std::string handle_call(Text) { return text_; }
  std::string text_;
};

TEST_F(GenServerStart, a_constructor_may_take_its_process_first) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server =
        co_await TakesSelf::start(self, self.pid(), "a literal is kept as a string");
    EXPECT_EQ(co_await self.receive<Pid>(), server.pid());
    EXPECT_EQ(co_await call(self, server, TakesSelf::Text{}), "a literal is kept as a string");
  });
}

enum class Outcome { ok, timeout, hibernate, ignore, stop, stop_normal, error, exit, thrown_term };

struct Starts : GenServer<Starts> {
  explicit Starts(Outcome outcome) : outcome_{outcome} {}
  Async<Init> init(Process& self) {
    co_await self.sleep(1ms);
    switch (outcome_) {
      case Outcome::ok:
        co_return Init::ok();
      case Outcome::timeout:
        co_return Init::timeout(5s);
      case Outcome::hibernate:
        co_return Init::hibernate();
      case Outcome::ignore:
        co_return Init::ignore();
      case Outcome::stop:
        co_return Init::stop("not_today");
      case Outcome::stop_normal:
        co_return Init::stop(ExitReason{});
      case Outcome::error:
        throw ErrorException{Atom{"boom"}};
      case Outcome::exit:
        self.exit("left");
      case Outcome::thrown_term:
        throw ThrownException{Atom{"surprise"}};
    }
    co_return Init::ok();
  }
  Outcome outcome_;
};

TEST_F(GenServerStart, every_outcome_of_init_reaches_the_starter) {
  on_every_executor([](Process& self) -> Async<> {
    for (const Outcome good : {Outcome::ok, Outcome::timeout, Outcome::hibernate}) {
      EXPECT_TRUE((co_await Starts::try_start(self, good)).has_value());
    }
    const auto ignored = co_await Starts::try_start(self, Outcome::ignore);
    EXPECT_EQ(ignored.error().code, StartError::Code::ignored);
    const auto stopped = co_await Starts::try_start(self, Outcome::stop);
    EXPECT_EQ(stopped.error().term(), Term{Atom{"not_today"}});
    const auto normal = co_await Starts::try_start(self, Outcome::stop_normal);
    EXPECT_EQ(normal.error().term(), Term{atoms::normal});
    const auto failed = co_await Starts::try_start(self, Outcome::error);
    EXPECT_EQ(failed.error().term()[0], Term{Atom{"boom"}});
    const auto left = co_await Starts::try_start(self, Outcome::exit);
    EXPECT_EQ(left.error().term(), Term{Atom{"left"}});
    const auto odd = co_await Starts::try_start(self, Outcome::thrown_term);
    EXPECT_EQ(odd.error().term(), tuple({atoms::bad_return_value, Term{Atom{"surprise"}}}));
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
  });
}

struct Refuses : GenServer<Refuses> {
  Refuses() { throw std::runtime_error{"no disk"}; }
};

TEST_F(GenServerStart, what_a_constructor_throws_is_the_start_error) {
  on_every_executor([](Process& self) -> Async<> {
    const auto result = co_await Refuses::try_start(self);
    EXPECT_EQ(result.error().code, StartError::Code::failed);
    EXPECT_NE(result.error().to_string().find("no disk"), std::string::npos);
    bool thrown = false;
    try {
      co_await Refuses::start(self);
    } catch (const StartException& exception) {
      thrown = true;
      EXPECT_EQ(exception.error()[0], Term{atoms::badmatch});
    }
    EXPECT_TRUE(thrown);
  });
}

TEST_F(GenServerStart, a_linked_failing_start_also_sends_its_exit_signal) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    (void)co_await Starts::try_start_link(self, Outcome::stop);
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{"not_today"});
    (void)co_await Starts::try_start_link(self, Outcome::ignore);
    EXPECT_TRUE((co_await self.receive<Exit>()).reason.is_normal());
  });
}

Async<> starts_badly(Process& self, Outcome outcome) {
  (void)co_await Starts::try_start_link(self, outcome);
  co_await self.sleep(infinity);
}

TEST_F(GenServerStart, a_failing_linked_start_ends_a_starter_that_does_not_trap) {
  on_every_executor([](Process& self) -> Async<> {
    const Monitored starter = spawn_monitor(starts_badly, Outcome::stop);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"not_today"});
    (void)starter;
  });
}

struct Slow : GenServer<Slow> {
  explicit Slow(Pid tell) : tell_{tell} {}
  Async<Init> init(Process& self) {
    send(tell_, self.pid());
    co_await self.sleep(1h);
    co_return Init::ok();
  }
  Pid tell_;
};

TEST_F(GenServerStart, a_start_that_takes_too_long_is_killed) {
  on_every_executor([](Process& self) -> Async<> {
    const auto result =
        co_await Slow::try_start(self, {.name = "slow", .timeout = 20ms}, self.pid());
    EXPECT_EQ(result.error().code, StartError::Code::timeout);
    // On a busy machine it may not even have begun.
    const auto pid = co_await self.receive<Pid>(0ms);
    EXPECT_FALSE(pid && co_await is_alive(self, *pid));
    EXPECT_FALSE(whereis("slow"));
    const auto linked = co_await Slow::try_start_link(self, {.timeout = 20ms}, self.pid());
    EXPECT_EQ(linked.error().code, StartError::Code::timeout);
  });
}

TEST_F(GenServerStart, a_taken_name_gives_its_holder_and_starts_nothing) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto first = co_await Counter::start_link(self, {.name = "only_one"}, 1);
    EXPECT_EQ(whereis("only_one"), first.pid());
    const auto second = co_await Counter::try_start_link(self, {.name = "only_one"}, 2);
    EXPECT_EQ(second.error().code, StartError::Code::already_started);
    EXPECT_EQ(second.error().holder, first.pid());
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
    co_await stop(self, first);
    const auto third = co_await Counter::start_link(self, {.name = "only_one"}, 3);
    EXPECT_NE(third.pid(), first.pid());
  });
}

TEST_F(GenServerStart, the_name_is_free_when_a_failed_start_returns) {
  on_every_executor([](Process& self) -> Async<> {
    for (const Outcome bad : {Outcome::stop, Outcome::ignore, Outcome::error}) {
      for (int i = 0; i < 50; ++i) {
        (void)co_await Starts::try_start(self, {.name = "reused"}, bad);
        const auto good = co_await Starts::try_start(self, {.name = "reused"}, Outcome::ok);
        EXPECT_TRUE(good.has_value());
        if (good) co_await stop(self, *good);
      }
    }
  });
}

TEST_F(GenServerStart, a_reserved_name_is_a_bad_argument) {
  on_every_executor([](Process& self) -> Async<> {
    const auto result = co_await Counter::try_start(self, {.name = "nil"}, 1);
    EXPECT_EQ(result.error().term(), Term{atoms::badarg});
  });
}

struct Prepares : GenServer<Prepares> {
  struct Setup {};
  struct Queued {};
  struct GoOn {};
  using Info = troupe::Messages<Queued>;
  struct Log {
    using Reply = std::vector<std::string>;
  };

  Async<Init> init(Process& self) {
    send(self.pid(), Queued{});
    co_return continue_with(Setup{});
  }
  Async<> handle_continue(Process& self, Setup) {
    co_await self.receive<GoOn>();
    log.push_back("continue");
  }
  void handle_info(Queued) { log.push_back("info"); }
  std::vector<std::string> handle_call(Log) { return log; }
  std::vector<std::string> log;
};

TEST_F(GenServerStart, a_continue_from_init_runs_before_any_message) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Prepares::start(self);
    send(server.pid(), Prepares::Queued{});
    send(server.pid(), Prepares::GoOn{});
    const std::vector<std::string> expected{"continue", "info", "info"};
    EXPECT_EQ(co_await call(self, server, Prepares::Log{}), expected);
  });
}

TEST_F(GenServerStart, start_monitor_gives_an_ordinary_monitor) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [server, ref] = co_await Counter::start_monitor(self, 4);
    co_await stop(self, server, "done");
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, ref);
    EXPECT_EQ(down.reason, ExitReason{"done"});
    const auto failed = co_await Starts::try_start_monitor(self, Outcome::stop);
    EXPECT_EQ(failed.error().term(), Term{Atom{"not_today"}});
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
  });
}

struct MoveOnly : GenServer<MoveOnly> {
  explicit MoveOnly(std::unique_ptr<int> value) : value_{std::move(value)} {}
  int handle_call(Counter::Get) { return *value_; }
  std::unique_ptr<int> value_;
};

TEST_F(GenServerStart, start_arguments_are_moved_into_the_server) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await MoveOnly::start(self, std::make_unique<int>(9));
    EXPECT_EQ(co_await call(self, server, Counter::Get{}), 9);
  });
}

TEST_F(GenServerStart, a_hundred_thousand_servers_start_answer_and_stop) {
  test::on_real_executors([](Process& self) -> Async<> {
    std::vector<ServerRef<Counter>> servers;
    for (int i = 0; i < 100'000; ++i) servers.push_back(co_await Counter::start_link(self, i));
    long sum = 0;
    for (const auto& server : servers) sum += co_await call(self, server, Counter::Get{});
    EXPECT_EQ(sum, 4'999'950'000);
  });
}

}  // namespace
}  // namespace troupe
