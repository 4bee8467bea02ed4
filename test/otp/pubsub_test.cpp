// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The bus: who gets what, patterns, replay, and who is told of subscribers.
#include <algorithm>

#include <troupe/pubsub.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class PubSubTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct News {
  int number;
};

// The numbers of the News that are there already.
Async<std::vector<int>> news(Process& self) {
  std::vector<int> numbers;
  while (auto m = co_await self.receive<News>(Duration::zero())) numbers.push_back(m->number);
  co_return numbers;
}
using Numbers = std::vector<int>;

struct Ready {};
// Subscribes, says so, and lives until it is told to end.
Async<> subscriber(Process& self, Pid tell, std::string pattern) {
  co_await PubSub::subscribe(self, "B", pattern);
  send(tell, Ready{});
  (void)co_await self.receive<Atom>();
}
Async<Pid> start_subscriber(Process& self, std::string pattern) {
  const Pid pid = spawn(subscriber, self.pid(), pattern);
  co_await self.receive<Ready>();
  co_return pid;
}

TEST_F(PubSubTest, what_is_published_reaches_the_subscribers_of_its_topic_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    EXPECT_EQ(PubSub::publish("B", "news", News{0}), 0u);
    co_await PubSub::subscribe(self, "B", "news");
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(PubSub::publish("B", "news", News{i}), 1u);
    EXPECT_EQ(PubSub::publish("B", "sport", News{4}), 0u);
    EXPECT_EQ(co_await news(self), (Numbers{1, 2, 3}));
    EXPECT_TRUE(co_await PubSub::unsubscribe(self, "B", "news"));
    EXPECT_FALSE(co_await PubSub::unsubscribe(self, "B", "news"));
    EXPECT_EQ(PubSub::publish("B", "news", News{5}), 0u);
    EXPECT_TRUE(PubSub::patterns("B").empty());
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, a_star_stands_for_one_segment_and_at_the_end_for_all_that_follow) {
  struct {
    const char* pattern;
    const char* topic;
    bool fits;
  } cases[] = {
      {"*", "a", true},           {"*", "a.b:c", true},       {"a.*", "a.b", true},
      {"a.*", "a.b.c", true},     {"a.*", "a", false},        {"a.*", "b.a", false},
      {"a.*.c", "a.b.c", true},   {"a.*.c", "a.b", false},    {"a.*.c", "a.b.b.c", false},
      {"a.*.*", "a.b.c.d", true}, {"a.*.*", "a.b", false},    {"a:*", "a.b", false},
      {"a.b", "a:b", false},      {"room/*", "room/7", true}, {"a.b*", "a.bc", false},
      {"*.b", "a.b", true},       {"*.b", "a.c", false},
  };
  on_every_executor([&cases](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    for (const auto& [pattern, topic, fits] : cases) {
      co_await PubSub::subscribe(self, "B", pattern);
      EXPECT_EQ(PubSub::publish("B", topic, News{1}), fits ? 1u : 0u) << pattern << " " << topic;
      EXPECT_EQ(PubSub::patterns("B"), std::vector<std::string>{pattern});
      co_await PubSub::unsubscribe(self, "B", pattern);
    }
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, a_subscriber_that_asks_for_it_gets_the_topic_too) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    co_await PubSub::subscribe(self, "B", "room:*", {.with_topic = true});
    PubSub::publish("B", "room:7", "hello");
    const auto m = co_await self.receive<Published<std::string>>();
    EXPECT_EQ(m.topic, "room:7");
    EXPECT_EQ(m.message, "hello");
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, each_subscription_of_a_process_gives_a_copy) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    for (const char* pattern : {"a.b", "a.b", "a.*", "*"}) {
      co_await PubSub::subscribe(self, "B", pattern);
    }
    EXPECT_EQ(PubSub::publish("B", "a.b", News{1}), 4u);
    EXPECT_EQ(PubSub::subscriber_count("B", "a.b"), 4u);
    EXPECT_EQ(co_await news(self), (Numbers{1, 1, 1, 1}));
    EXPECT_TRUE(co_await PubSub::unsubscribe(self, "B", "a.b"));
    EXPECT_EQ(PubSub::publish("B", "a.b", News{2}), 2u);
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, the_publisher_can_leave_itself_out) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    co_await PubSub::subscribe(self, "B", "t");
    const Pid other = co_await start_subscriber(self, "t");
    EXPECT_EQ(PubSub::publish_from(self, "B", "t", News{1}), 1u);
    EXPECT_TRUE((co_await news(self)).empty());
    EXPECT_EQ((co_await process_info(self, other))->mailbox_length, 1u);
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, the_subscriptions_of_a_process_end_with_it) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    const Pid one = co_await start_subscriber(self, "a.*");
    const Pid two = co_await start_subscriber(self, "a.b");
    EXPECT_EQ(PubSub::subscriber_count("B", "a.b"), 2u);
    exit(one, atoms::kill);
    while (PubSub::subscriber_count("B", "a.b") > 1) co_await self.yield();
    exit(two, atoms::kill);
    while (!PubSub::patterns("B").empty()) co_await self.yield();
    EXPECT_EQ(*(co_await sys::get_state(self, bus)).find(Atom{"clients"}), Term{0});
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, an_open_topic_replays_its_last_messages_before_anything_new) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    EXPECT_TRUE(co_await PubSub::open(self, "B", "a.b", {.replay = 3}));
    for (int i = 1; i <= 5; ++i) PubSub::publish("B", "a.b", News{i});
    co_await PubSub::subscribe(self, "B", "a.*");
    PubSub::publish("B", "a.b", News{6});
    EXPECT_EQ(co_await news(self), (Numbers{3, 4, 5, 6}));
    co_await PubSub::subscribe(self, "B", "a.b", {.replay = false});
    EXPECT_TRUE((co_await news(self)).empty());
    EXPECT_TRUE(co_await PubSub::close(self, "B", "a.b"));
    EXPECT_FALSE(co_await PubSub::close(self, "B", "a.b"));
    co_await PubSub::subscribe(self, "B", "*");
    EXPECT_TRUE((co_await news(self)).empty());
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, a_topic_is_open_for_one_process_and_until_its_end) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    const Pid publisher = spawn(
        [](Process& p, Pid tell) -> Async<> {
          EXPECT_TRUE(co_await PubSub::open(p, "B", "t", {.replay = 1}));
          PubSub::publish("B", "t", News{1});
          send(tell, Ready{});
          (void)co_await p.receive<Atom>();
        },
        self.pid());
    co_await self.receive<Ready>();
    EXPECT_FALSE(co_await PubSub::open(self, "B", "t", {}));
    exit(publisher, atoms::kill);
    while (!co_await PubSub::open(self, "B", "t", {})) co_await self.yield();
    co_await PubSub::subscribe(self, "B", "t");
    EXPECT_TRUE((co_await news(self)).empty());
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, a_publisher_is_told_of_the_first_and_the_last_subscriber) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    co_await PubSub::open(self, "B", "a.b", {.notify = true});
    const Pid one = co_await start_subscriber(self, "a.*");
    EXPECT_EQ((co_await self.receive<SubscribersArrived>()).topic, "a.b");
    co_await start_subscriber(self, "other");
    const Pid two = co_await start_subscriber(self, "a.b");
    exit(one, atoms::kill);
    while (PubSub::subscriber_count("B", "a.b") > 1) co_await self.yield();
    EXPECT_FALSE(co_await self.receive<SubscribersGone>(Duration::zero()));
    exit(two, atoms::kill);
    EXPECT_EQ((co_await self.receive<SubscribersGone>()).topic, "a.b");
    co_await start_subscriber(self, "*");
    co_await self.receive<SubscribersArrived>();
    co_await PubSub::open(self, "B", "a.b", {.notify = true});
    co_await self.receive<SubscribersArrived>();
    co_await stop(self, bus);
  });
}

TEST_F(PubSubTest, what_is_no_topic_is_refused_with_a_reason) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, children(PubSub::spec("B")));
    std::string deep = "a";
    for (std::size_t i = 0; i < PubSub::max_topic_segments; ++i) deep += ".a";
    const std::string too_long(PubSub::max_topic_length + 1, 'a');
    for (const std::string& topic : {std::string{}, std::string{"a.*"}, deep, too_long}) {
      EXPECT_THROW(PubSub::publish("B", topic, News{1}), ErrorException) << topic;
      EXPECT_THROW(co_await PubSub::open(self, "B", topic, {}), ErrorException) << topic;
    }
    EXPECT_THROW(co_await PubSub::subscribe(self, "B", ""), ErrorException);
    EXPECT_THROW(co_await PubSub::subscribe(self, "B", deep), ErrorException);
    EXPECT_THROW(PubSub::publish("nobody", "t", News{1}), ErrorException);
    EXPECT_THROW(co_await PubSub::subscribe(self, "nobody", "t"), CallException);
    co_await stop(self, sup);
    EXPECT_THROW(PubSub::publish("B", "t", News{1}), ErrorException);
  });
}

// Whoever subscribes while others publish sees, of each publisher, a run without a gap that begins
// somewhere and ends with its last.
TEST_F(PubSubTest, a_subscriber_misses_nothing_between_replay_and_what_is_new) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const Pid bus = co_await PubSub::start_link(self, "B");
        co_await PubSub::open(self, "B", "t", {.replay = 5});
        for (int publisher = 0; publisher < 3; ++publisher) {
          spawn_link(
              [](Process& p, int first) -> Async<> {
                for (int i = 0; i < 10; ++i) {
                  PubSub::publish("B", "t", News{first + i});
                  co_await p.yield();
                }
              },
              publisher * 100);
        }
        co_await self.sleep(Duration{self.random() % 20'000});
        co_await PubSub::subscribe(self, "B", "t");
        int next[3] = {-1, -1, -1};
        for (int ended = 0; ended < 3;) {
          const auto m = co_await self.receive<News>(1s);
          if (!m) break;  // a publisher was done, and its messages were not kept
          int& expected = next[m->number / 100];
          if (expected >= 0) {
            EXPECT_EQ(m->number, expected);
          }
          expected = m->number + 1;
          ended += m->number % 100 == 9;
        }
        for (int i = 0; i < 3; ++i) EXPECT_TRUE(next[i] == -1 || next[i] == i * 100 + 10);
        co_await stop(self, bus);
      },
      100);
}

TEST_F(PubSubTest, a_hundred_thousand_subscriptions_come_and_go) {
  test::on_two_workers([](Process& self) -> Async<> {
    const Pid bus = co_await PubSub::start_link(self, "B");
    for (int i = 0; i < 100'000; ++i) {
      co_await PubSub::subscribe(self, "B", "user." + std::to_string(i) + ".*");
    }
    EXPECT_EQ(PubSub::publish("B", "user.77777.login", News{1}), 1u);
    std::vector<Pid> pids;
    for (int i = 0; i < 20'000; ++i)
      pids.push_back(spawn(subscriber, self.pid(), std::string{"all"}));
    for (int i = 0; i < 20'000; ++i) co_await self.receive<Ready>();
    EXPECT_EQ(PubSub::publish("B", "all", News{1}), 20'000u);
    for (const Pid pid : pids) exit(pid, atoms::kill);
    while (PubSub::subscriber_count("B", "all") > 0) co_await self.sleep(1ms);
    EXPECT_EQ(PubSub::patterns("B").size(), 100'000u);
    co_await stop(self, bus);
  });
}

}  // namespace
}  // namespace troupe
