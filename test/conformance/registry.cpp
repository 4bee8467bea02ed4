// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Registries (195 to 205).
#include <algorithm>

#include <troupe/agent.hpp>
#include <troupe/registry.hpp>

#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

constexpr const char* registry = "R";

auto start(Process& self, RegistryKeys keys) {
  return Registry::start_link(self, {.name = registry, .keys = keys});
}
// A key that is an atom.
RegistryKey key(const char* text) { return RegistryKey{atom(text)}; }
auto enter(Process& self, RegistryKey key, Term value = {}) {
  return Registry::register_key(self, registry, std::move(key), std::move(value));
}
std::vector<RegistryEntry> found(const char* text) { return Registry::lookup(registry, key(text)); }

// [{IsTheseProcess, Value}]
Term entries_of(Pid pid, const std::vector<RegistryEntry>& entries) {
  std::vector<Term> all;
  for (const RegistryEntry& entry : entries) {
    all.push_back(tuple({Term{entry.pid == pid}, entry.value}));
  }
  return list(all);
}
std::vector<Term> values(const std::vector<RegistryEntry>& entries) {
  std::vector<Term> all;
  for (const RegistryEntry& entry : entries) all.push_back(entry.value);
  return all;
}

Async<> s195_registry_unique_basics(Process& self) {
  co_await start(self, RegistryKeys::unique);
  p("empty", entries_of(self.pid(), found("k")));
  const auto registered = co_await enter(self, key("k"), atom("value"));
  const std::vector<Pid> links = (co_await info_of(self, self.pid())).links;
  p("owner_is_pid", std::ranges::find(links, *registered) != links.end());
  const auto entries = found("k");
  p("found",
    entries.size() == 1 && entries[0].pid == self.pid() && entries[0].value == atom("value"));
  const Term pair = tuple({atom("tuple"), 1});
  co_await enter(self, pair);
  p("tuple_key", Registry::lookup(registry, pair).size());
  co_await enter(self, 1, atom("int"));
  p("integer_is_not_float",
    tuple({Registry::lookup(registry, 1).size(), Registry::lookup(registry, 1.0).size()}));
}

Async<Term> clash(Process& self, Pid expected, Term value) {
  const auto refused = co_await enter(self, key("k"), std::move(value));
  if (refused) co_return atom("accepted");
  co_return tuple({atom("already_registered"), Term{refused.error().holder == expected}});
}

Async<> s196_registry_unique_clash(Process& self) {
  co_await start(self, RegistryKeys::unique);
  co_await enter(self, key("k"), 1);
  p("again_by_holder", co_await clash(self, self.pid(), 2));
  spawn([](Process& me, Pid main) -> Async<> { send(main, co_await clash(me, main, 3)); },
        self.pid());
  p("by_other", co_await self.receive<Term>());
  p("value", values(found("k")).at(0));
}

// A process that enters these values under a key and then waits.
Async<> hold(Process& self, Pid main, std::string under, Term value) {
  co_await enter(self, key(under.c_str()), std::move(value));
  send(main, Ready{});
  co_await self.receive<Never>();
}

Async<> s197_registry_duplicate_basics(Process& self) {
  co_await start(self, RegistryKeys::duplicate);
  const Pid other = spawn(hold, self.pid(), std::string{"topic"}, atom("c"));
  co_await self.receive<Ready>();
  for (const char* value : {"a", "b", "a"}) co_await enter(self, key("topic"), atom(value));
  std::vector<Term> all;
  for (const auto& [pid, value] : found("topic")) {
    all.push_back(tuple({atom(pid == other        ? "other"
                              : pid == self.pid() ? "me"
                                                  : "stranger"),
                         value}));
  }
  p("entries", sorted(all));
  p("count", Registry::count(registry));
  p("keys", list(Registry::keys(registry, self.pid())));
}

Async<> s198_registry_unregister(Process& self) {
  co_await start(self, RegistryKeys::duplicate);
  spawn(hold, self.pid(), std::string{"k"}, atom("others"));
  co_await self.receive<Ready>();
  for (const int value : {1, 2}) co_await enter(self, key("k"), value);
  p("unregister", ok([&] { Registry::unregister(self, registry, key("k")); }));
  p("left", list(values(found("k"))));
  p("unknown_key", ok([&] { Registry::unregister(self, registry, key("nothing")); }));
  p("my_keys", list(Registry::keys(registry, self.pid())));
}

Async<> s199_registry_cleanup_on_death(Process& self) {
  co_await start(self, RegistryKeys::unique);
  const auto [pid, ref] = spawn_monitor(
      [](Process& me, Pid main) -> Async<> {
        for (const char* name : {"a", "b"}) co_await enter(me, key(name), atom("mine"));
        send(main, Ready{});
        co_await me.receive<Stop>();
      },
      self.pid());
  co_await self.receive<Ready>();
  p("before", tuple({Registry::count(registry), sorted(Registry::keys(registry, pid))}));
  send(pid, Stop{});
  co_await wait(self, ref);
  co_await until(self, []() -> Async<bool> { co_return Registry::count(registry) == 0; });
  p("after", tuple({list(values(found("a"))), list(Registry::keys(registry, pid))}));
  co_await enter(self, key("a"), atom("new"));
  p("reused", entries_of(self.pid(), found("a")));
}

using Number = Agent<int>;

struct Anything {
  using Reply = Term;
};

Async<> s200_registry_via_names(Process& self) {
  co_await start(self, RegistryKeys::unique);
  const StartOptions options{.via = Registry::via(registry, "room 1")};
  const auto agent = co_await Number::start(self, options, 5);
  p("whereis", Registry::whereis(registry, "room 1") == agent.pid());
  p("call", co_await Number::get(self, Registry::find<Number>(registry, "room 1"),
                                 [](const int& n) { return n; }));
  const auto second = co_await Number::try_start(self, options, 6);
  const Term error = second.error().term();
  p("second_start", tuple({error[0], error[1] == Term{agent.pid()}}));
  p("nobody", or_nil(Registry::whereis(registry, key("nobody"))));
  p("call_nobody", co_await catch_exit([&] {
      return call(self, Registry::whereis(registry, key("nobody")), Anything{});
    }));
  p("cast_nobody", ok([&] { cast(Registry::whereis(registry, key("nobody")), Anything{}); }));
  co_await stop(self, Registry::find<Number>(registry, "room 1"));
  p("after_stop", or_nil(Registry::whereis(registry, "room 1")));
}

Async<> s201_registry_via_value(Process& self) {
  co_await start(self, RegistryKeys::unique);
  const Term red = atom("colour_red");
  const StartOptions with_value{.via = Registry::via(registry, key("a"), red)};
  const StartOptions without{.via = Registry::via(registry, key("b"))};
  const auto agent = co_await Number::start(self, with_value, 0);
  co_await Number::start(self, without, 0);
  p("a", entries_of(agent.pid(), found("a")));
  p("b", list(values(found("b"))));
}

// {New, Old}, or `error`.
template <class F>
Term updated(Process& self, const char* name, F change) {
  const auto both = Registry::update_value(self, registry, key(name), change);
  return both ? tuple({both->first, both->second}) : Term{atoms::error};
}

Async<> s202_registry_update_value(Process& self) {
  co_await start(self, RegistryKeys::unique);
  co_await enter(self, key("n"), 1);
  p("update", updated(self, "n", [](const Term& old) { return Term{*old.as_int() + 10}; }));
  spawn([](Process& me,
           Pid main) { send(main, updated(me, "n", [](const Term&) { return Term{0}; })); },
        self.pid());
  p("by_other", co_await self.receive<Term>());
  p("unknown", updated(self, "zzz", [](const Term& old) { return old; }));
  p("value", list(values(found("n"))));
}

struct News {
  Term value;
  Term text;
};

Async<> s203_registry_dispatch(Process& self) {
  co_await start(self, RegistryKeys::duplicate);
  for (int n = 1; n <= 3; ++n) {
    spawn(
        [](Process& me, Pid main, int number) -> Async<> {
          co_await enter(me, key("news"), number);
          send(main, Ready{});
          const auto [value, text] = co_await me.receive<News>();
          send(main, tuple({number, value, text}));
        },
        self.pid(), n);
    co_await self.receive<Ready>();
  }
  p("dispatch", ok([&] {
      Registry::dispatch(registry, key("news"), [&](const std::vector<RegistryEntry>& entries) {
        p("in_caller", tuple({Term{troupe::detail::current_process() == &self}, entries.size()}));
        for (const auto& [pid, value] : entries) send(pid, News{value, atom("hello")});
      });
    }));
  std::vector<Term> got;
  for (int i = 0; i < 3; ++i) got.push_back(co_await self.receive<Term>());
  p("got", sorted(got));
  p("no_entries", ok([&] {
      Registry::dispatch(registry, key("nothing"),
                         [](const std::vector<RegistryEntry>&) { p("must_not_be_called"); });
    }));
}

bool is_x(const Term& value) { return value.is_tuple(2) && value[0].is_atom("x"); }

// What select gives for a pattern: `give(key, value)` of the entries that fit.
template <class Fits, class Give>
Term selected(Fits fits, Give give) {
  std::vector<Term> all;
  Registry::for_each(registry, [&](const Term& key, Pid, const Term& value) {
    if (fits(value)) all.push_back(give(key, value));
  });
  return sorted(all);
}

Async<> s204_registry_match_select_count(Process& self) {
  co_await start(self, RegistryKeys::duplicate);
  struct Entry {
    const char* name;
    const char* tag;
    int number;
  };
  for (const auto& [name, tag, number] :
       {Entry{"a", "x", 1}, Entry{"a", "x", 2}, Entry{"a", "y", 3}, Entry{"b", "x", 4}}) {
    co_await enter(self, key(name), tuple({atom(tag), number}));
  }
  p("count", Registry::count(registry));
  p("match_x", sorted(values(Registry::match(registry, key("a"), is_x))));
  p("count_match", Registry::count_match(registry, key("a"), is_x));
  p("guard", list(values(Registry::match(registry, key("a"), [](const Term& value) {
      return value.is_tuple(2) && value[1] > Term{2};
    }))));
  p("select_keys", selected(is_x, [](const Term& key, const Term&) { return key; }));
  p("unregister_match", ok([&] { Registry::unregister_match(self, registry, key("a"), is_x); }));
  p("left", selected([](const Term&) { return true; },
                     [](const Term& key, const Term& value) { return tuple({key, value}); }));
}

Async<> s205_registry_listeners(Process& self) {
  self.register_name("listener");
  co_await Registry::start_link(self, {.name = registry, .listeners = {Name{"listener"}}});
  co_await enter(self, key("k"), 1);
  co_await enter(self, key("k"), 2);
  Registry::unregister(self, registry, key("k"));
  const auto [pid, ref] = spawn_monitor([](Process& me) -> Async<> {
    co_await enter(me, key("d"), atom("x"));
    co_await me.receive<Stop>();
  });
  const auto added = [&](const char* name) {
    return self.receive(when([name](const RegistryAdded& m) { return m.key == atom(name); },
                             [](RegistryAdded m) { return m; }));
  };
  const RegistryAdded first = co_await added("k");
  p("register", tuple({first.key, Term{first.pid == self.pid()}, first.value}));
  const RegistryRemoved removed = co_await self.receive<RegistryRemoved>();
  p("unregister", tuple({removed.key, Term{removed.pid == self.pid()}}));
  const RegistryAdded second = co_await added("d");
  p("register", tuple({second.key, Term{second.pid == pid}, second.value}));
  send(pid, Stop{});
  co_await wait(self, ref);
  co_await until(self, []() -> Async<bool> { co_return found("d").empty(); });
  co_await self.sleep(50ms);
  p("mailbox_after_death", co_await msgs(self));
}

constexpr Scenario scenarios[] = {
    {"195-registry-unique-basics", s195_registry_unique_basics},
    {"196-registry-unique-clash", s196_registry_unique_clash},
    {"197-registry-duplicate-basics", s197_registry_duplicate_basics},
    {"198-registry-unregister", s198_registry_unregister},
    {"199-registry-cleanup-on-death", s199_registry_cleanup_on_death},
    {"200-registry-via-names", s200_registry_via_names},
    {"201-registry-via-value", s201_registry_via_value},
    {"202-registry-update-value", s202_registry_update_value},
    {"203-registry-dispatch", s203_registry_dispatch},
    {"204-registry-match-select-count", s204_registry_match_select_count},
    {"205-registry-listeners", s205_registry_listeners},
};

}  // namespace

std::span<const Scenario> registry_scenarios() { return scenarios; }

}  // namespace troupe::conformance
