// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <mutex>

#include <troupe/agent.hpp>
#include <troupe/registry.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using enum RegistryKeys;

class RegistryTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Ready {};

// Registers under the keys, says so, and waits to be told to end.
Async<> registered(Process& self, Pid tell, std::vector<Term> keys, Term value) {
  for (const Term& key : keys) (void)co_await Registry::register_key(self, "R", key, value);
  send(tell, Ready{});
  (void)co_await self.receive<Atom>();
}

Async<Pid> start_registered(Process& self, std::vector<Term> keys, Term value) {
  const Pid pid = spawn(registered, self.pid(), std::move(keys), std::move(value));
  co_await self.receive<Ready>();
  co_return pid;
}

// Its end is that of every process that is still registered, and so of a test that does not trap.
Async<> stop_registry(Process& self, ServerRef<Supervisor> registry) {
  self.trap_exits();
  co_await stop(self, registry);
}

TEST_F(RegistryTest, a_unique_key_leads_to_one_process_and_its_value) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    EXPECT_TRUE(Registry::lookup("R", "k").empty());
    EXPECT_TRUE((co_await Registry::register_key(self, "R", "k", atom("value"))).has_value());
    const auto found = Registry::lookup("R", "k");
    EXPECT_EQ(found.size(), 1u);
    EXPECT_EQ(found.at(0).pid, self.pid());
    EXPECT_EQ(found.at(0).value, atom("value"));
    EXPECT_EQ(Registry::whereis("R", "k"), self.pid());
    (void)co_await Registry::register_key(self, "R", tuple({atom("tuple"), 1}));
    EXPECT_EQ(Registry::lookup("R", tuple({atom("tuple"), 1})).size(), 1u);
    (void)co_await Registry::register_key(self, "R", 1);
    EXPECT_TRUE(Registry::lookup("R", 1.0).empty());
    EXPECT_EQ(Registry::count("R"), 3u);
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, a_text_is_found_however_it_is_written_and_is_no_atom) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    const Pid text = co_await start_registered(self, {Term::binary("lobby"), Term::binary("")}, 1);
    const Pid other = co_await start_registered(
        self, {atom("lobby"), Term::bitstring(reinterpret_cast<const std::uint8_t*>("lobby"), 39)},
        2);
    EXPECT_EQ(Registry::whereis("R", "lobby"), text);
    EXPECT_EQ(Registry::whereis("R", std::string{"lobby"}), text);
    EXPECT_EQ(Registry::whereis("R", std::string_view{"lobby 2"}.substr(0, 5)), text);
    EXPECT_EQ(Registry::whereis("R", Term::binary("lobby")), text);
    EXPECT_EQ(Registry::whereis("R", ""), text);
    EXPECT_EQ(Registry::whereis("R", atom("lobby")), other);
    EXPECT_FALSE(Registry::whereis("R", "lobb"));
    EXPECT_EQ(Registry::count("R"), 4u);
    std::vector<Term> keys;
    Registry::for_each("R", [&](const Term& key, Pid, const Term&) { keys.push_back(Term{key}); });
    EXPECT_EQ(keys.size(), 4u);
    EXPECT_EQ(std::ranges::count(keys, Term::binary("lobby")), 1);
    EXPECT_EQ(std::ranges::count(keys, atom("lobby")), 1);
    EXPECT_TRUE((co_await Registry::register_key(self, "R", "lobby")).error().holder == text);
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, a_unique_key_can_be_taken_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    const Pid other = co_await start_registered(self, {atom("k")}, 1);
    EXPECT_EQ((co_await Registry::register_key(self, "R", atom("k"), 2)).error().holder, other);
    EXPECT_EQ(Registry::lookup("R", atom("k")).at(0).value, Term{1});
    const auto info = co_await process_info(self, self.pid());
    EXPECT_EQ(info->links, std::vector{sup.pid()});
    (void)co_await Registry::register_key(self, "R", atom("mine"));
    EXPECT_EQ((co_await Registry::register_key(self, "R", atom("mine"))).error().holder,
              self.pid());
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, a_duplicate_registry_holds_many_entries_per_key) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R", .keys = duplicate});
    const Pid other = co_await start_registered(self, {atom("topic")}, atom("c"));
    for (const char* value : {"a", "b", "a"}) {
      (void)co_await Registry::register_key(self, "R", atom("topic"), atom(value));
    }
    EXPECT_EQ(Registry::lookup("R", atom("topic")).size(), 4u);
    EXPECT_EQ(Registry::count("R"), 4u);
    EXPECT_EQ(Registry::keys("R", self.pid()).size(), 3u);
    Registry::unregister(self, "R", atom("topic"));
    const auto left = Registry::lookup("R", atom("topic"));
    EXPECT_EQ(left.size(), 1u);
    EXPECT_EQ(left.at(0).pid, other);
    EXPECT_TRUE(Registry::keys("R", self.pid()).empty());
    Registry::unregister(self, "R", atom("nothing"));
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, the_entries_of_a_process_end_with_it) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R", .partitions = 3});
    const Pid pid = co_await start_registered(self, {atom("a"), atom("b")}, atom("mine"));
    EXPECT_EQ(Registry::count("R"), 2u);
    EXPECT_EQ(Registry::keys("R", pid).size(), 2u);
    send(pid, Atom{"stop"});
    while (Registry::count("R") > 0) co_await self.yield();
    EXPECT_TRUE(Registry::keys("R", pid).empty());
    EXPECT_TRUE((co_await Registry::register_key(self, "R", atom("a"))).has_value());
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, nothing_of_a_process_is_found_once_its_down_is_there) {
  on_every_executor([](Process& self) -> Async<> {
    for (const RegistryKeys kind : {RegistryKeys::unique, duplicate}) {
      const auto sup = co_await Registry::start_link(self, {.name = "R", .keys = kind});
      for (int i = 0; i < 20; ++i) {
        const Pid pid = co_await start_registered(self, {atom("a"), Term{i}, atom("b")}, i);
        EXPECT_EQ(Registry::count("R"), 3u);
        self.monitor(pid);
        if (i % 2 == 0) exit(pid, atoms::kill);
        send(pid, Atom{"stop"});
        co_await self.receive<Down>();
        EXPECT_EQ(Registry::count("R"), 0u);
        EXPECT_TRUE(Registry::keys("R", pid).empty());
        EXPECT_TRUE(Registry::lookup("R", atom("a")).empty());
      }
      co_await stop_registry(self, sup);
    }
  });
}

TEST_F(RegistryTest, who_has_left_a_registry_may_come_again) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    const auto comes_and_goes = [](Process& p, Pid tell) -> Async<> {
      for (int i = 0; i < 3; ++i) {
        (void)co_await Registry::register_key(p, "R", atom("k"), i);
        if (i < 2) Registry::unregister(p, "R", atom("k"));
      }
      send(tell, Ready{});
      (void)co_await p.receive<Atom>();
    };
    const Pid pid = spawn(comes_and_goes, self.pid());
    co_await self.receive<Ready>();
    self.monitor(pid);
    EXPECT_EQ(Registry::whereis("R", atom("k")), pid);
    send(pid, Atom{"stop"});
    co_await self.receive<Down>();
    EXPECT_FALSE(Registry::whereis("R", atom("k")));
    EXPECT_EQ(Registry::count("R"), 0u);
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, the_entry_of_a_dead_process_can_be_replaced_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    for (int i = 0; i < 50; ++i) {
      const Pid pid = co_await start_registered(self, {atom("k")}, i);
      exit(pid, atoms::kill);
      EXPECT_TRUE((co_await Registry::register_key(self, "R", atom("k"), -i)).has_value());
      EXPECT_EQ(Registry::lookup("R", atom("k")).at(0).value, Term{-i});
      Registry::unregister(self, "R", atom("k"));
    }
    while (Registry::count("R") > 0) co_await self.yield();
    co_await stop_registry(self, sup);
  });
}

// Texts of up to 16 bytes stand in the slots of a table, others beside it.
TEST_F(RegistryTest, the_holder_of_a_text_of_any_length_is_found_until_it_ends) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    std::vector<std::string> texts{"", std::string(3, '\0'), std::string(4, '\0')};
    for (std::size_t size = 1; size < 20; ++size) texts.push_back(std::string(size, 'k'));
    for (const std::string& text : texts) {
      const Pid pid = co_await start_registered(self, {Term::binary(text)}, Term::binary(text));
      self.monitor(pid);
      EXPECT_EQ(Registry::whereis("R", text), pid);
      EXPECT_EQ(Registry::whereis("R", Term::binary(text)), pid);
      EXPECT_EQ(Registry::lookup("R", text).at(0).value, Term::binary(text));
      send(pid, Atom{"stop"});
      co_await self.receive<Down>();
      EXPECT_FALSE(Registry::whereis("R", text)) << "its DOWN is there";
      EXPECT_TRUE(Registry::lookup("R", text).empty());
    }
    while (Registry::count("R") > 0) co_await self.yield();
    co_await stop_registry(self, sup);
  });
}

// A thread remembers which short name it has looked for last.
TEST_F(RegistryTest, a_registry_is_found_by_a_name_of_any_length) {
  on_every_executor([](Process& self) -> Async<> {
    std::vector<std::string> names;
    for (const std::size_t size : {1U, 3U, 4U, 8U, 15U, 16U, 17U, 40U}) {
      names.push_back(std::string(size, 'r'));
    }
    std::vector<ServerRef<Supervisor>> sups;
    for (const std::string& name : names) {
      sups.push_back(co_await Registry::start_link(self, {.name = name}));
      (void)co_await Registry::register_key(self, name, name);
    }
    for (const std::string& name : names) {
      for (const std::string& key : names) {
        EXPECT_EQ(bool{Registry::whereis(name, key)}, name == key) << name << ' ' << key;
      }
    }
    for (const auto& sup : sups) co_await stop_registry(self, sup);
  });
}

// A thread remembers where it has looked last.
TEST_F(RegistryTest, a_look_up_goes_to_the_registry_that_has_the_name_now) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int round = 0; round < 3; ++round) {
      const auto first = co_await Registry::start_link(self, {.name = "first"});
      const auto second = co_await Registry::start_link(self, {.name = "second"});
      (void)co_await Registry::register_key(self, "second", "k");
      for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(Registry::whereis("first", "k"));
        EXPECT_EQ(Registry::whereis("second", "k"), self.pid());
        EXPECT_EQ(Registry::whereis(Name{"second"}, "k"), self.pid());
        EXPECT_EQ(Registry::whereis(std::string{"second"}, std::string{"k"}), self.pid());
      }
      EXPECT_EQ(Registry::whereis("second", "k"), self.pid());
      co_await stop(self, second);
      EXPECT_THROW(Registry::whereis("second", "k"), ErrorException);
      EXPECT_FALSE(Registry::whereis("first", "k"));
      co_await stop(self, first);
      EXPECT_THROW(Registry::whereis("first", "k"), ErrorException);
      EXPECT_THROW(Registry::whereis("the name of no registry", "k"), ErrorException);
    }
  });
}

TEST_F(RegistryTest, servers_are_started_under_via_names) {
  on_every_executor([](Process& self) -> Async<> {
    using Count = Agent<int>;
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    const auto get = [](const int& n) { return n; };
    const Via room = Registry::via("R", "room 1", atom("red"));
    const auto agent = co_await Count::start(self, {.via = room}, 5);
    EXPECT_EQ(Registry::whereis("R", "room 1"), agent.pid());
    EXPECT_EQ(Registry::lookup("R", "room 1").at(0).value, atom("red"));
    EXPECT_EQ(co_await Count::get(self, Registry::find<Count>("R", "room 1"), get), 5);
    const auto second = co_await Count::try_start(self, {.via = room}, 6);
    EXPECT_EQ(second.error().holder, agent.pid());
    bool gone = false;
    try {
      (void)co_await Count::get(self, Registry::find<Count>("R", "nobody"), get);
    } catch (const CallException& exception) {
      gone = exception.error().code == CallError::Code::noproc;
    }
    EXPECT_TRUE(gone);
    co_await stop(self, agent);
    EXPECT_TRUE((co_await Count::try_start(self, {.via = room}, 6)).has_value());
    co_await stop_registry(self, sup);
  });
}

// A name of the user's own kind, which one process at a time can have.
class OwnName final : public ViaName {
 public:
  explicit OwnName(int number) : number_{number} {}
  Async<Pid> claim(Process& self) const override { co_return take(self.pid()); }
  void release(Process& self) const override {
    const std::lock_guard guard{lock_};
    if (holder_ == self.pid()) holder_ = {};
  }
  Pid holder() const override {
    const std::lock_guard guard{lock_};
    return holder_;
  }
  int number() const noexcept { return number_; }

 private:
  Pid take(Pid pid) const {
    const std::lock_guard guard{lock_};
    if (holder_) return holder_;
    holder_ = pid;
    return {};
  }

  int number_;
  mutable std::mutex lock_;
  mutable Pid holder_;
};

TEST_F(RegistryTest, servers_are_started_under_names_of_a_kind_of_ones_own) {
  on_every_executor([](Process& self) -> Async<> {
    using Count = Agent<int>;
    const Via name = make_via<OwnName>(7);
    EXPECT_EQ(static_cast<const OwnName&>(*name).number(), 7);
    const auto agent = co_await Count::start(self, {.via = name}, 5);
    EXPECT_EQ(name->holder(), agent.pid());
    const auto second = co_await Count::try_start(self, {.via = name}, 6);
    EXPECT_EQ(second.error().holder, agent.pid());
    co_await stop(self, agent);
  });
}

struct Fails : GenServer<Fails> {
  Init init() { return Init::stop("no"); }
};

TEST_F(RegistryTest, a_via_name_is_free_when_a_failed_start_returns) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    const Via name = Registry::via("R", "x");
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ((co_await Fails::try_start(self, {.via = name})).error().term(), atom("no"));
    }
    const auto tree =
        co_await Supervisor::start_link(self, children(child<Agent<int>>(1).via(name)));
    EXPECT_TRUE(Registry::whereis("R", "x"));
    co_await stop(self, tree);
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, only_the_holder_may_change_a_value) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    (void)co_await Registry::register_key(self, "R", atom("n"), 1);
    (void)co_await start_registered(self, {atom("other")}, 5);
    const auto add_ten = [](const Term& value) { return Term{*value.as_int() + 10}; };
    const auto changed = Registry::update_value(self, "R", atom("n"), add_ten);
    EXPECT_EQ(changed->first, Term{11});
    EXPECT_EQ(changed->second, Term{1});
    EXPECT_FALSE(Registry::update_value(self, "R", atom("other"), add_ten));
    EXPECT_FALSE(Registry::update_value(self, "R", atom("zzz"), add_ten));
    EXPECT_EQ(Registry::lookup("R", atom("n")).at(0).value, Term{11});
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, entries_are_dispatched_matched_counted_and_walked) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R", .keys = duplicate});
    const struct {
      const char* key;
      const char* tag;
      int n;
    } all[] = {{"a", "x", 1}, {"a", "x", 2}, {"a", "y", 3}, {"b", "x", 4}};
    for (const auto& [key, tag, n] : all) {
      (void)co_await Registry::register_key(self, "R", atom(key), tuple({atom(tag), n}));
    }
    const auto is_x = [](const Term& value) { return value[0] == atom("x"); };
    EXPECT_EQ(Registry::match("R", atom("a"), is_x).size(), 2u);
    EXPECT_EQ(Registry::count_match("R", atom("a"), is_x), 2u);
    std::size_t seen = 0;
    Registry::for_each("R", [&](const Term&, Pid, const Term& value) { seen += is_x(value); });
    EXPECT_EQ(seen, 3u);
    std::size_t dispatched = 0;
    Registry::dispatch("R", atom("a"), [&](const auto& entries) { dispatched = entries.size(); });
    EXPECT_EQ(dispatched, 3u);
    Registry::dispatch("R", atom("none"), [&](const auto&) { dispatched = 99; });
    EXPECT_EQ(dispatched, 3u);
    Registry::unregister_match(self, "R", atom("a"), is_x);
    EXPECT_EQ(Registry::count("R"), 2u);
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, listeners_are_told_of_registrations_and_removals_not_of_deaths) {
  on_every_executor([](Process& self) -> Async<> {
    self.register_name("listener");
    const auto sup = co_await Registry::start_link(self, {.name = "R", .listeners = {"listener"}});
    (void)co_await Registry::register_key(self, "R", atom("k"), 1);
    (void)co_await Registry::register_key(self, "R", atom("k"), 2);
    Registry::unregister(self, "R", atom("k"));
    const Pid pid = co_await start_registered(self, {atom("d")}, atom("x"));
    EXPECT_EQ((co_await self.receive<RegistryAdded>()).pid, self.pid());
    EXPECT_EQ((co_await self.receive<RegistryRemoved>()).key, atom("k"));
    EXPECT_EQ((co_await self.receive<RegistryAdded>()).pid, pid);
    send(pid, Atom{"stop"});
    while (Registry::count("R") > 0) co_await self.yield();
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
    co_await stop_registry(self, sup);
  });
}

TEST_F(RegistryTest, the_crash_of_a_registry_ends_its_processes) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Registry::start_link(self, {.name = "R"});
    const Pid pid = co_await start_registered(self, {atom("k")}, 1);
    self.monitor(pid);
    for (const ChildInfo& part : co_await Supervisor::which_children(self, sup)) {
      if (part.id == Term{0}) exit(part.pid, atoms::kill);
    }
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{atoms::killed});
    while (Registry::count("R") > 0) co_await self.yield();
    co_await stop_registry(self, sup);
    EXPECT_THROW(Registry::count("R"), ErrorException);
  });
}

TEST_F(RegistryTest, a_hundred_thousand_keys_and_subscribers_come_and_go) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto unique_sup = co_await Registry::start_link(self, {.name = "U"});
    for (int i = 0; i < 100'000; ++i) (void)co_await Registry::register_key(self, "U", i, i);
    EXPECT_EQ(Registry::count("U"), 100'000u);
    EXPECT_EQ(Registry::lookup("U", 77'777).at(0).value, Term{77'777});
    const auto sup = co_await Registry::start_link(self, {.name = "R", .keys = duplicate});
    std::vector<Pid> pids;
    for (int i = 0; i < 20'000; ++i) {
      pids.push_back(spawn(registered, self.pid(), std::vector<Term>{atom("news")}, Term{i}));
    }
    for (int i = 0; i < 20'000; ++i) co_await self.receive<Ready>();
    EXPECT_EQ(Registry::lookup("R", atom("news")).size(), 20'000u);
    for (const Pid pid : pids) exit(pid, atoms::kill);
    while (Registry::count("R") > 0) co_await self.yield();
    co_await stop_registry(self, sup);
    co_await stop_registry(self, unique_sup);
  });
}

TEST_F(RegistryTest, a_listener_with_a_full_mailbox_does_not_fail_a_registration) {
  on_every_executor([](Process& self) -> Async<> {
    self.register_name("listener");
    const auto sup = co_await Registry::start_link(self, {.name = "R", .listeners = {"listener"}});
    self.set_mailbox_limit(1, Overflow::reject_sender);
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE((co_await Registry::register_key(self, "R", i, i)).has_value());
    }
    EXPECT_EQ(Registry::count("R"), 5u);
    EXPECT_EQ((co_await self.receive<RegistryAdded>()).key, Term{0});
    self.set_mailbox_limit(0, Overflow::reject_sender);
    co_await stop_registry(self, sup);
  });
}

// Many want one name; whoever has it ends sooner or later.
// Who chooses names cannot know which of them collide: a walk over equal names takes another order
// in each registry.
TEST_F(RegistryTest, registries_hash_texts_with_secrets_of_their_own) {
  on_every_executor([](Process& self) -> Async<> {
    std::vector<Term> orders[2];
    for (std::vector<Term>& order : orders) {
      const auto sup = co_await Registry::start_link(self, {.name = "R"});
      for (int i = 0; i < 100; ++i) {
        (void)co_await Registry::register_key(self, "R", Term::binary(std::to_string(i)));
      }
      Registry::for_each("R", [&](const Term& key, Pid, const Term&) { order.push_back(key); });
      EXPECT_EQ(order.size(), 100u);
      co_await stop_registry(self, sup);
    }
    EXPECT_NE(orders[0], orders[1]);
  });
}

TEST_F(RegistryTest, a_unique_key_has_one_living_holder_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto sup = co_await Registry::start_link(self, {.name = "R", .partitions = 2});
        const auto wants = [](Process& p, Pid tell, Duration holds) -> Async<> {
          for (;;) {
            const auto taken = co_await Registry::register_key(p, "R", atom("k"), 1);
            if (taken) break;
            EXPECT_NE(taken.error().holder, p.pid());
            co_await p.sleep(1us);
          }
          EXPECT_EQ(Registry::whereis("R", atom("k")), p.pid());
          co_await p.sleep(holds);
          EXPECT_EQ(Registry::lookup("R", atom("k")).at(0).pid, p.pid());
          if (p.random() % 2 == 0) Registry::unregister(p, "R", atom("k"));
          send(tell, Ready{});
        };
        for (int i = 0; i < 8; ++i) {
          spawn(wants, self.pid(), std::chrono::microseconds{self.random() % 50});
        }
        for (int i = 0; i < 8; ++i) co_await self.receive<Ready>();
        while (Registry::count("R") > 0) co_await self.yield();
        EXPECT_FALSE(Registry::whereis("R", atom("k")));
        co_await stop_registry(self, sup);
      },
      100);
}

}  // namespace
}  // namespace troupe
