// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Mailboxes with a limit: the four policies, what counts, who is told, and senders that wait for
// room. Every test runs on real threads, on one, and simulated.
#include <gtest/gtest.h>
#include <vector>

#include <troupe/send_when_ready.hpp>
#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Item {
  int number;
};
struct Go {};
struct Limited {};
struct Trap {};

// Waits with a full heart for Go, and then tells `to` what is in its mailbox.
Async<> hoarder(Process& self, Pid to, std::size_t limit, Overflow policy) {
  self.set_mailbox_limit(limit, policy);
  send(to, Limited{});
  (void)co_await self.receive<Go>();
  while (auto item = co_await self.receive<Item>(0ms)) send(to, *item);
  send(to, Go{});
}

Async<Pid> start_hoarder(Process& self, std::size_t limit, Overflow policy) {
  const Pid pid = spawn(hoarder, self.pid(), limit, policy);
  (void)co_await self.receive<Limited>();
  co_return pid;
}

// What a hoarder had in its mailbox. It may be full, so the Go counts too.
Async<std::vector<int>> numbers_until_go(Process& self) {
  std::vector<int> numbers;
  while (co_await self.receive(
      [&](Item item) {
        numbers.push_back(item.number);
        return true;
      },
      [](Go) { return false; })) {
  }
  co_return numbers;
}

bool is_rejected(Pid to, int number) {
  try {
    send(to, Item{number});
    return false;
  } catch (const ErrorException& error) {
    EXPECT_EQ(error.error(), Term{atoms::system_limit});
    return true;
  }
}

Async<ProcessInfo> info_of(Process& self, Pid pid) {
  auto info = co_await process_info(self, pid);
  co_return info ? std::move(*info) : ProcessInfo{};
}

using Numbers = std::vector<int>;

TEST(MailboxLimitTest, a_full_mailbox_rejects_its_senders_and_counts_them) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = co_await start_hoarder(self, 4, Overflow::reject_sender);
    for (int i = 1; i <= 3; ++i) EXPECT_FALSE(is_rejected(pid, i));
    send(pid, Go{});
    // Either it has gone on by now, or the fourth place is taken by Go.
    (void)is_rejected(pid, 4);
    const Numbers seen = co_await numbers_until_go(self);
    EXPECT_GE(seen.size(), 3U);
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], static_cast<int>(i) + 1);

    const Pid other = co_await start_hoarder(self, 2, Overflow::reject_sender);
    EXPECT_FALSE(is_rejected(other, 1));
    EXPECT_FALSE(is_rejected(other, 2));
    EXPECT_TRUE(is_rejected(other, 3));
    EXPECT_TRUE(is_rejected(other, 4));
    const ProcessInfo info = co_await info_of(self, other);
    EXPECT_EQ(info.mailbox_limit, 2U);
    EXPECT_EQ(info.mailbox_length, 2U);
    EXPECT_EQ(info.messages_rejected, 2U);
    EXPECT_EQ(info.messages_dropped, 0U);
    exit(other, "kill");
  });
}

TEST(MailboxLimitTest, drop_newest_keeps_the_oldest) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(
        [](Process& other, Pid to) -> Async<> {
          other.set_mailbox_limit(3, Overflow::drop_newest);
          send(to, Limited{});
          while (true) send(to, co_await other.receive<Go>());
        },
        self.pid());
    (void)co_await self.receive<Limited>();
    for (int i = 1; i <= 10; ++i) send(pid, Item{i});
    send(pid, Go{});  // dropped like the others
    const ProcessInfo info = co_await info_of(self, pid);
    EXPECT_EQ(info.mailbox_length, 3U);
    EXPECT_EQ(info.messages_dropped, 8U);
    EXPECT_FALSE((co_await self.receive<Go>(1ms)).has_value());
    exit(pid, "kill");
  });
}

TEST(MailboxLimitTest, drop_oldest_keeps_the_newest) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = co_await start_hoarder(self, 4, Overflow::drop_oldest);
    for (int i = 1; i <= 1'000; ++i) send(pid, Item{i});
    EXPECT_EQ((co_await info_of(self, pid)).mailbox_length, 4U);
    EXPECT_EQ((co_await info_of(self, pid)).messages_dropped, 996U);
    send(pid, Go{});
    EXPECT_EQ(co_await numbers_until_go(self), (Numbers{998, 999, 1'000}));
  });
}

struct Counted {
  std::shared_ptr<const int> life;
};

TEST(MailboxLimitTest, a_receiver_that_does_not_look_holds_at_most_three_limits_worth) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(
        [](Process& other, Pid to) -> Async<> {
          other.set_mailbox_limit(10, Overflow::drop_oldest);
          send(to, Limited{});
          (void)co_await other.receive<Go>();
        },
        self.pid());
    (void)co_await self.receive<Limited>();
    EXPECT_TRUE(co_await suspend(self, pid));
    const auto life = std::make_shared<const int>(1);
    for (int i = 0; i < 500; ++i) {
      send(pid, Counted{life});
      EXPECT_LE(life.use_count(), 31);
    }
    exit(pid, "kill");
  });
}

TEST(MailboxLimitTest, exit_receiver_ends_it_even_if_it_traps) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [pid, ref] = spawn_monitor(
        [](Process& other, Pid to) -> Async<> {
          other.trap_exits();
          other.set_mailbox_limit(2, Overflow::exit_receiver);
          send(to, Limited{});
          (void)co_await other.receive<Go>();
        },
        self.pid());
    (void)co_await self.receive<Limited>();
    for (int i = 0; i < 5; ++i) send(pid, Item{i});
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, ref);
    EXPECT_EQ(down.reason.to_string(), "{mailbox_overflow,2}");
  });
}

TEST(MailboxLimitTest, signals_come_in_whatever_waits) {
  on_every_executor([](Process& self) -> Async<> {
    for (Overflow policy :
         {Overflow::reject_sender, Overflow::drop_newest, Overflow::drop_oldest}) {
      const auto [pid, ref] = spawn_monitor(
          [](Process& other, Pid to, Overflow chosen) -> Async<> {
            other.trap_exits();
            other.set_mailbox_limit(1, chosen);
            send(to, Limited{});
            for (int i = 0; i < 3; ++i) (void)co_await other.receive<Exit>();
            send(to, Trap{});
          },
          self.pid(), policy);
      (void)co_await self.receive<Limited>();
      send(pid, Item{1});
      for (int i = 0; i < 3; ++i) exit(pid, "knock");
      (void)co_await self.receive<Trap>();
      EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
    }
  });
}

TEST(MailboxLimitTest, names_aliases_and_timers_meet_the_limit_too) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(
        [](Process& other, Pid to) -> Async<> {
          other.set_mailbox_limit(1, Overflow::reject_sender);
          other.register_name("narrow");
          send(to, other.alias());
          (void)co_await other.receive<Go>();
        },
        self.pid());
    const auto alias = co_await self.receive<Alias>();
    send(Name{"narrow"}, Item{1});
    EXPECT_THROW(send(Name{"narrow"}, Item{2}), ErrorException);
    EXPECT_THROW(send(alias, Item{3}), ErrorException);
    (void)send_after(pid, 0ms, Item{4});
    while ((co_await info_of(self, pid)).messages_rejected < 3) co_await self.sleep(1ms);
    EXPECT_EQ((co_await info_of(self, pid)).mailbox_length, 1U);
    exit(pid, "kill");
  });
}

TEST(MailboxLimitTest, a_message_through_a_dead_alias_takes_no_room) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(
        [](Process& other, Pid to) -> Async<> {
          other.set_mailbox_limit(1, Overflow::reject_sender);
          const Alias alias = other.alias();
          other.unalias(alias);
          send(to, alias);
          (void)co_await other.receive<Go>();
        },
        self.pid());
    const auto alias = co_await self.receive<Alias>();
    for (int i = 0; i < 20; ++i) {
      send(alias, Item{i});
      EXPECT_TRUE(co_await is_alive(self, pid));  // it has taken the message by now
    }
    send(pid, Item{1});
    EXPECT_THROW(send(pid, Item{2}), ErrorException);
    exit(pid, "kill");
  });
}

TEST(MailboxLimitTest, a_limit_can_be_changed_and_taken_away) {
  on_every_executor([](Process& self) -> Async<> {
    self.set_mailbox_limit(2, Overflow::reject_sender);
    const Pid me = self.pid();
    EXPECT_FALSE(is_rejected(me, 1));
    EXPECT_FALSE(is_rejected(me, 2));
    EXPECT_TRUE(is_rejected(me, 3));
    self.set_mailbox_limit(0, Overflow::reject_sender);
    for (int i = 4; i < 10; ++i) EXPECT_FALSE(is_rejected(me, i));
    // What waits already counts against a new limit, and stays.
    self.set_mailbox_limit(4, Overflow::reject_sender);
    (void)co_await self.receive<Item>();
    EXPECT_TRUE(is_rejected(me, 10));
    for (int i = 0; i < 4; ++i) (void)co_await self.receive<Item>();
    EXPECT_FALSE(is_rejected(me, 11));
    EXPECT_TRUE(is_rejected(me, 12));
    self.set_mailbox_limit(1, Overflow::drop_oldest);
    EXPECT_EQ((co_await self.receive<Item>()).number, 11);
    EXPECT_FALSE((co_await self.receive<Item>(0ms)).has_value());
  });
}

struct Ask {
  using Reply = int;
};
struct Deaf : GenServer<Deaf> {
  explicit Deaf(Process& self) { self.set_mailbox_limit(1, Overflow::drop_newest); }
  Async<int> handle_call(Process& self, Ask) {
    (void)co_await self.receive<Go>();
    co_return 1;
  }
  void handle_cast(Item) {}
};

TEST(MailboxLimitTest, a_call_to_a_full_server_fails_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Deaf::start_link(self);
    spawn([](Process& other,
             ServerRef<Deaf> to) -> Async<> { (void)co_await call(other, to, Ask{}, infinity); },
          server);
    // The first call is being handled; one message may wait.
    while (!(co_await info_of(self, server.pid())).waits_at.contains("mailbox_limit_test")) {
      co_await self.yield();
    }
    cast(server, Item{1});
    const auto answer = co_await try_call(self, server, Ask{}, infinity);
    EXPECT_FALSE(answer.has_value());
    if (!answer) {
      EXPECT_TRUE(answer.error().reason.is(atoms::system_limit));
    }
    self.unlink(server.pid());
    exit(server.pid(), "kill");
  });
}

// --- Many senders.

struct Report {
  int sent;
  int refused;
};

TEST(MailboxLimitTest, with_many_senders_every_message_is_either_taken_or_refused) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int senders = 8;
    constexpr int each = 200;
    self.set_mailbox_limit(16, Overflow::reject_sender);
    const Pid counter = spawn(
        [](Process& other, Pid to) -> Async<> {
          Report sum{0, 0};
          for (int i = 0; i < senders; ++i) {
            const auto report = co_await other.receive<Report>();
            sum.sent += report.sent;
            sum.refused += report.refused;
          }
          while (true) {
            try {
              send(to, sum);
              co_return;
            } catch (const ErrorException&) {
            }
            co_await other.yield();
          }
        },
        self.pid());
    for (int s = 0; s < senders; ++s) {
      spawn(
          [](Process& other, Pid to, Pid report_to) -> Async<> {
            Report report{0, 0};
            for (int i = 0; i < each; ++i) {
              ++(is_rejected(to, i) ? report.refused : report.sent);
              if (i % 7 == 0) co_await other.yield();
            }
            send(report_to, report);
          },
          self.pid(), counter);
    }
    int taken = 0;
    Report sum{-1, 0};
    while (sum.sent < 0 || taken < sum.sent) {
      co_await self.receive([&](Item) { ++taken; }, [&](Report report) { sum = report; });
      const auto info = co_await info_of(self, self.pid());
      EXPECT_LE(info.mailbox_length, 16U);
    }
    EXPECT_EQ(taken, sum.sent);
    EXPECT_EQ(sum.sent + sum.refused, senders * each);
    EXPECT_GE((co_await info_of(self, self.pid())).messages_rejected,
              static_cast<std::uint64_t>(sum.refused));
    EXPECT_FALSE((co_await self.receive<Item>(0ms)).has_value());
  });
}

TEST(MailboxLimitTest, senders_that_wait_for_room_lose_nothing_and_keep_their_order) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int senders = 6;
    constexpr int each = 100;
    self.set_mailbox_limit(3, Overflow::reject_sender);
    for (int s = 0; s < senders; ++s) {
      spawn(
          [](Process& other, Pid to, int base) -> Async<> {
            for (int i = 0; i < each; ++i) {
              EXPECT_TRUE(co_await send_when_ready(other, to, Item{base + i}));
            }
          },
          self.pid(), s * 1'000);
    }
    std::vector<int> next(senders, 0);
    for (int i = 0; i < senders * each; ++i) {
      const auto item = co_await self.receive<Item>();
      EXPECT_EQ(item.number % 1'000, next[static_cast<std::size_t>(item.number / 1'000)]++);
    }
    const auto info = co_await info_of(self, self.pid());
    EXPECT_EQ(info.messages_rejected, 0U);
    EXPECT_EQ(info.mailbox_length, 0U);
  });
}

TEST(MailboxLimitTest, a_sender_gives_up_after_its_time_and_takes_its_message_along) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = co_await start_hoarder(self, 2, Overflow::reject_sender);
    send(pid, Item{1});
    EXPECT_TRUE(co_await send_when_ready(self, pid, Item{2}, 0ms));
    EXPECT_FALSE(co_await send_when_ready(self, pid, Item{3}, 0ms));
    EXPECT_FALSE(co_await send_when_ready(self, pid, Item{4}, 2ms));
    exit(pid, "kill");
    // Nobody there is no reason to wait, nor to be told.
    EXPECT_TRUE(co_await send_when_ready(self, pid, Item{5}));
  });
}

TEST(MailboxLimitTest, a_waiting_sender_is_released_by_the_end_of_either_side) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = co_await start_hoarder(self, 1, Overflow::reject_sender);
    send(pid, Item{1});
    const auto waiter = [](Process& other, Pid to) -> Async<> {
      EXPECT_TRUE(co_await send_when_ready(other, to, Item{7}));
    };
    const auto killed = spawn_monitor(waiter, pid);
    const auto patient = spawn_monitor(waiter, pid);
    co_await self.sleep(1ms);
    exit(killed.pid, "kill");
    const auto of = [](Ref ref) { return [ref](const Down& down) { return down.ref == ref; }; };
    const auto reason = [](Down down) { return down.reason; };
    EXPECT_TRUE((co_await self.receive(when(of(killed.ref), reason))).is(atoms::killed));
    EXPECT_EQ((co_await info_of(self, pid)).mailbox_length, 1U);
    exit(pid, "kill");
    EXPECT_TRUE((co_await self.receive(when(of(patient.ref), reason))).is_normal());
  });
}

TEST(MailboxLimitTest, nobody_waits_for_room_in_its_own_mailbox) {
  on_every_executor([](Process& self) -> Async<> {
    self.set_mailbox_limit(1, Overflow::drop_newest);
    EXPECT_TRUE(co_await send_when_ready(self, self.pid(), Item{1}));
    bool refused = false;
    try {
      (void)co_await send_when_ready(self, self.pid(), Item{2});
    } catch (const ErrorException&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  });
}

}  // namespace
}  // namespace troupe
