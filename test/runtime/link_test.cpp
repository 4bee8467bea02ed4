// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Go {};

Async<> end_when_told(Process& self, Term reason) {
  (void)co_await self.receive<Go>();
  self.exit(ExitReason{std::move(reason)});
}

Async<> wait_for_ever(Process& self) { (void)co_await self.receive<Go>(); }

Async<std::size_t> link_count(Process& self, Pid pid) {
  const auto info = co_await process_info(self, pid);
  co_return info ? info->links.size() : 0;
}

TEST(LinkTest, an_abnormal_end_ends_the_partner_and_a_normal_one_does_not) {
  on_every_executor([](Process& self) -> Async<> {
    for (const char* reason : {"normal", "crash", "kill", "shutdown"}) {
      const auto [survivor, survivor_ref] = spawn_monitor(wait_for_ever);
      const auto [dying, dying_ref] = spawn_monitor(
          [](Process& dying_self, Pid partner, Term why) -> Async<> {
            dying_self.link(partner);
            (void)co_await dying_self.receive<Go>();
            dying_self.exit(ExitReason{std::move(why)});
          },
          survivor, Term{Atom{reason}});
      send(dying, Go{});
      const Down first = co_await self.receive(when(
          [&](const Down& down) { return down.pid == dying; }, [](Down down) { return down; }));
      EXPECT_TRUE(first.reason.is(Atom{reason}));
      if (std::string_view{reason} == "normal") {
        EXPECT_TRUE(co_await is_alive(self, survivor));
        EXPECT_EQ(co_await link_count(self, survivor), 0u);
        exit(survivor, "kill");
      }
      const Down second = co_await self.receive<Down>();
      EXPECT_EQ(second.pid, survivor);
      // `kill` as a reason is ordinary: it spreads unchanged.
      if (std::string_view{reason} != "normal") {
        EXPECT_TRUE(second.reason.is(Atom{reason})) << second.reason.to_string();
      }
    }
  });
}

TEST(LinkTest, who_traps_exits_gets_a_message) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (const char* reason : {"normal", "crash", "kill"}) {
      const Pid other = spawn_link(end_when_told, Term{Atom{reason}});
      send(other, Go{});
      const Exit message = co_await self.receive<Exit>();
      EXPECT_EQ(message.from, other);
      EXPECT_TRUE(message.reason.is(Atom{reason}));
      EXPECT_EQ(co_await link_count(self, self.pid()), 0u);
    }
    const Pid killed = spawn_link(wait_for_ever);
    exit(killed, "kill");
    EXPECT_TRUE((co_await self.receive<Exit>()).reason.is(atoms::killed));
  });
}

TEST(LinkTest, linking_twice_is_linking_once_and_to_oneself_is_nothing) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    self.link(self.pid());
    const Pid other = spawn_link(wait_for_ever);
    self.link(other);
    EXPECT_EQ(co_await link_count(self, self.pid()), 1u);
    EXPECT_EQ(co_await link_count(self, other), 1u);
    exit(other, "kill");
    (void)co_await self.receive<Exit>();
    EXPECT_FALSE((co_await self.receive<Exit>(0ms)).has_value());
  });
}

TEST(LinkTest, linking_to_the_dead_raises_or_is_told) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor([](Process&) {});
    (void)co_await self.receive<Down>();
    bool raised = false;
    try {
      self.link(other);
    } catch (const ErrorException& error) {
      raised = error.error() == Term{atoms::noproc};
    }
    EXPECT_TRUE(raised);
    EXPECT_EQ(co_await link_count(self, self.pid()), 0u);
    self.trap_exits();
    self.link(other);
    const auto message = co_await self.receive<Exit>(5s);
    EXPECT_TRUE(message && message->from == other && message->reason.is(atoms::noproc));
  });
}

// Stricter than the BEAM, which takes it in when the process next gives up the processor: after
// what it sends itself meanwhile, and not by a receive that does not wait.
TEST(LinkTest, linking_to_the_dead_is_told_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor([](Process&) {});
    (void)co_await self.receive<Down>();
    self.trap_exits();
    self.link(other);
    send(self.pid(), Go{});
    const int first = co_await self.receive([](Go) { return 1; }, [](Exit) { return 2; },
                                            after(0ms, [] { return 3; }));
    EXPECT_EQ(first, 2);
    self.link(other);
    const auto exit = co_await self.receive<Exit>(0ms);
    EXPECT_TRUE(exit && exit->from == other && exit->reason.is(atoms::noproc));
    EXPECT_EQ(co_await link_count(self, self.pid()), 0u);
  });
}

// After unlink has returned, the exit is in the mailbox already or never comes.
TEST(LinkTest, an_unlink_is_final) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int i = 0; i < 100; ++i) {
      const Pid other = spawn_link([](Process& other_self) -> Async<> {
        co_await other_self.yield();
        other_self.exit("late");
      });
      if (i % 3 == 0) co_await self.yield();
      if (i % 3 == 1) (void)co_await is_alive(self, other);
      self.unlink(other);
      (void)co_await self.receive<Exit>(0ms);
      const Ref ref = self.monitor(other);
      (void)ref;
      (void)co_await self.receive<Down>();
      EXPECT_FALSE((co_await self.receive<Exit>(0ms)).has_value());
    }
  });
}

TEST(LinkTest, unlink_and_link_again_starts_a_fresh_link) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int i = 0; i < 50; ++i) {
      const Pid other = spawn_link(end_when_told, Term{Atom{"crash"}});
      self.unlink(other);
      self.link(other);
      if (i % 2 == 0) {
        self.unlink(other);
        self.link(other);
      }
      send(other, Go{});
      EXPECT_TRUE((co_await self.receive<Exit>()).reason.is(Atom{"crash"}));
      EXPECT_FALSE((co_await self.receive<Exit>(0ms)).has_value());
    }
  });
}

TEST(LinkTest, both_sides_may_unlink_and_link_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int i = 0; i < 50; ++i) {
      const Pid other = spawn_link(
          [](Process& other_self, Pid partner) -> Async<> {
            other_self.trap_exits();
            for (int k = 0; k < 10; ++k) {
              other_self.unlink(partner);
              co_await other_self.yield();
              other_self.link(partner);
              co_await other_self.yield();
            }
            send(partner, Go{});
            (void)co_await other_self.receive<Go>();
            other_self.exit("crash");
          },
          self.pid());
      for (int k = 0; k < 10; ++k) {
        self.unlink(other);
        co_await self.yield();
        self.link(other);
        co_await self.yield();
      }
      (void)co_await self.receive<Go>();
      // Whoever linked last, both have linked since their last unlink: the link is there.
      self.link(other);
      EXPECT_TRUE(co_await is_alive(self, other));
      send(other, Go{});
      EXPECT_TRUE((co_await self.receive<Exit>()).reason.is(Atom{"crash"}));
      EXPECT_EQ(co_await link_count(self, self.pid()), 0u);
    }
  });
}

TEST(LinkTest, a_chain_ends_with_the_reason_it_began_with) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int length = 300;
    std::vector<Ref> refs;
    Pid previous;
    Pid first;
    for (int i = 0; i < length; ++i) {
      const auto [pid, ref] = spawn_monitor(
          [](Process& chain_self, Pid partner, Pid main) -> Async<> {
            if (partner) chain_self.link(partner);
            send(main, Go{});
            (void)co_await chain_self.receive<Ref>();
          },
          previous, self.pid());
      (void)co_await self.receive<Go>();
      if (!first) first = pid;
      previous = pid;
      refs.push_back(ref);
    }
    exit(first, "boom");
    for (int i = 0; i < length; ++i) {
      EXPECT_TRUE((co_await self.receive<Down>()).reason.is(Atom{"boom"}));
    }
  });
}

TEST(LinkTest, a_star_of_a_thousand_ends_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int points = 1'000;
    const Pid centre = spawn([](Process& centre_self) -> Async<> {
      (void)co_await centre_self.receive<Go>();
      centre_self.exit("boom");
    });
    for (int i = 0; i < points; ++i) {
      spawn_monitor(
          [](Process& point, Pid hub, Pid main) -> Async<> {
            point.link(hub);
            send(main, Go{});
            (void)co_await point.receive<Go>();
          },
          centre, self.pid());
    }
    for (int i = 0; i < points; ++i) (void)co_await self.receive<Go>();
    send(centre, Go{});
    for (int i = 0; i < points; ++i) {
      EXPECT_TRUE((co_await self.receive<Down>()).reason.is(Atom{"boom"}));
    }
  });
}

}  // namespace
}  // namespace troupe
