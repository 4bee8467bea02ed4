// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Stop {};
struct Won {
  Pid who;
};
struct Lost {};

Async<> wait_for_stop(Process& self) { (void)co_await self.receive<Stop>(); }

template <class F>
bool is_refused(F attempt) {
  try {
    attempt();
    return false;
  } catch (const ErrorException& error) {
    return error.error() == Term{atoms::badarg};
  }
}

TEST(NameTest, a_name_leads_to_its_process_until_it_is_given_up) {
  on_every_executor([](Process& self) -> Async<> {
    EXPECT_FALSE(whereis("name_test"));
    self.register_name("name_test");
    EXPECT_EQ(whereis("name_test"), self.pid());
    const auto info = co_await process_info(self, self.pid());
    EXPECT_TRUE(info && info->name == Atom{"name_test"});
    send("name_test", Stop{});
    (void)co_await self.receive<Stop>();
    unregister_name("name_test");
    EXPECT_FALSE(whereis("name_test"));
    EXPECT_TRUE(is_refused([] { unregister_name("name_test"); }));
    self.register_name("name_test_again");
    EXPECT_EQ(whereis("name_test_again"), self.pid());
  });
}

TEST(NameTest, what_otp_refuses_is_refused) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [other, ref] = spawn_monitor(wait_for_stop);
    register_name("name_test_other", other);
    EXPECT_TRUE(is_refused([&] { self.register_name("name_test_other"); })) << "taken";
    EXPECT_TRUE(is_refused([&] { register_name("name_test_second", other); })) << "has one";
    for (const char* reserved : {"undefined", "nil", "true", "false"}) {
      EXPECT_TRUE(is_refused([&] { self.register_name(reserved); })) << reserved;
    }
    EXPECT_TRUE(is_refused([&] { register_name("name_test_null", Pid{}); }));
    EXPECT_TRUE(is_refused([] { send("name_test_nobody", Stop{}); }));
    send(other, Stop{});
    (void)co_await self.receive<Down>();
    EXPECT_TRUE(is_refused([&] { register_name("name_test_dead", other); })) << "dead";
    EXPECT_FALSE(whereis("name_test_dead"));
  });
}

TEST(NameTest, whoever_has_the_down_finds_the_name_free) {
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 100; ++i) {
      const auto [holder, ref] = spawn_monitor(wait_for_stop);
      register_name("name_test_freed", holder);
      send(holder, Stop{});
      (void)co_await self.receive<Down>();
      EXPECT_FALSE(whereis("name_test_freed"));
      EXPECT_FALSE(co_await is_alive(self, holder));
    }
  });
}

TEST(NameTest, of_many_rivals_one_wins) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int rivals = 20;
    for (int i = 0; i < rivals; ++i) {
      spawn_link(
          [](Process& rival, Pid judge) -> Async<> {
            try {
              rival.register_name("name_test_race");
              send(judge, Won{rival.pid()});
            } catch (const ErrorException&) {
              send(judge, Lost{});
            }
            (void)co_await rival.receive<Stop>();
          },
          self.pid());
    }
    int lost = 0;
    Pid winner;
    for (int i = 0; i < rivals; ++i) {
      co_await self.receive([&](Won m) { winner = m.who; }, [&](Lost) { ++lost; });
    }
    EXPECT_EQ(lost, rivals - 1);
    EXPECT_TRUE(winner);
    EXPECT_EQ(whereis("name_test_race"), winner);
  });
}

// Somebody names a process while it ends: the name must never stay behind.
TEST(NameTest, naming_a_process_that_is_ending_leaves_nothing_behind) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid namer = spawn([](Process& namer_self) -> Async<> {
      while (true) {
        const Pid victim = co_await namer_self.receive<Pid>();
        for (int i = 0; i < 3; ++i) {
          try {
            register_name("name_test_dying", victim);
          } catch (const ErrorException&) {
          }
          co_await namer_self.yield();
        }
        const Ref ref = namer_self.monitor(victim);
        (void)ref;
        (void)co_await namer_self.receive<Down>();
        EXPECT_FALSE(whereis("name_test_dying"));
        send(co_await namer_self.receive<Pid>(), Stop{});
      }
    });
    for (int i = 0; i < 200; ++i) {
      const Pid victim =
          spawn([](Process& victim_self) -> Async<> { co_await victim_self.yield(); });
      send(namer, victim);
      send(namer, self.pid());
      (void)co_await self.receive<Stop>();
    }
    exit(namer, "kill");
  });
}

TEST(NameTest, a_message_to_a_name_goes_to_who_has_it_at_that_moment) {
  on_every_executor([](Process& self) -> Async<> {
    const auto holder = [](Process& holder_self, Pid to, int number) -> Async<> {
      (void)co_await holder_self.receive<Stop>();
      send(to, number);
    };
    const Pid first = spawn(holder, self.pid(), 1);
    const Pid second = spawn(holder, self.pid(), 2);
    register_name("name_test_moves", first);
    send("name_test_moves", Stop{});
    unregister_name("name_test_moves");
    register_name("name_test_moves", second);
    EXPECT_EQ(co_await self.receive<int>(), 1);
    send("name_test_moves", Stop{});
    EXPECT_EQ(co_await self.receive<int>(), 2);
  });
}

TEST(NameTest, the_runtime_lists_its_names_and_outsiders_find_them) {
  test::for_every_runtime([](Runtime& runtime) {
    auto outcome = runtime.try_run([&runtime](Process& self) -> Async<> {
      self.register_name("name_test_listed");
      const auto all = runtime.registered();
      EXPECT_EQ(all.size(), 1u);
      EXPECT_EQ(all.at(0).first, Atom{"name_test_listed"});
      EXPECT_EQ(all.at(0).second, self.pid());
      EXPECT_EQ(whereis(runtime, "name_test_listed"), self.pid());
      EXPECT_FALSE(whereis(runtime, "a name that was never an atom"));
      co_return;
    });
    EXPECT_TRUE(outcome.has_value());
    EXPECT_FALSE(whereis(runtime, "name_test_listed"));
    EXPECT_THROW(send(runtime, "name_test_listed", Stop{}), ErrorException);
  });
}

TEST(NameTest, two_nodes_have_names_of_their_own) {
  Runtime a{{.execution = Execution::threads, .workers = 1, .max_processes = 1000}};
  Runtime b{{.execution = Execution::threads, .workers = 1, .max_processes = 1000}};
  a.start();
  b.start();
  const Pid in_a = spawn(a, wait_for_stop);
  const auto name_it = [](Process& self, Pid foreign) -> Async<> {
    self.register_name("name_test_node");
    EXPECT_TRUE(is_refused([&] { register_name("name_test_foreign", foreign); }));
    (void)co_await self.receive<Stop>();
  };
  const Pid in_b = spawn(b, name_it, in_a);
  while (!whereis(b, "name_test_node")) std::this_thread::yield();
  EXPECT_EQ(whereis(b, "name_test_node"), in_b);
  EXPECT_FALSE(whereis(a, "name_test_node"));
  send(in_b, Stop{});
  send(in_a, Stop{});
}

}  // namespace
}  // namespace troupe
