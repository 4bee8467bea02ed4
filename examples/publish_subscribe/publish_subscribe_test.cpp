// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "publish_subscribe/publish_subscribe.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace publish_subscribe;

TEST(PublishSubscribe, every_subscriber_hears_every_message_once) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid news = spawn(hub);
    send(news, Subscribe{self.pid()});
    send(news, Subscribe{self.pid()});
    send(news, Publish{"one"});
    send(news, Publish{"two"});
    EXPECT_EQ((co_await self.receive<Notification>()).message, "one");
    EXPECT_EQ((co_await self.receive<Notification>()).message, "two");
    EXPECT_EQ(co_await count(self, news), 1u);
  });
}

TEST(PublishSubscribe, who_has_unsubscribed_hears_nothing_more) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid news = spawn(hub);
    send(news, Subscribe{self.pid()});
    send(news, Unsubscribe{self.pid()});
    send(news, Publish{"late"});
    EXPECT_EQ(co_await count(self, news), 0u);
    EXPECT_FALSE(co_await self.receive<Notification>(Duration::zero()));
  });
}

TEST(PublishSubscribe, a_dead_subscriber_leaves_the_list) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid news = spawn(hub);
    const Pid mortal = spawn([](Process& me) -> Async<> { co_await me.receive<Notification>(); });
    send(news, Subscribe{mortal});
    send(news, Subscribe{self.pid()});
    EXPECT_EQ(co_await count(self, news), 2u);
    exit(mortal, atoms::kill);
    while (co_await count(self, news) != 1) co_await self.yield();
    send(news, Publish{"still here"});
    EXPECT_EQ((co_await self.receive<Notification>()).message, "still here");
  });
}

}  // namespace
