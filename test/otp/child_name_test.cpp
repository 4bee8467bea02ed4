// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The names of children that are no servers, or have a name already.
#include <troupe/dynamic_supervisor.hpp>
#include <troupe/partition_supervisor.hpp>
#include <troupe/registry.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class ChildNameTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Clerk : GenServer<Clerk> {};

Async<> tells_its_pid(Process& self, Pid tell) {
  send(tell, self.pid());
  co_await self.sleep(infinity);
}
// As a function of one's own that starts something which has the name `own`, if any.
Async<ChildStartResult> starts_clerk(Process& self, Atom own) {
  co_return ChildStarted{(co_await Clerk::start_link(self, {.name = own})).pid()};
}
Async<std::expected<Pid, ExitReason>> starts_short_life(Process& self) {
  const Pid pid = spawn_link([](Process&) {});
  while (co_await is_alive(self, pid)) co_await self.yield();
  co_return pid;
}

// What start_child fails with; `ok` where it does not.
Async<std::string> failure(Process& self, ServerRef<Supervisor> sup, ChildSpec spec) {
  const auto started = co_await Supervisor::start_child(self, sup, std::move(spec));
  co_return started ? "ok" : to_elixir(started.error().term());
}

TEST_F(ChildNameTest, a_child_may_be_a_plain_process_body_with_a_name) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(child("body", tells_its_pid, self.pid()).named("the_body")));
    const Pid pid = co_await self.receive<Pid>();
    EXPECT_EQ(whereis("the_body"), pid);
    exit(pid, atoms::kill);
    const Pid second = co_await self.receive<Pid>();
    EXPECT_NE(second, pid);
    co_await stop(self, sup);
    EXPECT_FALSE(co_await is_alive(self, second));
  });
}

TEST_F(ChildNameTest, a_start_function_leaves_the_name_to_the_specification) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(child("x", starts_clerk, atoms::undefined).named("clerk")));
    const Pid first = whereis("clerk");
    EXPECT_TRUE(first);
    exit(first, atoms::kill);
    for (Pid now = first; !now || now == first; now = whereis("clerk")) co_await self.yield();
    // One that gives the same name itself has nothing more to get.
    EXPECT_EQ(co_await failure(self, sup, child("y", starts_clerk, Atom{"y"}).named("y")), "ok");
    EXPECT_TRUE(whereis("y"));
    co_await stop(self, sup);
    EXPECT_FALSE(whereis("clerk"));
  });
}

TEST_F(ChildNameTest, a_name_that_the_process_cannot_have_fails_its_start) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, {});
    const std::string other =
        co_await failure(self, sup, child("x", starts_clerk, Atom{"mine"}).named("yours"));
    EXPECT_TRUE(other.starts_with("{:bad_name, \"the process that was started has another name"))
        << other;
    while (whereis("mine")) co_await self.yield();
    const std::string reserved =
        co_await failure(self, sup, child("x", starts_clerk, atoms::undefined).named(atoms::true_));
    EXPECT_TRUE(reserved.starts_with("{:bad_name, ")) << reserved;
    self.register_name("taken");
    const auto taken = co_await Supervisor::start_child(
        self, sup, child("x", starts_clerk, atoms::undefined).named("taken"));
    EXPECT_EQ(taken.error().term(), tuple({atoms::already_started, Term{self.pid()}}));
    EXPECT_EQ((co_await Supervisor::count_children(self, sup)).specs, 0u);
    co_await stop(self, sup);
  });
}

TEST_F(ChildNameTest, a_child_that_ended_before_it_got_its_name_was_started) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, {});
    const ChildSpec spec = child("x", starts_short_life).named("x").restart(temporary);
    EXPECT_EQ(co_await failure(self, sup, spec), "ok");
    EXPECT_FALSE(whereis("x"));
    while ((co_await Supervisor::count_children(self, sup)).specs != 0) co_await self.yield();
    co_await stop(self, sup);
  });
}

TEST_F(ChildNameTest, a_via_name_is_for_servers_and_supervisors) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto registry = co_await Registry::start_link(self, {.name = "R"});
    const auto sup = co_await Supervisor::start_link(self, {});
    const auto via = [](const char* key) { return Registry::via("R", atom(key)); };
    EXPECT_EQ(co_await failure(self, sup, child<Clerk>().id(1).via(via("server"))), "ok");
    EXPECT_EQ(co_await failure(self, sup, supervisor("s", Children{}).via(via("tree"))), "ok");
    EXPECT_EQ(co_await failure(self, sup, dynamic_supervisor("d").via(via("dynamic"))), "ok");
    for (const char* key : {"server", "tree", "dynamic"}) {
      EXPECT_TRUE(Registry::whereis("R", atom(key))) << key;
    }
    const std::string body =
        co_await failure(self, sup, child("b", tells_its_pid, self.pid()).via(via("body")));
    EXPECT_TRUE(body.starts_with("{:bad_via, \"only servers and supervisors")) << body;
    co_await stop(self, sup);
    co_await stop(self, registry);
  });
}

TEST_F(ChildNameTest, what_has_its_name_in_its_options_gets_no_other) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, {});
    for (ChildSpec spec : {Registry::spec({.name = "R"}),
                           PartitionSupervisor::spec({.name = "P"}, child<Clerk>())}) {
      const std::string why = co_await failure(self, sup, spec.named("other"));
      EXPECT_TRUE(why.starts_with("{:bad_name, ")) << why;
    }
    co_await stop(self, sup);
  });
}

}  // namespace
}  // namespace troupe
