// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Process groups: membership, its end with the member, and who is told of it.
#include <algorithm>

#include <troupe/process_groups.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using PG = ProcessGroups;

class ProcessGroupsTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

Async<> idle(Process& self) { (void)co_await self.receive<Atom>(); }

Async<> until_empty(Process& self, GroupName group) {
  while (PG::count("S", group) > 0) co_await self.yield();
}

TEST_F(ProcessGroupsTest, a_process_is_listed_once_per_join_and_leaves_one_at_a_time) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    const Pid me = self.pid();
    EXPECT_TRUE(PG::get_members("S", "g").empty());
    co_await PG::join(self, "S", "g", me);
    const std::vector twice{me, me};
    co_await PG::join(self, "S", "g", twice);
    EXPECT_EQ(PG::get_members("S", "g"), (std::vector{me, me, me}));
    EXPECT_TRUE(co_await PG::leave(self, "S", "g", me));
    EXPECT_EQ(PG::get_local_members("S", "g").size(), 2u);
    EXPECT_EQ(PG::which_groups("S"), std::vector{Term::binary(std::string_view{"g"})});
    EXPECT_TRUE(co_await PG::leave(self, "S", "g", twice));
    EXPECT_TRUE(PG::which_groups("S").empty());
    EXPECT_FALSE(co_await PG::leave(self, "S", "g", me));
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, leaving_with_a_stranger_in_the_list_takes_out_the_members) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    const Pid other = spawn_link(idle);
    const std::vector both{other, self.pid()};
    co_await PG::join(self, "S", 1, self.pid());
    EXPECT_TRUE(co_await PG::leave(self, "S", 1, both));
    EXPECT_FALSE(co_await PG::leave(self, "S", 1, both));
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, a_dead_process_leaves_all_its_groups) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    const Pid pid = spawn(idle);
    for (const char* group : {"a", "b", "a"}) co_await PG::join(self, "S", group, pid);
    co_await PG::join(self, "S", "a", self.pid());
    exit(pid, "crash");
    co_await until_empty(self, "b");
    while (PG::count("S", "a") > 1) co_await self.yield();
    EXPECT_EQ(PG::get_members("S", "a"), std::vector{self.pid()});
    EXPECT_EQ(PG::which_groups("S").size(), 1u);
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, a_process_that_is_dead_already_does_not_stay_a_member) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    const auto [pid, ref] = spawn_monitor(idle);
    exit(pid, atoms::kill);
    (void)co_await self.receive<Down>();
    co_await PG::join(self, "S", "g", pid);
    co_await until_empty(self, "g");
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, a_monitor_of_a_group_begins_with_its_members_and_tells_of_changes) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    co_await PG::join(self, "S", "g", self.pid());
    const auto [ref, members] = co_await PG::monitor(self, "S", "g");
    EXPECT_EQ(members, std::vector{self.pid()});
    const Pid pid = spawn(idle);
    co_await PG::join(self, "S", "other", pid);
    co_await PG::join(self, "S", "g", pid);
    const auto joined = co_await self.receive<GroupJoined>();
    EXPECT_EQ(joined.ref, ref);
    EXPECT_EQ(joined.pids, std::vector{pid});
    exit(pid, atoms::kill);
    const auto left = co_await self.receive<GroupLeft>();
    EXPECT_EQ(left.pids, std::vector{pid});
    EXPECT_EQ(left.group, Term::binary(std::string_view{"g"}));
    EXPECT_TRUE(co_await PG::demonitor(self, "S", ref));
    EXPECT_FALSE(co_await PG::demonitor(self, "S", ref));
    co_await PG::leave(self, "S", "g", self.pid());
    EXPECT_FALSE(co_await self.receive<GroupLeft>(Duration::zero()));
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, a_monitor_of_a_scope_sees_every_group) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    co_await PG::join(self, "S", "a", self.pid());
    const auto [ref, groups] = co_await PG::monitor_scope(self, "S");
    EXPECT_EQ(groups.size(), 1u);
    EXPECT_EQ(groups.at(0).pids, std::vector{self.pid()});
    co_await PG::join(self, "S", "b", self.pid());
    EXPECT_EQ((co_await self.receive<GroupJoined>()).group, Term::binary(std::string_view{"b"}));
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, a_watcher_with_a_full_mailbox_does_not_harm_the_scope) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    self.set_mailbox_limit(1, Overflow::reject_sender);
    (void)co_await PG::monitor(self, "S", "g");
    for (int i = 0; i < 5; ++i) co_await PG::join(self, "S", "g", self.pid());
    EXPECT_EQ(PG::count("S", "g"), 5u);
    EXPECT_TRUE(co_await self.receive<GroupJoined>(Duration::zero()));
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, a_dead_watcher_is_forgotten) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    spawn_monitor([](Process& watcher) -> Async<> {
      (void)co_await PG::monitor(watcher, "S", "g");
      (void)co_await PG::monitor_scope(watcher, "S");
    });
    (void)co_await self.receive<Down>();
    Term state;
    do {
      state = co_await sys::get_state(self, scope);
    } while (*state.find(Atom{"monitors"}) != Term{0});
    co_await stop(self, scope);
  });
}

TEST_F(ProcessGroupsTest, scopes_do_not_know_each_other_and_end_with_their_process) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, children(PG::spec("S"), PG::spec("T")));
    co_await PG::join(self, "S", "g", self.pid());
    EXPECT_EQ(PG::count("S", "g"), 1u);
    EXPECT_EQ(PG::count("T", "g"), 0u);
    co_await stop(self, sup);
    EXPECT_THROW(PG::count("S", "g"), ErrorException);
    bool is_gone = false;
    try {
      co_await PG::join(self, "S", "g", self.pid());
    } catch (const CallException& exception) {
      is_gone = exception.error().code == CallError::Code::noproc;
    }
    EXPECT_TRUE(is_gone);
  });
}

TEST_F(ProcessGroupsTest, members_come_and_go_under_every_schedule) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const Pid scope = co_await PG::start_link(self, "S");
        const auto [ref, none] = co_await PG::monitor(self, "S", "g");
        for (int i = 0; i < 10; ++i) {
          spawn([](Process& member) -> Async<> {
            co_await PG::join(member, "S", "g", member.pid());
            co_await member.sleep(1ms * (member.random() % 3));
          });
        }
        std::vector<Pid> present;
        for (int i = 0; i < 20; ++i) {
          co_await self.receive(
              [&](GroupJoined m) { present.push_back(m.pids.at(0)); },
              [&](GroupLeft m) { EXPECT_EQ(std::erase(present, m.pids.at(0)), 1u); });
        }
        EXPECT_TRUE(present.empty());
        EXPECT_TRUE(PG::which_groups("S").empty());
        co_await stop(self, scope);
      },
      100);
}

TEST_F(ProcessGroupsTest, a_hundred_thousand_members_join_and_die) {
  test::on_two_workers([](Process& self) -> Async<> {
    const Pid scope = co_await PG::start_link(self, "S");
    std::vector<Pid> pids;
    for (int i = 0; i < 100'000; ++i) pids.push_back(spawn(idle));
    co_await PG::join(self, "S", "all", pids);
    EXPECT_EQ(PG::get_members("S", "all").size(), 100'000u);
    for (const Pid pid : pids) exit(pid, atoms::kill);
    while (PG::count("S", "all") > 0) co_await self.sleep(1ms);
    co_await stop(self, scope);
  });
}

}  // namespace
}  // namespace troupe
