// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/agent.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>
#include <troupe/task.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using Count = Agent<int>;

class AgentTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

int value(const int& n) { return n; }

TEST_F(AgentTest, its_state_is_read_and_changed_by_functions) {
  on_every_executor([](Process& self) -> Async<> {
    const auto agent = co_await Count::start_link(self, [] { return 10; });
    EXPECT_EQ(co_await Count::get(self, agent, value), 10);
    co_await Count::update(self, agent, [](int& n, int by) { n += by; }, 5);
    co_await Count::update(self, agent, [](int& n) { return n * 2; });
    EXPECT_EQ(co_await Count::get_and_update(self, agent, [](int& n) { return n++; }), 30);
    Count::cast(agent, [](int& n) { ++n; });
    EXPECT_EQ(
        co_await Count::get(self, agent, [](const int& n, int by) { return n + by; }, 100), 132);
    EXPECT_EQ(co_await sys::get_state(self, agent.pid()), Term{32});
    co_await stop(self, agent);
  });
}

TEST_F(AgentTest, the_functions_run_in_the_agent) {
  on_every_executor([](Process& self) -> Async<> {
    const auto agent = co_await Count::start_link(self, 0);
    const Pid where = co_await Count::get(
        self, agent, [](const int&) { return detail::current_process()->pid(); });
    EXPECT_EQ(where, agent.pid());
  });
}

TEST_F(AgentTest, a_failing_function_ends_the_agent_and_fails_its_caller) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [agent, ref] = co_await Count::start_monitor(self, 0);
    ExitReason why;
    try {
      co_await Count::update(self, agent, [](int&) { throw ErrorException{Atom{"boom"}}; });
    } catch (const CallException& exception) {
      why = exception.error().reason;
    }
    EXPECT_EQ(why.term()[0], atom("boom"));
    EXPECT_EQ((co_await self.receive<Down>()).reason, why);
  });
}

TEST_F(AgentTest, a_change_that_takes_too_long_happens_all_the_same) {
  on_every_executor([](Process& self) -> Async<> {
    const auto agent = co_await Count::start_link(self, 0);
    co_await sys::suspend(self, agent.pid());
    EXPECT_THROW(co_await Count::update_within(self, 2ms, agent, [](int& n) { ++n; }),
                 CallException);
    co_await sys::resume(self, agent.pid());
    EXPECT_EQ(co_await Count::get(self, agent, value), 1);
  });
}

TEST_F(AgentTest, functions_may_wait_and_the_agent_is_theirs_meanwhile) {
  on_every_executor([](Process& self) -> Async<> {
    const auto agent = co_await Count::start_link(self, 1);
    Count::cast(agent, [](Process& me, int& n) -> Async<> {
      co_await me.sleep(2ms);
      n *= 10;
    });
    EXPECT_EQ(co_await Count::get(self, agent, value), 10);
    // The change happens though its caller has given up; whoever asks next sees it.
    EXPECT_THROW(co_await Count::update_within(self, 1ms, agent,
                                               [](Process& me, int& n) -> Async<int> {
                                                 co_await me.receive<Atom>();
                                                 co_return n + 5;
                                               }),
                 CallException);
    send(agent.pid(), Atom{"go"});
    const int got = co_await Count::get(
        self, agent,
        [](Process& me, const int& n, int by) -> Async<int> {
          co_await me.yield();
          co_return n* by;
        },
        2);
    EXPECT_EQ(got, 30);
    EXPECT_EQ(co_await Count::get_and_update(self, agent,
                                             [](Process& me, int& n) -> Async<int> {
                                               co_await me.yield();
                                               co_return n++;
                                             }),
              15);
    // Plain, but with the process.
    EXPECT_EQ(co_await Count::get(self, agent, [](Process& me, const int&) { return me.pid(); }),
              agent.pid());
    EXPECT_EQ(co_await Count::get(self, agent, value), 16);
  });
}

TEST_F(AgentTest, updates_from_many_processes_are_never_lost) {
  on_every_executor([](Process& self) -> Async<> {
    const auto agent = co_await Count::start_link(self, 0);
    std::vector<TaskRef<int>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(Task::async(
          self,
          [](Process& p, Count::Ref counts) -> Async<int> {
            for (int n = 0; n < 50; ++n) {
              co_await Count::update(p, counts, [](int& all) { ++all; });
            }
            co_return 0;
          },
          agent));
    }
    (void)co_await Task::await_many(self, tasks, infinity);
    EXPECT_EQ(co_await Count::get(self, agent, value), 1'000);
  });
}

TEST_F(AgentTest, an_agent_holds_any_type_and_lives_under_a_supervisor) {
  on_every_executor([](Process& self) -> Async<> {
    using Words = Agent<std::vector<std::string>>;
    const auto sup = co_await Supervisor::start_link(
        self, children(child<Words>(std::vector<std::string>{"a"}).named("words")));
    const auto words = named<Words>("words");
    co_await Words::update(
        self, words,
        [](std::vector<std::string>& all, std::string word) { all.push_back(std::move(word)); },
        std::string{"b"});
    const auto last = [](const std::vector<std::string>& all) { return all.back(); };
    EXPECT_EQ(co_await Words::get(self, words, last), "b");
    const Pid first = words.pid();
    const Ref ref = self.monitor(first);
    exit(first, atoms::kill);
    co_await self.receive(when([ref](const Down& m) { return m.ref == ref; }, [](Down) {}));
    while (!words.pid()) co_await self.yield();
    while (co_await Words::get(self, words, last) != "a") co_await self.yield();
    co_await stop(self, sup);
  });
}

struct Meter {
  int value = 0;
  Term introspect() const { return tuple({atom("meter"), value}); }
};

TEST_F(AgentTest, its_state_is_shown_as_far_as_its_type_can_be) {
  on_every_executor([](Process& self) -> Async<> {
    const auto shown = [](Process& p, Pid agent) -> Async<std::string> {
      co_return to_erlang(co_await sys::get_state(p, agent));
    };
    const auto text = co_await Agent<std::string>::start_link(self, "hello");
    EXPECT_EQ(co_await sys::get_state(self, text.pid()), Term::binary("hello"));
    const auto meter = co_await Agent<Meter>::start_link(self, Meter{7});
    EXPECT_EQ(co_await shown(self, meter.pid()), "{meter,7}");
    const std::vector<int> numbers{1, 2, 3};
    const auto list = co_await Agent<std::vector<int>>::start_link(self, numbers);
    const Term state = co_await sys::get_state(self, list.pid());
    EXPECT_EQ(*state.find(Atom{"size"}), Term{3});
  });
}

TEST_F(AgentTest, get_and_update_has_a_time_limit_too) {
  on_every_executor([](Process& self) -> Async<> {
    const auto agent = co_await Count::start_link(self, 1);
    const auto take = [](int& n) { return n++; };
    EXPECT_EQ(co_await Count::get_and_update_within(self, 5s, agent, take), 1);
    co_await sys::suspend(self, agent.pid());
    EXPECT_THROW((void)co_await Count::get_and_update_within(self, 2ms, agent, take),
                 CallException);
    co_await sys::resume(self, agent.pid());
    EXPECT_EQ(co_await Count::get(self, agent, value), 3);
  });
}

TEST_F(AgentTest, an_agent_holds_a_hundred_thousand_elements) {
  test::on_real_executors([](Process& self) -> Async<> {
    using Numbers = Agent<std::vector<int>>;
    const auto agent = co_await Numbers::start_link(self, std::vector<int>{});
    const auto put = [](std::vector<int>& all, int n) { all.push_back(n); };
    for (int i = 0; i < 100'000; ++i) Numbers::cast(agent, put, i);
    const auto is_whole = [](const std::vector<int>& all) {
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] != static_cast<int>(i)) return false;
      }
      return all.size() == 100'000;
    };
    EXPECT_TRUE(co_await Numbers::get(self, agent, is_whole));
  });
}

TEST_F(AgentTest, updates_happen_once_until_it_dies_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto agent = co_await Count::start(self, 0);
        const auto takes = [](Process& p, Count::Ref from, Pid tell) -> Async<> {
          for (;;) {
            send(tell, co_await Count::get_and_update(p, from, [](int& n) { return ++n; }));
          }
        };
        for (int i = 0; i < 4; ++i) {
          const Pid client = spawn(takes, agent, self.pid());
          self.monitor(client);
        }
        co_await self.sleep(std::chrono::microseconds{self.random() % 300});
        if (self.random() % 2 == 0) {
          exit(agent.pid(), atoms::kill);
        } else {
          Count::cast(agent, [](int&) { throw ErrorException{Atom{"boom"}}; });
        }
        for (int i = 0; i < 4; ++i)
          EXPECT_FALSE((co_await self.receive<Down>()).reason.is_normal());
        std::vector<int> all;
        while (const auto n = co_await self.receive<int>(0ms)) all.push_back(*n);
        std::ranges::sort(all);
        for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<int>(i) + 1);
      },
      100);
}

}  // namespace
}  // namespace troupe
