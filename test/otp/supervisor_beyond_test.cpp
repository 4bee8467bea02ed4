// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What supervisors do beyond OTP when they are asked to: pauses between restarts, a budget of
// restarts for one child, keeping its mailbox, and telling subscribers of everything.
#include <troupe/agent.hpp>
#include <troupe/request.hpp>
#include <troupe/supervisor.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"
#include "support/taker.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::Born;
using test::on_every_executor;
using test::Taker;
using test::taker;
using test::Took;

class SupervisorBeyondTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(SupervisorBeyondTest, the_pauses_before_restarts_grow_up_to_the_longest_one) {
  on_every_executor([](Process& self) -> Async<> {
    const Backoff backoff{.first = 4ms, .max = 16ms, .growth = 2, .jitter = 0, .reset_after = 1h};
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid()).named("taker").backoff(backoff)),
        {.max_restarts = 100});
    Born last = co_await self.receive<Born>();
    for (const Duration pause : {4ms, 8ms, 16ms, 16ms}) {
      const Duration before = self.monotonic_time();
      exit(last.pid, ExitReason{"enough"});
      const Born next = co_await self.receive<Born>();
      EXPECT_GE(next.when - before, pause);
      EXPECT_NE(next.pid, last.pid);
      last = next;
    }
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, during_a_pause_the_supervisor_serves_its_other_requests) {
  // In virtual time: on a busy machine any pause may be over before the question.
  test::on_every_seed([](Process& self) -> Async<> {
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid()).named("taker").backoff({.first = 16ms})));
    exit((co_await self.receive<Born>()).pid, ExitReason{"enough"});
    while (whereis("taker")) co_await self.yield();
    const auto all = co_await Supervisor::which_children(self, tree);
    EXPECT_TRUE(all.at(0).restarting);
    EXPECT_EQ((co_await Supervisor::restart_child(self, tree, "taker")).error().code,
              ChildError::Code::restarting);
    EXPECT_TRUE((co_await Supervisor::terminate_child(self, tree, "taker")).has_value());
    EXPECT_FALSE((co_await self.receive<Born>(40ms)).has_value());
    EXPECT_TRUE((co_await Supervisor::restart_child(self, tree, "taker")).has_value());
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, a_child_that_has_run_for_long_enough_begins_with_the_first_pause) {
  // In virtual time, where nothing else takes much.
  test::on_every_seed([](Process& self) -> Async<> {
    const Backoff backoff{
        .first = 10ms, .max = 1h, .growth = 10, .jitter = 0.5, .reset_after = 10s};
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid()).backoff(backoff).budget({.max_restarts = 100})));
    Born last = co_await self.receive<Born>();
    for (const auto& [runs, pause] : {std::pair<Duration, Duration>{0s, 10ms},
                                      {0s, 100ms},
                                      {9s, 1s},
                                      {11s, 10ms},
                                      {0s, 100ms}}) {
      co_await self.sleep(runs);
      const Duration before = self.monotonic_time();
      exit(last.pid, ExitReason{"enough"});
      last = co_await self.receive<Born>();
      EXPECT_GE(last.when - before, pause / 2);
      EXPECT_LE(last.when - before, pause + 5ms);  // every step takes a little
    }
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, a_budget_is_the_childs_own_and_may_end_it_alone) {
  on_every_executor([](Process& self) -> Async<> {
    const RestartBudget alone{.max_restarts = 2, .period = 60s, .then = OverBudget::give_up};
    const auto tree = co_await Supervisor::start_link(
        self,
        children(child<Taker>(self.pid()).named("taker").budget(alone),
                 child<Taker>(self.pid()).named("other")),
        {.max_restarts = 1});
    for (int i = 0; i < 2; ++i) (void)co_await self.receive<Born>();
    for (int i = 0; i < 2; ++i) {
      cast(taker(), Taker::Number{-1});
      (void)co_await self.receive<Born>();
    }
    cast(taker(), Taker::Number{-1});
    while ((co_await Supervisor::count_children(self, tree)).active != 1) co_await self.yield();
    EXPECT_FALSE(taker().pid());
    EXPECT_EQ(co_await call(self, named<Taker>("other"), Taker::Ask{}), 1);
    EXPECT_TRUE((co_await Supervisor::restart_child(self, tree, "taker")).has_value());
    co_await stop(self, tree);
  });
  EXPECT_GT(log_.count("is given up: more than 2 restarts in 60 s"), 0);
}

TEST_F(SupervisorBeyondTest, a_budget_that_escalates_ends_the_supervisor) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid()).named("taker").budget({.max_restarts = 1})),
        {.max_restarts = 100});
    for (int i = 0; i < 2; ++i) {
      (void)co_await self.receive<Born>();
      cast(taker(), Taker::Number{-1});
    }
    const Exit end = co_await self.receive<Exit>();
    EXPECT_EQ(end.from, tree.pid());
    EXPECT_EQ(end.reason, ExitReason{atoms::shutdown});
  });
}

// Two senders: one with casts and one with plain messages, through a crash in the middle.
TEST_F(SupervisorBeyondTest, what_a_child_has_not_received_goes_to_its_successor_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid()).named("taker").keep_mailbox()));
    const Born first = co_await self.receive<Born>();
    EXPECT_TRUE(co_await suspend(self, first.pid));
    cast(taker(), Taker::Number{-1});  // it fails of this one, which is not kept
    auto asked = send_request(self, taker(), Taker::Ask{});
    for (int i = 0; i < 10; ++i) {
      if (i % 2 == 0) cast(taker(), Taker::Number{i});
      if (i % 2 == 1) send(first.pid, Taker::Plain{i});
    }
    resume(first.pid);
    EXPECT_EQ((co_await asked.response()).error().code, CallError::Code::down);
    EXPECT_NE((co_await self.receive<Born>()).pid, first.pid);
    for (int i = 0; i < 10; ++i) EXPECT_EQ((co_await self.receive<Took>()).number, i);
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, a_kept_mailbox_survives_a_kill_a_pause_and_a_group_restart) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tree = co_await Supervisor::start_link(
        self,
        children(child<Taker>(self.pid())
                     .named("taker")
                     .keep_mailbox()
                     .backoff({.first = 2ms, .jitter = 0}),
                 child<Taker>(self.pid()).named("other").keep_mailbox()),
        {.strategy = one_for_all, .max_restarts = 10});
    const Pid first = (co_await self.receive<Born>()).pid;
    const Pid other = (co_await self.receive<Born>()).pid;
    EXPECT_TRUE(co_await suspend(self, first));
    EXPECT_TRUE(co_await suspend(self, other));
    cast(taker(), Taker::Number{1});
    cast(named<Taker>("other"), Taker::Number{2});
    exit(first, atoms::kill);
    // The first is up again before the second, which may be quicker all the same.
    const int one = (co_await self.receive<Took>()).number;
    EXPECT_EQ(one + (co_await self.receive<Took>()).number, 3);
    EXPECT_TRUE(one == 1 || one == 2);
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, a_hundred_thousand_messages_survive_a_crash) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid()).named("taker").keep_mailbox()));
    (void)co_await self.receive<Born>();
    cast(taker(), Taker::Number{-1});
    const auto server = taker();
    const Pid pid = server.pid();
    for (int i = 0; i < 100'000; ++i) cast(ServerRef<Taker>{pid}, Taker::Number{i});
    // Those that were sent after its death are lost, as ever; the others come in order.
    int last = -1;
    int count = 0;
    while (const auto took = co_await self.receive<Took>(200ms)) {
      EXPECT_EQ(took->number, last + 1);
      last = took->number;
      ++count;
    }
    EXPECT_EQ(count, last + 1);
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, nothing_is_lost_or_doubled_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto tree = co_await Supervisor::start_link(
            self, children(child<Taker>(self.pid()).named("taker").keep_mailbox()));
        const Pid pid = (co_await self.receive<Born>()).pid;
        const std::int64_t fails_at = static_cast<std::int64_t>(self.random() % 20);
        for (int i = 0; i < 20; ++i) {
          cast(ServerRef<Taker>{pid}, Taker::Number{i == fails_at ? -1 : i});
        }
        cast(ServerRef<Taker>{pid}, Taker::Number{20});
        int expected = 0;
        // Whatever came before the death is served once, by one of the two.
        while (const auto took = co_await self.receive<Took>(50ms)) {
          if (expected == fails_at) ++expected;
          EXPECT_EQ(took->number, expected++);
        }
        EXPECT_GE(expected, fails_at);
        co_await stop(self, tree);
      },
      100);
}

TEST_F(SupervisorBeyondTest, subscribers_hear_of_all_that_happens_to_children) {
  on_every_executor([](Process& self) -> Async<> {
    using enum ChildEvent::Kind;
    const auto tree = co_await Supervisor::start_link(self, {}, {.max_restarts = 1});
    co_await Supervisor::subscribe(self, tree);
    co_await Supervisor::subscribe(self, tree);  // once is enough
    (void)co_await Supervisor::start_child(self, tree, child<Taker>(self.pid()).named("taker"));
    cast(taker(), Taker::Number{-1});
    (void)co_await self.receive<Born>();
    (void)co_await self.receive<Born>();
    (void)co_await Supervisor::terminate_child(self, tree, "taker");
    std::vector<ChildEvent> events;
    for (int i = 0; i < 4; ++i) events.push_back(co_await self.receive<ChildEvent>());
    EXPECT_EQ(events[0].kind, started);
    EXPECT_EQ(events[0].id, atom("taker"));
    EXPECT_EQ(events[0].supervisor, tree.pid());
    EXPECT_EQ(events[1].kind, ended);
    EXPECT_EQ(events[1].pid, events[0].pid);
    EXPECT_EQ(events[1].reason.term()[0], atom("boom"));
    EXPECT_EQ(events[2].kind, restarted);
    EXPECT_EQ(events[2].previous, events[0].pid);
    EXPECT_EQ(events[3].kind, stopped);
    EXPECT_EQ(events[3].pid, events[2].pid);
    co_await Supervisor::unsubscribe(self, tree);
    (void)co_await Supervisor::restart_child(self, tree, "taker");
    EXPECT_FALSE((co_await self.receive<ChildEvent>(0ms)).has_value());
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, a_kept_mailbox_survives_restarts_that_fail) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tries = co_await Agent<int>::start_link(self, 0);
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Taker>(self.pid(), tries).named("taker").keep_mailbox()),
        {.max_restarts = 100});
    const Born first = co_await self.receive<Born>();
    EXPECT_TRUE(co_await suspend(self, first.pid));
    for (int i = -1; i < 10; ++i) cast(taker(), Taker::Number{i});
    co_await Agent<int>::update(self, tries, [](int&) { return 3; });  // so many starts will fail
    resume(first.pid);
    for (int i = 0; i < 10; ++i) EXPECT_EQ((co_await self.receive<Took>()).number, i);
    EXPECT_EQ(co_await Agent<int>::get(self, tries, [](const int& n) { return n; }), 0);
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, specifications_that_make_no_sense_are_refused) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto tree = co_await Supervisor::start_link(self, {});
    const auto body = [](Process& me) -> Async<> { co_await me.sleep(infinity); };
    const auto plain =
        co_await Supervisor::start_child(self, tree, child("p", body).keep_mailbox());
    EXPECT_EQ(plain.error().code, ChildError::Code::bad_spec);
    const auto jitter = co_await Supervisor::start_child(
        self, tree, child<Taker>(self.pid()).backoff({.jitter = 2}));
    EXPECT_EQ(jitter.error().reason.term()[0], atom("bad_backoff"));
    co_await stop(self, tree);
  });
}

TEST_F(SupervisorBeyondTest, a_subscriber_with_a_full_mailbox_does_not_harm_the_supervisor) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid taken = spawn_link([](Process& p) -> Async<> { co_await p.sleep(infinity); });
    const auto tree = co_await Supervisor::start_link(self, {});
    co_await Supervisor::subscribe(self, tree);
    self.set_mailbox_limit(1, Overflow::reject_sender);
    for (const char* name : {"a", "b", "c"}) {
      const auto started =
          co_await Supervisor::start_child(self, tree, child<Taker>(taken).id(name));
      EXPECT_TRUE(started.has_value());
    }
    EXPECT_EQ((co_await self.receive<ChildEvent>()).id, atom("a"));
    EXPECT_FALSE((co_await self.receive<ChildEvent>(0ms)).has_value());
    co_await stop(self, tree);
  });
}

}  // namespace
}  // namespace troupe
