// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/gen_server.hpp>
#include <troupe/spawn.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class GenServerMessage : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Journal : GenServer<Journal> {
  struct Called {
    int n;
    using Reply = int;
  };
  struct Told {
    int n;
  };
  struct Sent {
    int n;
  };
  struct Listed {
    int n;
  };
  struct Read {
    using Reply = std::vector<std::string>;
  };
  using Info = troupe::Messages<Listed>;
  using Messages = troupe::Messages<Told, Called>;

  int handle_call(Called m) { return note("call", m.n); }
  void handle_cast(Told m) { note("cast", m.n); }
  void handle_info(Sent m) { note("info", m.n); }
  Async<> handle_info(Process& self, Listed m) {
    co_await self.yield();
    note("listed", m.n);
  }
  std::vector<std::string> handle_call(Read) { return lines; }

  int note(const char* what, int n) {
    lines.push_back(std::string{what} + " " + std::to_string(n));
    return static_cast<int>(lines.size());
  }
  std::vector<std::string> lines;
};

TEST_F(GenServerMessage, what_one_client_sends_is_handled_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto journal = co_await Journal::start_link(self);
    cast(journal, Journal::Told{1});
    send(journal, Journal::Sent{2});
    EXPECT_EQ(co_await call(self, journal, Journal::Called{3}), 3);
    send(journal.pid(), Journal::Listed{4});
    cast(journal.pid(), Journal::Told{5});
    send(journal.pid(), Journal::Listed{6});
    const std::vector<std::string> expected{"cast 1",   "info 2", "call 3",
                                            "listed 4", "cast 5", "listed 6"};
    EXPECT_EQ(co_await call(self, journal, Journal::Read{}), expected);
  });
}

TEST_F(GenServerMessage, a_cast_to_nobody_is_silent) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid dead = spawn([](Process&) {});
    while (co_await is_alive(self, dead)) co_await self.yield();
    cast(dead, Journal::Told{1});
    cast("no_such_server", Journal::Told{1});
    cast(named<Journal>("no_such_server"), Journal::Told{1});
    cast(ServerRef<Journal>{}, Journal::Told{1});
  });
}

TEST_F(GenServerMessage, an_unknown_plain_message_is_ignored_and_an_unknown_cast_ends_the_server) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    const auto [journal, ref] = co_await Journal::start_monitor(self);
    send(journal.pid(), "what is this");
    EXPECT_EQ(co_await call(self, journal, Journal::Called{1}), 1);
    EXPECT_EQ(log_.count("no handle_info", "basic_string"), 1);
    cast(journal.pid(), Journal::Sent{1});
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.reason.term()[0][0], Term{Atom{"bad_cast"}});
    EXPECT_EQ(log_.count("error", "bad_cast",
                         "last_message=troupe::(anonymous namespace)::Journal::Sent"),
              1);
  });
}

struct Catcher : GenServer<Catcher> {
  explicit Catcher(Pid tell) : tell_{tell} {}
  void handle_info(Any any) {
    if (int* n = any.get_if<int>()) {
      send(tell_, *n);
    } else {
      send(tell_, std::string{any.type_name()});
    }
  }
  void handle_info(Process& self, Down down) {
    EXPECT_EQ(behaviour_is_set(self), true);
    send(tell_, std::move(down.reason));
  }
  static bool behaviour_is_set(Process& self) {
    return detail::behaviour_of(self.pid()) == &detail::server_vtable<Catcher>;
  }
  struct Watch {
    Pid pid;
  };
  struct Sync {
    using Reply = bool;
  };
  void handle_cast(Process& self, Watch m) { self.monitor(m.pid); }
  bool handle_call(Sync) { return true; }
  Pid tell_;
};

TEST_F(GenServerMessage, any_takes_what_no_other_handler_takes) {
  on_every_executor([](Process& self) -> Async<> {
    const auto catcher = co_await Catcher::start_link(self, self.pid());
    send(catcher.pid(), 42);
    EXPECT_EQ(co_await self.receive<int>(), 42);
    const Pid watched = spawn([](Process& p) -> Async<> {
      co_await p.receive<int>();
      p.exit("gone");
    });
    cast(catcher, Catcher::Watch{watched});
    EXPECT_TRUE(co_await call(self, catcher, Catcher::Sync{}));
    send(watched, 1);
    EXPECT_EQ(co_await self.receive<ExitReason>(), ExitReason{"gone"});
  });
}

struct Idle : GenServer<Idle> {
  explicit Idle(Pid tell) : tell_{tell} {}
  struct Arm {
    Duration time;
    using Reply = bool;
  };
  struct Touch {};
  struct Sync {
    using Reply = bool;
  };
  Answer<bool> handle_call(Arm m) { return {true, Next::timeout(m.time)}; }
  bool handle_call(Sync) { return true; }
  void handle_cast(Touch) {}
  void handle_timeout() { send(tell_, "idle"); }
  Pid tell_;
};

TEST_F(GenServerMessage, a_timeout_fires_only_when_idle_and_only_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto idle = co_await Idle::start_link(self, self.pid());
    co_await call(self, idle, Idle::Arm{5ms});
    EXPECT_EQ(co_await self.receive<std::string>(), "idle");
    EXPECT_FALSE((co_await self.receive<std::string>(20ms)).has_value());
  });
  // In virtual time: on a busy machine it may be idle for long enough before it is touched.
  test::on_every_seed([](Process& self) -> Async<> {
    const auto idle = co_await Idle::start_link(self, self.pid());
    co_await call(self, idle, Idle::Arm{20ms});
    cast(idle, Idle::Touch{});
    EXPECT_FALSE((co_await self.receive<std::string>(60ms)).has_value());
  });
}

TEST_F(GenServerMessage, a_timeout_of_zero_takes_a_waiting_message_first) {
  on_every_executor([](Process& self) -> Async<> {
    const auto idle = co_await Idle::start_link(self, self.pid());
    for (int i = 0; i < 20; ++i) {
      co_await call(self, idle, Idle::Arm{0ms});
      EXPECT_EQ(co_await self.receive<std::string>(), "idle");
    }
    EXPECT_TRUE(co_await call(self, idle, Idle::Sync{}));
  });
}

struct Chain : GenServer<Chain> {
  struct Begin {
    int steps;
    Pid tell;
  };
  Next handle_cast(Begin m) { return m.steps > 0 ? continue_with(std::move(m)) : Next{}; }
  Next handle_continue(Begin m) {
    ++done;
    if (--m.steps == 0) {
      send(m.tell, done);
      return Next::noreply();
    }
    return continue_with(std::move(m));
  }
  int done = 0;
};

// On one thread, where whoever goes on and on would keep it from all others. With several they run
// beside each other anyway, or not even that on a busy machine.
template <class F>
void on_one_thread(F body) {
  Runtime runtime{{.execution = Execution::single}};
  test::expect_to_return(runtime, body);
  test::on_every_seed(body);
}

TEST_F(GenServerMessage, a_long_chain_of_continuations_lets_others_run) {
  on_one_thread([](Process& self) -> Async<> {
    const auto chain = co_await Chain::start_link(self);
    cast(chain, Chain::Begin{100'000, self.pid()});
    int yields = 0;
    while (!co_await self.receive<int>(0ms)) {
      ++yields;
      co_await self.yield();
    }
    EXPECT_GT(yields, 1);  // the first is before it has begun
  });
}

// Tells itself the next number before it handles one, so that its mailbox is never empty.
struct Counting : GenServer<Counting> {
  struct Count {
    int left;
    Pid tell;
  };
  struct Limit {};
  struct Read {
    using Reply = std::vector<int>;
  };
  using Messages = troupe::Messages<Count, Limit>;

  void handle_cast(Process& self, Count m) {
    counted.push_back(m.left);
    if (!m.tell) return;
    if (m.left > 0) return cast(self.pid(), Count{m.left - 1, m.tell});
    send(m.tell, static_cast<int>(counted.size()));
  }
  void handle_cast(Process& self, Limit) { self.set_mailbox_limit(100, Overflow::drop_newest); }
  std::vector<int> handle_call(Read) { return counted; }
  std::vector<int> counted;
};

TEST_F(GenServerMessage, a_server_that_always_has_mail_lets_others_run) {
  on_one_thread([](Process& self) -> Async<> {
    const auto server = co_await Counting::start_link(self);
    cast(server, Counting::Count{100'000, self.pid()});
    int yields = 0;
    std::optional<int> counted;
    while (!(counted = co_await self.receive<int>(0ms))) {
      ++yields;
      co_await self.yield();
    }
    EXPECT_EQ(counted, 100'001);
    EXPECT_GT(yields, 1);  // the first is before it has begun
  });
}

// Setting a limit takes in what has come, in the middle of the handler.
TEST_F(GenServerMessage, what_came_before_a_handler_set_a_limit_is_handled) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Counting::start_link(self);
    cast(server, Counting::Count{1, Pid{}});
    cast(server, Counting::Limit{});
    for (int i = 2; i <= 5; ++i) cast(server, Counting::Count{i, Pid{}});
    EXPECT_EQ(co_await call(self, server, Counting::Read{}), (std::vector{1, 2, 3, 4, 5}));
  });
}

TEST_F(GenServerMessage, a_typed_name_finds_only_servers_of_its_type) {
  on_every_executor([](Process& self) -> Async<> {
    const auto journal = co_await Journal::start_link(self, {.name = "the_name"});
    EXPECT_EQ(whereis<Journal>("the_name"), journal);
    EXPECT_FALSE(whereis<Idle>("the_name").has_value());
    EXPECT_FALSE(whereis<Journal>("another_name").has_value());
    const auto wrong = co_await try_call(self, named<Idle>("the_name"), Idle::Sync{});
    EXPECT_EQ(wrong.error().code, CallError::Code::noproc);
    EXPECT_EQ(co_await call(self, journal, Journal::Called{1}), 1);
  });
}

}  // namespace
}  // namespace troupe
