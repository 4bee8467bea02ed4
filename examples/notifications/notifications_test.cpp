// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "notifications/notifications.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace notifications;

// Fails as often as it is told to, then hands the text to `tell`.
struct Gateway : GenServer<Gateway> {
  using Messages = troupe::Messages<Transmit>;
  Gateway(Pid tell, int failures) : tell_{tell}, failures_{failures} {}
  bool handle_call(Transmit m) {
    if (failures_-- > 0) return false;
    send(tell_, std::move(m));
    return true;
  }
  Pid tell_;
  int failures_;
};

Async<> set_up(Process& self, int failures = 0) {
  co_await Gateway::start_link(self, {.name = "gateway"}, self.pid(), failures);
  co_await start(self, "gateway");
  co_await call(self, named<Templates>("templates"), Templates::Define{"hi", "Hi {{name}}!"});
}

Async<std::optional<Status>> status(Process& self, std::string id, Channel channel) {
  co_return co_await call(self, tracker(), Tracker::GetStatus{std::move(id), channel});
}

Router::Send to(std::string user, std::string id) {
  return {std::move(id), std::move(user), "hi", {{"name", "Ada"}}};
}

TEST(Notifications, reach_the_channels_a_user_prefers) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await set_up(self);
    const std::vector both{Channel::sms, Channel::push};
    co_await call(self, named<Preferences>("preferences"), Preferences::SetChannels{"ada", both});
    EXPECT_EQ(co_await notify(self, to("ada", "n1")), both);
    for (int i = 0; i < 2; ++i) EXPECT_EQ((co_await self.receive<Transmit>()).text, "Hi Ada!");
    for (const Channel channel : both) {
      while (co_await status(self, "n1", channel) != Status::delivered) co_await self.yield();
    }
    EXPECT_EQ(co_await status(self, "n1", Channel::email), std::nullopt);
  });
}

TEST(Notifications, a_request_may_name_its_channels_and_email_is_the_default) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await set_up(self);
    EXPECT_EQ(co_await notify(self, to("bob", "n1")), std::vector{Channel::email});
    auto named_one = to("bob", "n2");
    named_one.channels = {Channel::push};
    EXPECT_EQ(co_await notify(self, named_one), std::vector{Channel::push});
  });
}

TEST(Notifications, the_eleventh_in_an_hour_is_refused) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await set_up(self);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await notify(self, to("ada", std::to_string(i))));
    EXPECT_EQ((co_await notify(self, to("ada", "11"))).error(), Atom{"rate_limited"});
    EXPECT_TRUE(co_await notify(self, to("bob", "b")));
    co_await self.sleep(61min);
    EXPECT_TRUE(co_await notify(self, to("ada", "12")));
  });
}

TEST(Notifications, a_failed_delivery_is_tried_again_and_given_up_after_three) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await set_up(self, 5);
    co_await notify(self, to("ada", "n1"));  // fails three times
    co_await self.sleep(10s);
    EXPECT_EQ(co_await status(self, "n1", Channel::email), Status::failed);
    co_await notify(self, to("ada", "n2"));  // fails twice
    co_await self.sleep(10s);
    EXPECT_EQ(co_await status(self, "n2", Channel::email), Status::delivered);
    const auto history = co_await call(self, tracker(), Tracker::History{"n2", Channel::email});
    EXPECT_EQ(history, (std::vector{Status::pending, Status::sent, Status::delivered}));
  });
}

TEST(Notifications, an_unknown_template_is_refused_and_costs_nothing) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await set_up(self);
    auto wrong = to("ada", "n1");
    wrong.template_id = "no such";
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ((co_await notify(self, wrong)).error(), Atom{"no_such_template"});
    }
    EXPECT_TRUE(co_await notify(self, to("ada", "n2")));
  });
}

TEST(Notifications, the_crash_of_a_channel_leaves_the_tracker_and_comes_back) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await set_up(self);
    co_await notify(self, to("ada", "n1"));
    while (co_await status(self, "n1", Channel::email) != Status::delivered) co_await self.yield();
    const Pid channel = whereis("channel_email");
    self.monitor(channel);
    exit(channel, atoms::kill);
    co_await self.receive<Down>();
    while (!whereis("channel_email")) co_await self.yield();
    EXPECT_EQ(co_await status(self, "n1", Channel::email), Status::delivered);
    co_await notify(self, to("ada", "n2"));
    while (co_await status(self, "n2", Channel::email) != Status::delivered) co_await self.yield();
  });
}

}  // namespace
