// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Go {};
struct Note {
  int number;
};

Async<> wait_for_go(Process& self) { (void)co_await self.receive<Go>(); }

TEST(MonitorTest, every_monitor_tells_of_the_end_exactly_once) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid other = spawn([](Process& other_self) -> Async<> {
      (void)co_await other_self.receive<Go>();
      other_self.exit("over");
    });
    std::vector<Ref> refs;
    for (int i = 0; i < 100; ++i) refs.push_back(self.monitor(other));
    send(other, Go{});
    for (int i = 0; i < 100; ++i) {
      const Down down = co_await self.receive<Down>();
      EXPECT_EQ(down.pid, other);
      EXPECT_TRUE(down.reason.is(Atom{"over"}));
      EXPECT_EQ(std::erase(refs, down.ref), 1u) << "this reference was told before";
    }
    EXPECT_TRUE(refs.empty());
    EXPECT_FALSE((co_await self.receive<Down>(0ms)).has_value());
  });
}

TEST(MonitorTest, the_dead_and_the_unknown_are_told_of_as_noproc) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, first] = spawn_monitor([](Process&) {});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
    const Ref late = self.monitor(other);
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, late);
    EXPECT_TRUE(down.reason.is(atoms::noproc));
    const Ref unknown = self.monitor("monitor_test_nobody");
    const Down by_name = co_await self.receive<Down>();
    EXPECT_EQ(by_name.ref, unknown);
    EXPECT_TRUE(by_name.reason.is(atoms::noproc));
    EXPECT_EQ(by_name.name, Atom{"monitor_test_nobody"});
    EXPECT_FALSE(by_name.pid);
    const Ref null = self.monitor(Pid{});
    EXPECT_EQ((co_await self.receive<Down>()).ref, null);
  });
}

// Stricter than the BEAM, as for links: see linking_to_the_dead_is_told_at_once.
TEST(MonitorTest, the_dead_are_told_of_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor([](Process&) {});
    (void)co_await self.receive<Down>();
    const Ref late = self.monitor(other);
    send(self.pid(), Go{});
    const int first = co_await self.receive([](Go) { return 1; },
                                            [&](Down down) { return down.ref == late ? 2 : 4; },
                                            after(0ms, [] { return 3; }));
    EXPECT_EQ(first, 2);
    self.monitor("monitor_test_nobody");
    EXPECT_TRUE((co_await self.receive<Down>(0ms)).has_value());
  });
}

TEST(MonitorTest, a_monitor_by_name_follows_the_process_and_not_the_name) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid first = spawn(wait_for_go);
    register_name("monitor_test_name", first);
    const Ref ref = self.monitor("monitor_test_name", {.tag = Term{Atom{"tagged"}}});
    unregister_name("monitor_test_name");
    const Pid second = spawn(wait_for_go);
    register_name("monitor_test_name", second);
    send(second, Go{});
    EXPECT_FALSE((co_await self.receive<Down>(1ms)).has_value());
    send(first, Go{});
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, ref);
    EXPECT_EQ(down.name, Atom{"monitor_test_name"});
    EXPECT_EQ(down.tag, Term{Atom{"tagged"}});
  });
}

TEST(MonitorTest, oneself_is_monitored_in_vain) {
  on_every_executor([](Process& self) -> Async<> {
    const Ref ref = self.monitor(self.pid());
    EXPECT_FALSE(self.demonitor(ref));
    const auto info = co_await process_info(self, self.pid());
    EXPECT_TRUE(info && info->monitors.empty() && info->monitored_by.empty());
  });
}

// After demonitor has returned, the DOWN is in the mailbox already or never comes; with flush it is
// not there either.
TEST(MonitorTest, a_demonitor_is_final) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 150; ++i) {
      const auto [other, ref] =
          spawn_monitor([](Process& other_self) -> Async<> { co_await other_self.yield(); });
      if (i % 3 == 0) co_await self.yield();
      if (i % 3 == 1) (void)co_await is_alive(self, other);
      const bool flush = i % 2 == 0;
      const bool was_active = self.demonitor(ref, flush ? Flush::yes : Flush::no);
      if (was_active || flush) {
        const Ref last = self.monitor(other);
        const Down down = co_await self.receive<Down>();
        EXPECT_EQ(down.ref, last) << "the DOWN of a monitor that was taken back";
      } else {
        EXPECT_EQ((co_await self.receive<Down>(0ms)).value_or(Down{}).ref, ref);
      }
    }
  });
}

TEST(MonitorTest, the_end_of_the_watcher_takes_its_monitors_back) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid target = spawn(wait_for_go);
    for (int i = 0; i < 20; ++i) {
      spawn_monitor([](Process& watcher_self, Pid whom) { (void)watcher_self.monitor(whom); },
                    target);
      (void)co_await self.receive<Down>();
    }
    const auto info = co_await process_info(self, target);
    EXPECT_TRUE(info && info->monitored_by.empty());
    send(target, Go{});
  });
}

TEST(MonitorTest, a_thousand_watchers_are_all_told) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int watchers = 1'000;
    const Pid target = spawn([](Process& target_self) -> Async<> {
      (void)co_await target_self.receive<Go>();
      target_self.exit("over");
    });
    for (int i = 0; i < watchers; ++i) {
      spawn(
          [](Process& watcher, Pid whom, Pid main) -> Async<> {
            (void)watcher.monitor(whom);
            send(main, Go{});
            const Down down = co_await watcher.receive<Down>();
            send(main, Note{down.reason.is(Atom{"over"}) ? 1 : 0});
          },
          target, self.pid());
    }
    for (int i = 0; i < watchers; ++i) (void)co_await self.receive<Go>();
    send(target, Go{});
    int told = 0;
    for (int i = 0; i < watchers; ++i) told += (co_await self.receive<Note>()).number;
    EXPECT_EQ(told, watchers);
  });
}

TEST(MonitorTest, the_aliases_of_monitors_end_as_their_modes_say) {
  on_every_executor([](Process& self) -> Async<> {
    const auto reaches = [&](Ref ref) -> Async<bool> {
      send(self.alias_of(ref), Note{1});
      co_return (co_await self.receive<Note>(0ms)).has_value();
    };
    const Pid other = spawn(wait_for_go);
    const Ref kept = self.monitor(other, {.alias = AliasMode::explicit_unalias});
    const Ref bound = self.monitor(other, {.alias = AliasMode::demonitor});
    const Ref once = self.monitor(other, {.alias = AliasMode::reply_demonitor});
    const Ref none = self.monitor(other);
    EXPECT_TRUE(co_await reaches(kept));
    EXPECT_TRUE(co_await reaches(bound));
    EXPECT_TRUE(co_await reaches(once));
    EXPECT_FALSE(co_await reaches(once)) << "its first message was its last";
    EXPECT_FALSE(co_await reaches(none));
    EXPECT_TRUE(self.demonitor(bound));
    EXPECT_FALSE(co_await reaches(bound));
    send(other, Go{});
    int downs = 0;
    while (co_await self.receive<Down>(downs < 2 ? infinity : 0ms)) ++downs;
    EXPECT_EQ(downs, 2) << "kept and none; once went with its first message";
    EXPECT_TRUE(co_await reaches(kept)) << "it outlives the DOWN";
    EXPECT_TRUE(self.unalias(self.alias_of(kept)));
    EXPECT_FALSE(co_await reaches(kept));
  });
}

TEST(MonitorTest, a_monitors_alias_for_one_message_outlives_the_monitor_and_not_the_message) {
  on_every_executor([](Process& self) -> Async<> {
    const auto reaches = [&](Ref ref) -> Async<bool> {
      send(self.alias_of(ref), Note{1});
      co_return (co_await self.receive<Note>(0ms)).has_value();
    };
    const Pid other = spawn(wait_for_go);
    const MonitorOptions once{.alias = AliasMode::reply};
    const Ref used = self.monitor(other, once);
    EXPECT_TRUE(co_await reaches(used));
    EXPECT_FALSE(co_await reaches(used));
    const Ref left = self.monitor(other, once);
    EXPECT_TRUE(self.demonitor(left));
    const Ref told = self.monitor(other, once);
    send(other, Go{});
    for (int i = 0; i < 2; ++i) (void)co_await self.receive<Down>();
    for (const Ref ref : {left, told}) {
      EXPECT_TRUE(co_await reaches(ref));
      EXPECT_FALSE(co_await reaches(ref));
    }
  });
}

TEST(MonitorTest, the_aliases_of_monitors_of_oneself_end_as_their_modes_say) {
  on_every_executor([](Process& self) -> Async<> {
    const auto reaches = [&](Ref ref) -> Async<bool> {
      send(self.alias_of(ref), Note{1});
      co_return (co_await self.receive<Note>(0ms)).has_value();
    };
    const Ref bound = self.monitor(self.pid(), {.alias = AliasMode::demonitor});
    const Ref once = self.monitor(self.pid(), {.alias = AliasMode::reply_demonitor});
    const Ref kept = self.monitor(self.pid(), {.alias = AliasMode::explicit_unalias});
    EXPECT_TRUE(co_await reaches(bound));
    EXPECT_TRUE(co_await reaches(once));
    EXPECT_FALSE(co_await reaches(once));
    for (const Ref ref : {bound, kept}) self.demonitor(ref);
    EXPECT_FALSE(co_await reaches(bound));
    EXPECT_TRUE(co_await reaches(kept));
  });
}

}  // namespace
}  // namespace troupe
