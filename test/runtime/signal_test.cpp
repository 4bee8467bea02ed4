// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Note {
  int number;
};
struct Ready {};

Async<> wait_for_ever(Process& self) { (void)co_await self.receive<Ready>(); }

Async<> wait_trapping(Process& self, Pid to) {
  self.trap_exits();
  send(to, Ready{});
  while (true) send(to, co_await self.receive<Exit>());
}

Async<ExitReason> reason_of(Process& self, Ref ref) {
  co_return co_await self.receive(when([ref](const Down& down) { return down.ref == ref; },
                                       [](Down down) { return std::move(down.reason); }));
}

TEST(SignalTest, messages_and_signals_of_one_sender_keep_their_order) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 50; ++i) {
      // The message comes first, so it is still answered; what comes after the signal is not.
      const auto [other, ref] = spawn_monitor(
          [](Process& other_self, Pid to) -> Async<> {
            other_self.trap_exits();
            send(to, Ready{});
            while (true) {
              co_await other_self.receive([&](Note note) { send(to, note); },
                                          [&](Exit) { other_self.exit("told_to"); });
            }
          },
          self.pid());
      (void)co_await self.receive<Ready>();
      send(other, Note{1});
      exit(other, "please");
      send(other, Note{2});
      EXPECT_TRUE((co_await reason_of(self, ref)).is(Atom{"told_to"}));
      EXPECT_EQ((co_await self.receive<Note>()).number, 1);
      EXPECT_FALSE((co_await self.receive<Note>(0ms)).has_value());
    }
  });
}

TEST(SignalTest, a_monitor_before_the_fatal_message_tells_the_real_reason) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 50; ++i) {
      const Pid other = spawn([](Process& other_self) -> Async<> {
        (void)co_await other_self.receive<Note>();
        other_self.exit("real");
      });
      const Ref ref = self.monitor(other);
      send(other, Note{1});
      EXPECT_TRUE((co_await reason_of(self, ref)).is(Atom{"real"}));
    }
  });
}

TEST(SignalTest, is_alive_answers_after_ones_own_earlier_signals) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 100; ++i) {
      const Pid busy = spawn([](Process& busy_self) -> Async<> {
        while (true) co_await busy_self.yield();
      });
      EXPECT_TRUE(co_await is_alive(self, busy));
      exit(busy, "kill");
      EXPECT_FALSE(co_await is_alive(self, busy));
      EXPECT_FALSE((co_await process_info(self, busy)).has_value());
    }
    EXPECT_TRUE(co_await is_alive(self, self.pid()));
    EXPECT_FALSE(co_await is_alive(self, Pid{}));
  });
}

// The table of OTP's reference manual, exit signals sent with exit/2.
TEST(SignalTest, exit_signals_act_as_the_table_says) {
  on_every_executor([](Process& self) -> Async<> {
    const auto ends_with = [&](ExitReason reason) -> Async<ExitReason> {
      const auto [other, ref] = spawn_monitor(wait_for_ever);
      exit(other, reason);
      if (reason.is_normal()) {
        EXPECT_TRUE(co_await is_alive(self, other));
        exit(other, "over");
      }
      co_return co_await reason_of(self, ref);
    };
    EXPECT_TRUE((co_await ends_with("normal")).is(Atom{"over"})) << "normal is ignored";
    EXPECT_TRUE((co_await ends_with("kill")).is(atoms::killed));
    EXPECT_TRUE((co_await ends_with("killed")).is(atoms::killed));
    EXPECT_TRUE((co_await ends_with("why")).is(Atom{"why"}));

    const auto [trapping, ref] = spawn_monitor(wait_trapping, self.pid());
    (void)co_await self.receive<Ready>();
    for (const char* reason : {"normal", "killed", "why"}) {
      exit(trapping, reason);
      const Exit message = co_await self.receive<Exit>();
      EXPECT_TRUE(message.reason.is(Atom{reason}));
      EXPECT_EQ(message.from, self.pid());
    }
    exit(trapping, "kill");
    EXPECT_TRUE((co_await reason_of(self, ref)).is(atoms::killed)) << "kill cannot be trapped";
  });
}

TEST(SignalTest, the_first_fatal_signal_wins) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor(wait_for_ever);
    exit(other, "first");
    exit(other, "kill");
    exit(other, "third");
    EXPECT_TRUE((co_await reason_of(self, ref)).is(Atom{"first"}));
  });
}

TEST(SignalTest, an_exit_signal_to_oneself_acts_before_it_returns) {
  on_every_executor([](Process& self) -> Async<> {
    for (const char* reason : {"normal", "kill", "why"}) {
      const auto [other, ref] = spawn_monitor(
          [](Process& other_self, Pid to, Term why) -> Async<> {
            exit(other_self.pid(), ExitReason{std::move(why)});
            send(to, Note{1});
            co_await other_self.yield();
            send(to, Note{2});
          },
          self.pid(), Term{Atom{reason}});
      const ExitReason ended = co_await reason_of(self, ref);
      EXPECT_TRUE(ended.is(Atom{std::string_view{reason} == "kill" ? "killed" : reason}))
          << ended.to_string();
      EXPECT_FALSE((co_await self.receive<Note>(0ms)).has_value());
    }
    self.trap_exits();
    exit(self.pid(), "trapped");
    EXPECT_TRUE((co_await self.receive<Exit>(0ms)).has_value());
  });
}

// A handler for everything can delay the end, but no await gives such a process back.
TEST(SignalTest, a_process_that_catches_its_own_end_goes_no_further_than_its_next_await) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor(
        [](Process& other_self, Pid to) -> Async<> {
          send(other_self.pid(), Note{0});
          try {
            exit(other_self.pid(), "why");
          } catch (...) {
            send(to, Note{1});
          }
          // There is a message, and a second signal, and yet nothing of this comes back.
          try {
            exit(other_self.pid(), "another");
          } catch (...) {
            send(to, Note{2});
          }
          (void)co_await other_self.receive<Note>();
          send(to, Note{3});
        },
        self.pid());
    EXPECT_TRUE((co_await reason_of(self, ref)).is(Atom{"why"}));
    EXPECT_EQ((co_await self.receive<Note>()).number, 1);
    EXPECT_EQ((co_await self.receive<Note>()).number, 2);
    EXPECT_FALSE((co_await self.receive<Note>(0ms)).has_value());
  });
}

TEST(SignalTest, a_doomed_process_that_returns_ends_with_its_fate) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor([](Process& other_self) {
      try {
        exit(other_self.pid(), "fate");
      } catch (...) {
      }
    });
    EXPECT_TRUE((co_await reason_of(self, ref)).is(Atom{"fate"}));
    const auto [asker, asked] = spawn_monitor([](Process& asker_self) -> Async<> {
      try {
        exit(asker_self.pid(), "fate");
      } catch (...) {
      }
      (void)co_await is_alive(asker_self, asker_self.pid());
    });
    EXPECT_TRUE((co_await reason_of(self, asked)).is(Atom{"fate"}));
  });
}

// Requests that stand behind the fatal signal answer themselves.
TEST(SignalTest, requests_to_a_doomed_process_are_answered) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int i = 0; i < 20; ++i) {
      const Pid other = spawn([](Process& other_self) -> Async<> {
        while (true) co_await other_self.yield();
      });
      exit(other, "kill");
      self.link(other);
      const Ref ref = self.monitor(other);
      EXPECT_FALSE(co_await is_alive(self, other));
      EXPECT_TRUE((co_await reason_of(self, ref)).is(atoms::noproc));
      const Exit message = co_await self.receive<Exit>();
      EXPECT_EQ(message.from, other);
      EXPECT_TRUE(message.reason.is(atoms::noproc));
    }
  });
}

TEST(SignalTest, what_is_sent_to_the_dead_is_dropped) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor([](Process&) {});
    (void)co_await self.receive<Down>();
    send(other, Note{1});
    exit(other, "kill");
    EXPECT_THROW(resume(other), ErrorException);  // it holds nobody
    self.unlink(other);
    EXPECT_FALSE(co_await suspend(self, other));
    EXPECT_FALSE(self.demonitor(ref));
    send(Pid{}, Note{1});
  });
}

TEST(SignalTest, a_suspended_process_runs_after_as_many_resumes) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor(
        [](Process& other_self, Pid to) -> Async<> {
          while (true) send(to, co_await other_self.receive<Note>());
        },
        self.pid());
    EXPECT_TRUE(co_await suspend(self, other));
    EXPECT_TRUE(co_await suspend(self, other));
    send(other, Note{1});
    const auto info = co_await process_info(self, other);
    EXPECT_TRUE(info && info->state == ProcessInfo::State::suspended);
    EXPECT_EQ(info->mailbox_length, 1u);
    EXPECT_FALSE((co_await self.receive<Note>(2ms)).has_value());
    resume(other);
    EXPECT_FALSE((co_await self.receive<Note>(2ms)).has_value());
    resume(other);
    EXPECT_EQ((co_await self.receive<Note>()).number, 1);
    EXPECT_THROW(resume(other), ErrorException);  // it holds it no longer
    send(other, Note{2});
    EXPECT_EQ((co_await self.receive<Note>()).number, 2);
    exit(other, "kill");
    EXPECT_TRUE((co_await reason_of(self, ref)).is(atoms::killed));
  });
}

// Timeouts go on while it is suspended, and act afterwards.
TEST(SignalTest, a_suspended_process_can_be_killed_and_its_timeouts_wait_for_it) {
  on_every_executor([](Process& self) -> Async<> {
    const auto body = [](Process& other_self, Pid to) -> Async<> {
      send(to, Ready{});
      (void)co_await other_self.receive<Note>(1ms);
      send(to, Note{1});
    };
    const auto [other, ref] = spawn_monitor(body, self.pid());
    EXPECT_TRUE(co_await suspend(self, other));
    co_await self.sleep(4ms);
    const bool was_early = (co_await self.receive<Note>(0ms)).has_value();
    resume(other);
    if (!was_early) {
      EXPECT_EQ((co_await self.receive<Note>()).number, 1);
    }
    EXPECT_TRUE((co_await reason_of(self, ref)).is_normal());

    const auto [victim, victim_ref] = spawn_monitor(wait_for_ever);
    EXPECT_TRUE(co_await suspend(self, victim));
    exit(victim, "kill");
    EXPECT_TRUE((co_await reason_of(self, victim_ref)).is(atoms::killed));
  });
}

TEST(SignalTest, an_alias_is_checked_when_the_message_is_taken) {
  on_every_executor([](Process& self) -> Async<> {
    const Alias open = self.alias();
    send(open, Note{1});
    EXPECT_EQ((co_await self.receive<Note>()).number, 1);
    send(open, Note{2});
    EXPECT_TRUE(self.unalias(open));
    EXPECT_FALSE(self.unalias(open));
    EXPECT_FALSE((co_await self.receive<Note>(0ms)).has_value());

    const Alias once = self.alias(AliasMode::reply);
    send(once, Note{3});
    send(once, Note{4});
    EXPECT_EQ((co_await self.receive<Note>()).number, 3);
    EXPECT_FALSE((co_await self.receive<Note>(0ms)).has_value());
  });
}

}  // namespace
}  // namespace troupe
