// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What dynamic supervisors do beyond Elixir when they are asked to; the rules are those of
// supervisor_beyond_test.cpp, for children that have no id.
#include <troupe/dynamic_supervisor.hpp>

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
using Dynamic = DynamicSupervisor;

class DynamicSupervisorBeyondTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(DynamicSupervisorBeyondTest, the_pauses_before_restarts_grow) {
  on_every_executor([](Process& self) -> Async<> {
    const Backoff backoff{.first = 4ms, .max = 8ms, .growth = 2, .jitter = 0, .reset_after = 1h};
    const auto sup = co_await Dynamic::start_link(self, {.max_restarts = 100});
    (void)co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()).backoff(backoff));
    Born last = co_await self.receive<Born>();
    for (const Duration pause : {4ms, 8ms, 8ms}) {
      const Duration before = self.monotonic_time();
      exit(last.pid, ExitReason{"enough"});
      const Born next = co_await self.receive<Born>();
      EXPECT_GE(next.when - before, pause);
      last = next;
    }
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorBeyondTest, during_a_pause_the_supervisor_serves) {
  // In virtual time: on a busy machine any pause may be over before the question.
  test::on_every_seed([](Process& self) -> Async<> {
    const auto sup = co_await Dynamic::start_link(self);
    const Backoff backoff{.first = 8ms};
    (void)co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()).backoff(backoff));
    const Pid first = (co_await self.receive<Born>()).pid;
    exit(first, ExitReason{"enough"});
    while ((co_await Dynamic::count_children(self, sup)).active != 0) co_await self.yield();
    EXPECT_TRUE((co_await Dynamic::which_children(self, sup)).at(0).restarting);
    EXPECT_TRUE((co_await Dynamic::terminate_child(self, sup, first)).has_value());
    EXPECT_FALSE((co_await self.receive<Born>(20ms)).has_value());
    EXPECT_EQ((co_await Dynamic::count_children(self, sup)).specs, 0u);
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorBeyondTest, jitter_shortens_a_pause_and_a_long_run_begins_with_the_first) {
  // In virtual time, where nothing else takes much.
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const Backoff backoff{
            .first = 10ms, .max = 1h, .growth = 10, .jitter = 0.5, .reset_after = 10s};
        const auto sup = co_await Dynamic::start_link(self, {.max_restarts = 100});
        (void)co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()).backoff(backoff));
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
        co_await stop(self, sup);
      },
      100);
}

TEST_F(DynamicSupervisorBeyondTest, a_budget_ends_its_child_alone_or_the_supervisor) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto sup = co_await Dynamic::start_link(self, {.max_restarts = 0});
    const RestartBudget alone{.max_restarts = 2, .period = 60s, .then = OverBudget::give_up};
    (void)co_await Dynamic::start_child(self, sup,
                                        child<Taker>(self.pid()).named("taker").budget(alone));
    for (int i = 0; i < 3; ++i) {
      (void)co_await self.receive<Born>();
      cast(taker(), Taker::Number{-1});
    }
    while ((co_await Dynamic::count_children(self, sup)).specs != 0) co_await self.yield();
    const RestartBudget escalates{.max_restarts = 1, .period = 60s};
    (void)co_await Dynamic::start_child(self, sup,
                                        child<Taker>(self.pid()).named("taker").budget(escalates));
    for (int i = 0; i < 2; ++i) {
      (void)co_await self.receive<Born>();
      cast(taker(), Taker::Number{-1});
    }
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
  });
  EXPECT_GT(log_.count("is given up: more than 2 restarts in 60 s"), 0);
}

TEST_F(DynamicSupervisorBeyondTest, a_kept_mailbox_survives_a_crash_a_pause_and_failing_restarts) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tries = co_await Agent<int>::start_link(self, 0);
    const auto sup = co_await Dynamic::start_link(self, {.max_restarts = 100});
    (void)co_await Dynamic::start_child(self, sup,
                                        child<Taker>(self.pid(), tries)
                                            .named("taker")
                                            .keep_mailbox()
                                            .backoff({.first = 1ms, .jitter = 0}));
    const Born first = co_await self.receive<Born>();
    EXPECT_TRUE(co_await suspend(self, first.pid));
    for (int i = -1; i < 10; ++i) cast(taker(), Taker::Number{i});
    send(first.pid, Taker::Plain{10});
    co_await Agent<int>::update(self, tries, [](int&) { return 2; });
    resume(first.pid);
    for (int i = 0; i <= 10; ++i) EXPECT_EQ((co_await self.receive<Took>()).number, i);
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorBeyondTest, the_messages_of_a_hundred_thousand_children_outlive_them) {
  test::on_two_workers([](Process& self) -> Async<> {
    constexpr int count = 100'000;
    const auto sup = co_await Dynamic::start_link(self);
    std::vector<Pid> pids;
    for (int i = 0; i < count; ++i) {
      const auto started = co_await Dynamic::start_child(
          self, sup, child<Taker>(self.pid()).keep_mailbox().budget({.then = OverBudget::give_up}));
      pids.push_back(started->pid);
      EXPECT_TRUE(co_await suspend(self, started->pid));
    }
    for (int i = 0; i < count; ++i) {
      const ServerRef<Taker> at{pids[static_cast<std::size_t>(i)]};
      cast(at, Taker::Number{-1});
      cast(at, Taker::Number{i});
      resume(at.pid());
    }
    std::vector<bool> took(count);
    int births = 0;
    int served = 0;
    // As they come: to wait for one kind past a mailbox full of the other is quadratic.
    while (births < 2 * count || served < count) {
      co_await self.receive([&](Born) { ++births; },
                            [&](Took m) {
                              const auto number = static_cast<std::size_t>(m.number);
                              EXPECT_FALSE(took[number]);
                              took[number] = true;
                              ++served;
                            });
    }
    EXPECT_EQ(births, 2 * count);
    EXPECT_EQ(served, count);
    EXPECT_EQ((co_await Dynamic::count_children(self, sup)).active, std::size_t{count});
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorBeyondTest, nothing_is_lost_or_doubled_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto sup = co_await Dynamic::start_link(self);
        const auto started =
            co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()).keep_mailbox());
        const ServerRef<Taker> first{started->pid};
        const int fails_at = static_cast<int>(self.random() % 20);
        for (int i = 0; i < 21; ++i) cast(first, Taker::Number{i == fails_at ? -1 : i});
        int expected = 0;
        // Whatever came before the death is served once, by one of the two.
        while (const auto took = co_await self.receive<Took>(50ms)) {
          if (expected == fails_at) ++expected;
          EXPECT_EQ(took->number, expected++);
        }
        EXPECT_GE(expected, fails_at);
        co_await stop(self, sup);
      },
      100);
}

TEST_F(DynamicSupervisorBeyondTest, subscribers_hear_of_all_that_happens_to_children) {
  on_every_executor([](Process& self) -> Async<> {
    using enum ChildEvent::Kind;
    const auto tries = co_await Agent<int>::start_link(self, 0);
    const auto sup = co_await Dynamic::start_link(self);
    co_await Dynamic::subscribe(self, sup);
    co_await Dynamic::subscribe(self, sup);  // once is enough
    const auto next = [](Process& p) { return p.receive<ChildEvent>(); };
    const RestartBudget alone{.max_restarts = 2, .then = OverBudget::give_up};
    const auto a = co_await Dynamic::start_child(
        self, sup, child<Taker>(self.pid(), tries).named("taker").budget(alone));
    const ChildEvent began = co_await next(self);
    EXPECT_EQ(began.kind, started);
    EXPECT_EQ(began.id, Term{atoms::undefined});
    EXPECT_EQ(began.supervisor, sup.pid());
    EXPECT_EQ(began.pid, a->pid);
    co_await Agent<int>::update(self, tries, [](int&) { return 1; });
    cast(taker(), Taker::Number{-1});
    const ChildEvent end = co_await next(self);
    EXPECT_EQ(end.kind, ended);
    EXPECT_EQ(end.reason.term()[0], atom("boom"));
    const ChildEvent failure = co_await next(self);
    EXPECT_EQ(failure.kind, failed);
    EXPECT_EQ(failure.previous, a->pid);
    EXPECT_EQ(failure.reason.term()[0], atom("stillborn"));
    const ChildEvent again = co_await next(self);
    EXPECT_EQ(again.kind, restarted);
    EXPECT_EQ(again.previous, a->pid);
    cast(taker(), Taker::Number{-1});
    EXPECT_EQ((co_await next(self)).pid, again.pid);
    const ChildEvent over = co_await next(self);
    EXPECT_EQ(over.kind, given_up);
    EXPECT_EQ(over.previous, again.pid);
    const auto b = co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()));
    const auto c = co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()));
    (void)co_await next(self);
    (void)co_await next(self);
    (void)co_await Dynamic::terminate_child(self, sup, b->pid);
    const ChildEvent told = co_await next(self);
    EXPECT_EQ(told.kind, stopped);
    EXPECT_EQ(told.pid, b->pid);
    co_await stop(self, sup);
    EXPECT_EQ((co_await next(self)).pid, c->pid);
    EXPECT_FALSE((co_await self.receive<ChildEvent>(0ms)).has_value());
  });
}

TEST_F(DynamicSupervisorBeyondTest, a_subscriber_that_ends_or_unsubscribes_is_forgotten) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Dynamic::start_link(self);
    spawn_monitor(
        [](Process& p, ServerRef<Dynamic> at) -> Async<> { co_await Dynamic::subscribe(p, at); },
        sup);
    (void)co_await self.receive<Down>();
    co_await Dynamic::subscribe(self, sup);
    co_await Dynamic::unsubscribe(self, sup);
    (void)co_await Dynamic::start_child(self, sup, child<Taker>(self.pid()));
    EXPECT_FALSE((co_await self.receive<ChildEvent>(0ms)).has_value());
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorBeyondTest, specifications_that_make_no_sense_are_refused) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Dynamic::start_link(self);
    const auto why = [](Process& p, ServerRef<Dynamic> at, ChildSpec spec) -> Async<std::string> {
      const auto started = co_await Dynamic::start_child(p, at, std::move(spec));
      EXPECT_EQ(started.error().code, ChildError::Code::bad_spec);
      co_return to_erlang(started.error().term()[0]);
    };
    const auto body = [](Process& me) -> Async<> { co_await me.sleep(infinity); };
    EXPECT_EQ(co_await why(self, sup, child("p", body).keep_mailbox()), "bad_keep_mailbox");
    EXPECT_EQ(co_await why(self, sup, child("p", body).backoff({.jitter = 2})), "bad_backoff");
    EXPECT_EQ(co_await why(self, sup, child("p", body).shutdown(-1ms)), "invalid_shutdown");
    EXPECT_EQ(co_await why(self, sup, child("p", body).restart(transient).significant()),
              "invalid_significant");
    EXPECT_EQ((co_await Dynamic::count_children(self, sup)).specs, 0u);
    co_await stop(self, sup);
  });
}

}  // namespace
}  // namespace troupe
