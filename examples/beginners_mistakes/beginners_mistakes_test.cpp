// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "beginners_mistakes/beginners_mistakes.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace beginners_mistakes;

TEST(BeginnersMistakes, who_works_in_the_handler_serves_nobody_meanwhile) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto server = co_await Blocking::start_link(self);
    EXPECT_GE(co_await ping_while_working(self, server, 10s), Duration{10s});
  });
}

TEST(BeginnersMistakes, who_hands_the_work_over_answers_at_once) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto server = co_await Delegating::start_link(self);
    EXPECT_LT(co_await ping_while_working(self, server, 10s), Duration{1s});
  });
}

TEST(BeginnersMistakes, a_loop_that_gives_way_can_be_ended) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto [pid, ref] = spawn_monitor(
        [](Process& me) -> Async<> { co_await sum_of_squares(me, 1'000'000'000'000); });
    exit(pid, atoms::kill);
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
  });
}

}  // namespace
