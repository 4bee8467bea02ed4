// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Go {};
struct Note {
  std::string text;
};

// Writes a note to somebody when it is destroyed.
class Farewell {
 public:
  Farewell(Pid to, std::string text) : to_{to}, text_{std::move(text)} {}
  Farewell(Farewell&& other) noexcept
      : to_{std::exchange(other.to_, Pid{})}, text_{std::move(other.text_)} {}
  ~Farewell() {
    if (to_) send(to_, Note{text_});
  }

 private:
  Pid to_;
  std::string text_;
};

}  // namespace
template <>
inline constexpr bool enable_message<Farewell> = true;
namespace {

Async<std::string> note(Process& self) { co_return (co_await self.receive<Note>()).text; }

using Body = Async<> (*)(Process& self, Pid main);

// One for each way in which a process can stand still. Each tells main that it is about to.
constexpr std::pair<const char*, Body> waiting_states[] = {
    {"a receive",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       (void)co_await self.receive<Go>();
     }},
    {"a receive with a timeout",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       co_await self.receive([](Go) {}, after(1h, [] {}));
     }},
    {"a receive whose clauses own something",
     [](Process& self, Pid main) -> Async<> {
       send(main, Go{});
       auto owned_by_clause = std::make_unique<int>(1);
       co_await self.receive(
           [farewell = Farewell{main, "gone"}, owned = std::move(owned_by_clause)](Go) mutable {});
     }},
    {"a sleep",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       co_await self.sleep(1h);
     }},
    {"a question that is never answered",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       (void)co_await detail::ReplyAwaiter{self, detail::next_reply_id(self), infinity};
     }},
    {"a question with a timeout",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       (void)co_await detail::ReplyAwaiter{self, detail::next_reply_id(self), 1h};
     }},
    {"yielding",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       while (true) co_await self.yield();
     }},
    {"receiving all the time",
     [](Process& self, Pid main) -> Async<> {
       const Farewell farewell{main, "gone"};
       send(main, Go{});
       while (true) (void)co_await self.receive<Go>(0ms);
     }},
    {"hibernation",
     [](Process& self, Pid main) -> Async<> {
       co_await self.hibernate(
           [](Process& woken, Farewell) -> Async<> { (void)co_await woken.receive<Go>(); },
           Farewell{main, "gone"});
     }},
    {"a nested coroutine",
     [](Process& self, Pid main) -> Async<> {
       const auto inner = [](Process& inner_self, Pid to) -> Async<> {
         const Farewell farewell{to, "gone"};
         send(to, Go{});
         (void)co_await inner_self.receive<Go>();
       };
       co_await inner(self, main);
     }},
};

TEST(EndingTest, a_kill_destroys_the_frames_in_every_waiting_state) {
  on_every_executor([](Process& self) -> Async<> {
    for (const auto& [name, body] : waiting_states) {
      const auto [victim, ref] = spawn_monitor(body, self.pid());
      if (std::string_view{name} != "hibernation") (void)co_await self.receive<Go>();
      EXPECT_TRUE(co_await is_alive(self, victim));
      exit(victim, "kill");
      const Down down = co_await self.receive<Down>();
      EXPECT_TRUE(down.reason.is(atoms::killed)) << name;
      // The farewell was sent by a destructor, so it came before the DOWN.
      const auto last = co_await self.receive<Note>(0ms);
      EXPECT_TRUE(last && last->text == "gone") << name;
    }
  });
}

TEST(EndingTest, a_process_that_is_killed_before_its_first_step_frees_its_arguments) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 20; ++i) {
      const auto [victim, ref] =
          spawn_monitor([](Process& victim_self,
                           Farewell) -> Async<> { (void)co_await victim_self.receive<Go>(); },
                        Farewell{self.pid(), "argument"});
      exit(victim, "kill");
      EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
      EXPECT_EQ(co_await note(self), "argument");
    }
  });
}

TEST(EndingTest, frames_and_locals_go_innermost_first) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [victim, ref] = spawn_monitor(
        [](Process& victim_self, Pid main) -> Async<> {
          const Farewell first{main, "outer 1"};
          const Farewell second{main, "outer 2"};
          const auto middle = [](Process& middle_self, Pid to) -> Async<> {
            const Farewell local{to, "middle"};
            const auto inner = [](Process& inner_self, Pid inner_to) -> Async<> {
              const Farewell inner_local{inner_to, "inner"};
              send(inner_to, Go{});
              co_await inner_self.sleep(1h);
            };
            co_await inner(middle_self, to);
          };
          co_await middle(victim_self, main);
        },
        self.pid());
    (void)co_await self.receive<Go>();
    exit(victim, "kill");
    for (const char* expected : {"inner", "middle", "outer 2", "outer 1"}) {
      EXPECT_EQ(co_await note(self), expected);
    }
  });
}

// A recursion of coroutines is unwound without using a stack frame of the thread for each.
TEST(EndingTest, a_kill_in_the_depth_of_a_recursion_does_not_overflow_the_stack) {
  test::on_real_executors([](Process& self) -> Async<> {
    struct Recursion {
      static Async<> descend(Process& down_self, Pid main, int depth) {
        if (depth > 0) co_return co_await descend(down_self, main, depth - 1);
        send(main, Go{});
        co_await down_self.sleep(1h);
      }
    };
    const auto [victim, ref] = spawn_monitor(
        [](Process& victim_self, Pid main) -> Async<> {
          co_await Recursion::descend(victim_self, main, 200'000);
        },
        self.pid());
    (void)co_await self.receive<Go>();
    exit(victim, "kill");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
  });
}

// What a destructor may do while its process ends: send. The rest does nothing.
class Overreaching {
 public:
  Overreaching(Process& self, Pid main) : self_{self}, main_{main} {}
  ~Overreaching() {
    const Pid child = spawn(
        [](Process&, Pid to) -> Async<> {
          send(to, Note{"a child of a dead process"});
          co_return;
        },
        main_);
    const Monitored linked = spawn_with({.link = true, .monitor = true}, [](Process&) {});
    send(main_, Note{child || linked.pid ? "spawned" : "spawned nothing"});
    self_.link(main_);
    try {
      self_.register_name("ending_test_name");
    } catch (...) {
    }
    send_after(main_, 0ms, Note{"a timer of a dead process"});
    (void)self_.monitor(main_);
    (void)self_.demonitor(self_.monitor(main_), Flush::yes);
    self_.put(Term{Atom{"key"}}, Term{1});
    (void)self_.alias();
    exit(self_.pid(), "kill");
    send(main_, Note{whereis("ending_test_name") ? "named" : "not named"});
  }

 private:
  Process& self_;
  Pid main_;
};

TEST(EndingTest, destructors_of_an_ending_process_may_send_and_start_nothing) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto [victim, ref] = spawn_monitor(
        [](Process& victim_self, Pid main) -> Async<> {
          const Overreaching local{victim_self, main};
          send(main, Go{});
          (void)co_await victim_self.receive<Note>();
        },
        self.pid());
    (void)co_await self.receive<Go>();
    exit(victim, "kill");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
    EXPECT_EQ(co_await note(self), "spawned nothing");
    EXPECT_EQ(co_await note(self), "not named");
    EXPECT_FALSE((co_await self.receive<Note>(3ms)).has_value());
    EXPECT_FALSE((co_await self.receive<Exit>(0ms)).has_value()) << "it linked while it ended";
  });
}

// The destructor of a message that was never received runs in the dying process, too.
TEST(EndingTest, destructors_of_unread_messages_may_send) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [victim, ref] = spawn_monitor(
        [](Process& victim_self) -> Async<> { (void)co_await victim_self.receive<Go>(); });
    send(victim, Farewell{self.pid(), "unread"});
    exit(victim, "kill");
    send(victim, Farewell{self.pid(), "behind the signal"});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
    EXPECT_NE(co_await note(self), "");
    EXPECT_NE(co_await note(self), "");
    EXPECT_FALSE((co_await self.receive<Note>(0ms)).has_value());
  });
}

TEST(EndingTest, what_an_exception_carries_becomes_the_reason) {
  on_every_executor([](Process& self) -> Async<> {
    const auto reason_of = [&](auto body) -> Async<ExitReason> {
      spawn_monitor(body);
      Down down = co_await self.receive<Down>();
      co_return std::move(down.reason);
    };
    const ExitReason thrown = co_await reason_of([](Process&) { throw std::runtime_error{"why"}; });
    const ExceptionReport* report = thrown.exception();
    EXPECT_TRUE(report && report->type == "std::runtime_error" && report->text == "why");
    EXPECT_TRUE(thrown.term().is_tuple(2));
    const ExitReason error =
        co_await reason_of([](Process&) { throw ErrorException{Term{Atom{"badarg"}}}; });
    EXPECT_TRUE(error.term().is_tuple(2) && error.term()[0] == Term{atoms::badarg});
    const ExitReason value = co_await reason_of([](Process&) { throw ThrownException{Term{7}}; });
    EXPECT_EQ(value.term()[0], tuple({atoms::nocatch, Term{7}}));
    const ExitReason odd = co_await reason_of([](Process&) { throw 42; });
    EXPECT_TRUE(odd.exception() && odd.exception()->type == "int");
    const ExitReason bad = co_await reason_of([](Process&) { throw std::bad_alloc{}; });
    EXPECT_TRUE(bad.exception() && bad.exception()->type == "std::bad_alloc");
    EXPECT_TRUE((co_await reason_of([](Process& p) { p.exit("own"); })).is(Atom{"own"}));
    EXPECT_TRUE((co_await reason_of([](Process& p) { p.exit("kill"); })).is(atoms::kill));
    EXPECT_TRUE((co_await reason_of([](Process&) {})).is_normal());
    const ExitReason nested = co_await reason_of([](Process& p) -> Async<> {
      const auto inner = [](Process& inner_self) -> Async<int> {
        co_await inner_self.yield();
        throw std::logic_error{"inside"};
      };
      (void)co_await inner(p);
    });
    EXPECT_TRUE(nested.exception() && nested.exception()->text == "inside");
  });
}

TEST(EndingTest, an_exit_can_be_caught_and_an_own_exit_signal_cannot) {
  on_every_executor([](Process& self) -> Async<> {
    spawn_monitor([](Process& other) -> Async<> {
      try {
        other.exit("caught");
      } catch (const ExitException& exit) {
        EXPECT_TRUE(exit.reason().is(Atom{"caught"}));
      }
      co_await other.yield();
      try {
        exit(other.pid(), "signal");
      } catch (const std::exception&) {
        ADD_FAILURE() << "a signal is no exception";
      }
    });
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(Atom{"signal"}));
  });
}

// Whoever has received EXIT or DOWN finds the process gone in every respect.
TEST(EndingTest, exit_and_down_come_when_everything_else_is_over) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int i = 0; i < 30; ++i) {
      const Monitored other = spawn_with(
          {.link = true, .monitor = true},
          [](Process& other_self, Farewell) -> Async<> {
            other_self.register_name("ending_test_order");
            co_await other_self.yield();
          },
          Farewell{self.pid(), "argument"});
      (void)other;
      const int first = co_await self.receive([](Exit) { return 1; }, [](Down) { return 2; });
      EXPECT_FALSE(whereis("ending_test_order"));
      EXPECT_FALSE(co_await is_alive(self, other.pid));
      EXPECT_TRUE((co_await self.receive<Note>(0ms)).has_value());
      if (first == 1) {
        (void)co_await self.receive<Down>();
      } else {
        (void)co_await self.receive<Exit>();
      }
    }
  });
}

TEST(EndingTest, a_mailbox_of_a_million_messages_is_freed) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto [victim, ref] = spawn_monitor(
        [](Process& victim_self) -> Async<> { (void)co_await victim_self.receive<Go>(); });
    for (int i = 0; i < 1'000'000; ++i) send(victim, i);
    exit(victim, "kill");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
  });
}

int run_alone(Async<> (*body)(Process&)) {
  Runtime runtime{{.execution = Execution::single, .max_processes = 100}};
  return runtime.run(body);
}

TEST(EndingTest, another_thread_may_stop_the_runtime_that_runs_main) {
  for (int round = 0; round < 50; ++round) {
    Runtime runtime{{.workers = 2}};
    std::atomic<bool> has_begun{false};
    std::thread runs{[&] {
      const auto result = runtime.try_run([&](Process& self) -> Async<> {
        has_begun = true;
        co_await self.sleep(1h);
      });
      EXPECT_FALSE(result.has_value());
    }};
    while (!has_begun) std::this_thread::yield();
    runtime.stop();
    runs.join();
  }
}

TEST(EndingTest, how_main_ended_is_the_exit_code) {
  const test::CapturedLog log;
  using Main = Async<> (*)(Process&);
  const auto code = [](Main body) { return run_alone(body); };
  EXPECT_EQ(code([](Process&) -> Async<> { co_return; }), 0);
  EXPECT_EQ(code([](Process& self) -> Async<> {
              self.exit("normal");
              co_return;
            }),
            0);
  EXPECT_EQ(code([](Process& self) -> Async<> {
              self.exit("shutdown");
              co_return;
            }),
            0);
  EXPECT_EQ(code([](Process& self) -> Async<> {
              self.exit(ExitReason::shutdown_with(3));
              co_return;
            }),
            3);
  EXPECT_EQ(code([](Process& self) -> Async<> {
              self.exit(ExitReason::shutdown_with(256));
              co_return;
            }),
            0);
  EXPECT_EQ(log.count("main"), 0);
  EXPECT_EQ(code([](Process& self) -> Async<> {
              self.exit("broken");
              co_return;
            }),
            1);
  EXPECT_EQ(log.count("main ended with broken"), 1);
  // What a linked process ends with is not what main has chosen: a supervisor that gives up.
  EXPECT_EQ(code([](Process& self) -> Async<> {
              spawn_link([](Process& other) { other.exit("shutdown"); });
              co_await self.sleep(infinity);
            }),
            1);
  EXPECT_EQ(log.count("main was ended with shutdown"), 1);
}

TEST(EndingTest, what_main_returned_is_the_exit_code_if_it_is_a_number) {
  const test::CapturedLog log;
  Runtime runtime{{.execution = Execution::single}};
  EXPECT_EQ(runtime.run([](Process&) { return 3; }), 3);
  EXPECT_EQ(runtime.run([](Process&) {}), 0);
  EXPECT_EQ(runtime.run([](Process&) { return std::string{"text"}; }), 0);
  EXPECT_EQ(runtime.run([](Process& self) -> Async<int> {
    co_await self.sleep(1ms);
    co_return 4;
  }),
            4);
  EXPECT_EQ(runtime.run([](Process&) -> Async<Pid> { co_return Pid{}; }), 0);
  int captured = 5;
  EXPECT_EQ(runtime.run([captured](Process&) { return captured; }), 5);
  EXPECT_EQ(runtime.run([captured](Process& self) -> Async<int> {
    co_await self.sleep(1ms);
    co_return captured;
  }),
            5);
  const auto add = [](Process&, std::unique_ptr<int> a, int b) { return *a + b; };
  EXPECT_EQ(runtime.run(add, std::make_unique<int>(2), 4), 6);
  EXPECT_EQ(runtime.run(
                [](Process& self, std::unique_ptr<int> a) -> Async<int> {
                  co_await self.sleep(1ms);
                  co_return *a;
                },
                std::make_unique<int>(7)),
            7);
  EXPECT_EQ(log.count("main"), 0);
  EXPECT_EQ(runtime.run([](Process&) -> int { throw std::runtime_error{"broken"}; }), 1);
  EXPECT_EQ(log.count("main ended with"), 1);
  EXPECT_EQ(run(
                [](Process& self, int a) -> Async<int> {
                  co_await self.yield();
                  co_return a;
                },
                8),
            8);
}

using EndingDeathTest = testing::Test;

int run_on_workers(Async<> (*body)(Process&)) {
  Runtime runtime{{.workers = 2, .max_processes = 100}};
  return runtime.run(body);
}

int run_simulated(Async<> (*body)(Process&)) {
  Simulation simulation;
  return simulation.runtime().run(body);
}

TEST(EndingDeathTest, an_exception_that_escapes_a_destructor_ends_the_node) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto body = [](Process& self) -> Async<> {
    struct Throwing {
      ~Throwing() noexcept(false) { throw std::runtime_error{"from a destructor"}; }
    };
    const Pid victim = spawn(
        [](Process& other, Pid main) -> Async<> {
          const Throwing local;
          send(main, Go{});
          co_await other.sleep(1h);
        },
        self.pid());
    (void)co_await self.receive<Go>();
    exit(victim, "kill");
    co_await self.sleep(1h);
  };
  for (auto* run : {run_alone, run_on_workers, run_simulated}) {
    EXPECT_DEATH(
        {
          log::set_sink(nullptr, nullptr);
          run(body);
        },
        "a destructor in process <.*> has thrown std::runtime_error: from a destructor");
  }
}

TEST(EndingTest, an_exception_from_a_destructor_at_the_end_of_its_scope_is_like_any_other) {
  on_every_executor([](Process& self) -> Async<> {
    struct Throwing {
      ~Throwing() noexcept(false) { throw std::runtime_error{"from a destructor"}; }
    };
    spawn_monitor([](Process& other) -> Async<> {
      {
        const Throwing local;
        co_await other.yield();
      }
      ADD_FAILURE() << "it went on";
    });
    const Down down = co_await self.receive<Down>();
    EXPECT_TRUE(down.reason.exception() && down.reason.exception()->text == "from a destructor");
  });
}

TEST(EndingDeathTest, a_process_used_by_another_is_an_assertion) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto body = [](Process& self) -> Async<> {
    Process* stolen = &self;
    spawn_link(owned([stolen](Process&) -> Async<> { (void)co_await stolen->receive<Go>(); }));
    (void)co_await self.receive<Note>();
  };
  EXPECT_DEATH(run_alone(body), "outside of the process it belongs to");
}

}  // namespace
}  // namespace troupe
