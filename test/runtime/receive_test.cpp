// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Number {
  int value;
};
struct Text {
  std::string value;
};
struct Go {};
struct Never {};

using Numbers = std::vector<int>;

// The numbers that wait in the mailbox, taken.
Async<Numbers> waiting(Process& self) {
  Numbers result;
  while (auto next = co_await self.receive<Number>(0ms)) result.push_back(next->value);
  co_return result;
}

TEST(ReceiveTest, the_oldest_message_that_fits_any_clause_is_taken) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Number{1});
    send(self.pid(), Text{"a"});
    send(self.pid(), Number{2});
    // The order of the mailbox beats the order of the clauses.
    const auto first = co_await self.receive([](Text m) { return m.value; },
                                             [](Number m) { return std::to_string(m.value); });
    EXPECT_EQ(first, "1");
    const auto text = co_await self.receive<Text>();
    EXPECT_EQ(text.value, "a");
    EXPECT_EQ(co_await waiting(self), (Numbers{2}));
  });
}

TEST(ReceiveTest, what_does_not_fit_stays_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 1; i <= 3; ++i) send(self.pid(), Number{i});
    send(self.pid(), Go{});
    send(self.pid(), Number{4});
    (void)co_await self.receive<Go>();
    EXPECT_EQ(co_await waiting(self), (Numbers{1, 2, 3, 4}));
  });
}

TEST(ReceiveTest, a_guard_chooses_and_one_that_throws_counts_as_false) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 1; i <= 4; ++i) send(self.pid(), Number{i});
    const int even = co_await self.receive(
        when([](const Number& m) { return m.value % 2 == 0; }, [](Number m) { return m.value; }));
    EXPECT_EQ(even, 2);
    const int caught = co_await self.receive(
        when([](const Number&) -> bool { throw std::runtime_error{"a guard"}; },
             [](Number m) { return -m.value; }),
        when([](const Number& m) { return m.value > 3; }, [](Number m) { return m.value; }));
    EXPECT_EQ(caught, 4);
    EXPECT_EQ(co_await waiting(self), (Numbers{1, 3}));
  });
}

TEST(ReceiveTest, a_message_is_asked_about_once_in_one_receive) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid feeder = spawn(
        [](Process& feeder_self, Pid to) -> Async<> {
          for (int i = 1; i <= 100; ++i) {
            send(to, Number{i});
            co_await feeder_self.yield();
          }
        },
        self.pid());
    (void)feeder;
    int asked = 0;
    const int last =
        co_await self.receive(when([&](const Number& m) { return ++asked, m.value == 100; },
                                   [](Number m) { return m.value; }));
    EXPECT_EQ(last, 100);
    EXPECT_EQ(asked, 100);
    EXPECT_EQ((co_await waiting(self)).size(), 99u);
  });
}

TEST(ReceiveTest, the_next_receive_begins_with_the_oldest_again) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 3; i >= 1; --i) send(self.pid(), Number{i});
    for (int wanted = 1; wanted <= 3; ++wanted) {
      const int got = co_await self.receive(when([&](const Number& m) { return m.value == wanted; },
                                                 [](Number m) { return m.value; }));
      EXPECT_EQ(got, wanted);
    }
  });
}

TEST(ReceiveTest, a_timeout_of_zero_searches_the_whole_mailbox_first) {
  on_every_executor([](Process& self) -> Async<> {
    EXPECT_FALSE((co_await self.receive<Number>(0ms)).has_value());
    for (int i = 0; i < 100; ++i) send(self.pid(), Text{"x"});
    send(self.pid(), Number{7});
    const auto number = co_await self.receive<Number>(0ms);
    EXPECT_TRUE(number && number->value == 7);
    EXPECT_FALSE((co_await self.receive<Number>(0ms)).has_value());
  });
}

TEST(ReceiveTest, the_after_clause_runs_when_nothing_fits_in_time) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Text{"stays"});
    const Duration before = self.monotonic_time();
    const int result =
        co_await self.receive([](Number m) { return m.value; }, after(5ms, [] { return -1; }));
    EXPECT_EQ(result, -1);
    EXPECT_GE(self.monotonic_time() - before, 5ms);
    EXPECT_EQ((co_await self.receive<Text>()).value, "stays");
  });
}

TEST(ReceiveTest, messages_that_do_not_fit_do_not_start_the_timeout_anew) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid noise = spawn(
        [](Process& noise_self, Pid to) -> Async<> {
          while (true) {
            send(to, Text{"noise"});
            co_await noise_self.sleep(1ms);
          }
        },
        self.pid());
    const bool timed_out =
        co_await self.receive([](Number) { return false; }, after(20ms, [] { return true; }));
    EXPECT_TRUE(timed_out);
    exit(noise, "kill");
  });
}

TEST(ReceiveTest, a_message_beats_a_timeout_that_has_come_as_well) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 20; ++i) {
      const Pid sender = spawn(
          [](Process& sender_self, Pid to) -> Async<> {
            co_await sender_self.sleep(1ms);
            send(to, Number{1});
          },
          self.pid());
      (void)sender;
      const bool timed_out =
          co_await self.receive([](Number) { return false; }, after(1ms, [] { return true; }));
      // Whichever came first: the message is taken once, now or by the next receive.
      if (timed_out) {
        EXPECT_TRUE((co_await self.receive<Number>(60s)).has_value());
      }
      EXPECT_FALSE((co_await self.receive<Number>(0ms)).has_value());
    }
  });
}

// The timeout of a wait that is over must not end a later one.
TEST(ReceiveTest, a_late_timeout_does_not_end_the_next_wait) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid echo = spawn([](Process& echo_self) -> Async<> {
      while (true) {
        const Pid from = co_await echo_self.receive<Pid>();
        send(from, Number{1});
      }
    });
    for (int i = 0; i < 300; ++i) {
      send(echo, self.pid());
      const auto answer = co_await self.receive<Number>(1ms);
      if (!answer) {
        EXPECT_TRUE((co_await self.receive<Number>(10s)).has_value());
      }
    }
    exit(echo, "kill");
  });
}

TEST(ReceiveTest, a_negative_time_is_an_error_and_no_wait_for_ever) {
  on_every_executor([](Process& self) -> Async<> {
    int refused = 0;
    const auto is_timeout_value = [](const ErrorException& error) {
      return error.error() == Term{Atom{"timeout_value"}};
    };
    try {
      co_await self.receive([](Number) {}, after(-1ms, [] {}));
    } catch (const ErrorException& error) {
      refused += is_timeout_value(error);
    }
    try {
      (void)co_await self.receive<Number>(Duration{-1});
    } catch (const ErrorException& error) {
      refused += is_timeout_value(error);
    }
    try {
      co_await self.sleep(-5s);
    } catch (const ErrorException& error) {
      refused += is_timeout_value(error);
    }
    EXPECT_EQ(refused, 3);
  });
}

TEST(ReceiveTest, the_longest_finite_time_is_no_error) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid sender = spawn(
        [](Process& sender_self, Pid to) -> Async<> {
          co_await sender_self.sleep(1ms);
          send(to, Number{1});
        },
        self.pid());
    (void)sender;
    const auto number = co_await self.receive<Number>(infinity - Duration{1});
    EXPECT_TRUE(number.has_value());
  });
}

TEST(ReceiveTest, receives_nest) {
  on_every_executor([](Process& self) -> Async<> {
    const auto inner = [](Process& inner_self) -> Async<int> {
      co_return co_await inner_self.receive([](Number m) { return m.value; });
    };
    send(self.pid(), Text{"outer"});
    send(self.pid(), Number{5});
    const auto text = co_await self.receive<Text>();
    EXPECT_EQ(co_await inner(self), 5);
    EXPECT_EQ(text.value, "outer");
  });
}

TEST(ReceiveTest, a_catch_all_owns_the_message_and_can_look_into_it) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Text{"hello"});
    const auto text = co_await self.receive([](Any any) {
      EXPECT_EQ(any.get_if<Number>(), nullptr);
      EXPECT_NE(any.type_name().find("Text"), std::string_view::npos);
      Text* found = any.get_if<Text>();
      return found ? std::move(found->value) : std::string{};
    });
    EXPECT_EQ(text, "hello");
  });
}

TEST(ReceiveTest, an_any_can_be_sent_on_as_itself) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Text{"wrapped"});
    Any any = co_await self.receive([](Any m) { return m; });
    send(self.pid(), std::move(any));
    Any again = co_await self.receive<Any>();
    EXPECT_NE(again.get_if<Text>(), nullptr);
  });
}

struct MoveOnly {
  std::unique_ptr<int> value;
};

TEST(ReceiveTest, messages_need_only_be_movable) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), MoveOnly{std::make_unique<int>(3)});
    send(self.pid(), MoveOnly{std::make_unique<int>(4)});
    const MoveOnly one = co_await self.receive<MoveOnly>();
    const int two = co_await self.receive([](MoveOnly m) { return *m.value; });
    EXPECT_EQ(*one.value + two, 7);
  });
}

// A message whose move fails when it is taken: the exception comes out of the receive, and nothing
// is left behind.
struct MovesBadly {
  explicit MovesBadly(int moves) : moves_left{moves} {}
  // NOLINTNEXTLINE(performance-noexcept-move-constructor)
  MovesBadly(MovesBadly&& other) : moves_left{other.moves_left - 1}, data{std::move(other.data)} {
    if (moves_left < 0) throw std::runtime_error{"it cannot be moved"};
  }
  int moves_left;
  std::vector<int> data = std::vector<int>(100);
};

}  // namespace
template <>
inline constexpr bool enable_message<MovesBadly> = true;
namespace {

TEST(ReceiveTest, a_move_that_throws_reaches_the_receiver_and_leaves_the_mailbox_usable) {
  on_every_executor([](Process& self) -> Async<> {
    int failures = 0;
    // Into the envelope, and then no further.
    try {
      send(self.pid(), MovesBadly{1});
      (void)co_await self.receive<MovesBadly>();
    } catch (const std::runtime_error&) {
      ++failures;
    }
    try {
      send(self.pid(), MovesBadly{1});
      co_await self.receive([](MovesBadly) {});
    } catch (const std::runtime_error&) {
      ++failures;
    }
    EXPECT_EQ(failures, 2);
    bool is_thrown_to_the_sender = false;
    try {
      send(self.pid(), MovesBadly{0});
    } catch (const std::runtime_error&) {
      is_thrown_to_the_sender = true;
    }
    EXPECT_TRUE(is_thrown_to_the_sender);
    send(self.pid(), Number{1});
    EXPECT_EQ(co_await waiting(self), (Numbers{1}));
  });
}

TEST(ReceiveTest, a_clause_that_throws_has_taken_its_message) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Number{1});
    send(self.pid(), Number{2});
    bool caught = false;
    try {
      co_await self.receive([](Number) { throw std::runtime_error{"a clause"}; });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_EQ(co_await waiting(self), (Numbers{2}));
  });
}

// More receives than one turn may make, with timeouts pending, both ways round.
TEST(ReceiveTest, a_process_that_uses_up_its_turn_in_a_receive_goes_on_where_it_was) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int count = 5'000;
    for (int i = 0; i < count; ++i) send(self.pid(), Number{i});
    for (int i = 0; i < count; ++i) {
      const int got =
          co_await self.receive([](Number m) { return m.value; }, after(10s, [] { return -1; }));
      if (got != i) {
        ADD_FAILURE() << "received " << got << " instead of " << i;
        co_return;
      }
    }
    for (int i = 0; i < count; ++i) {
      EXPECT_FALSE((co_await self.receive<Number>(0ms)).has_value());
    }
  });
}

TEST(ReceiveTest, a_sleep_takes_no_message) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Number{1});
    const Duration before = self.monotonic_time();
    co_await self.sleep(3ms);
    EXPECT_GE(self.monotonic_time() - before, 3ms);
    co_await self.sleep(0ms);
    EXPECT_EQ(co_await waiting(self), (Numbers{1}));
  });
}

TEST(ReceiveTest, a_million_waiting_messages_do_not_make_a_reply_slow) {
  test::on_real_executors([](Process& self) -> Async<> {
    constexpr int count = 1'000'000;
    for (int i = 0; i < count; ++i) send(self.pid(), Number{i});
    const Pid other =
        spawn([](Process& other_self) -> Async<> { (void)co_await other_self.receive<Never>(); });
    // A question's answer skips the queue: a scan each time would take a minute.
    for (int i = 0; i < 10'000; ++i) {
      if (!co_await is_alive(self, other)) ADD_FAILURE();
    }
    exit(other, "kill");
    const auto info = co_await process_info(self, self.pid());
    EXPECT_TRUE(info && info->mailbox_length == count);
    EXPECT_EQ((co_await self.receive<Number>()).value, 0);
  });
}

TEST(ReceiveTest, many_senders_keep_their_own_order_each) {
  on_every_executor([](Process& self) -> Async<> {
    struct Tagged {
      int sender;
      int number;
    };
    constexpr int senders = 8;
    constexpr int each = 200;
    for (int sender = 0; sender < senders; ++sender) {
      spawn(
          [](Process& sender_self, Pid to, int me) -> Async<> {
            for (int i = 0; i < each; ++i) {
              send(to, Tagged{me, i});
              if (i % 16 == 0) co_await sender_self.yield();
            }
          },
          self.pid(), sender);
    }
    int next[senders] = {};
    for (int i = 0; i < senders * each; ++i) {
      const Tagged m = co_await self.receive<Tagged>();
      EXPECT_EQ(m.number, next[m.sender]++);
    }
  });
}

}  // namespace
}  // namespace troupe
