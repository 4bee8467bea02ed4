// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Registered names (081 to 085).
#include <algorithm>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

bool is_listed(Process& self, Atom name) {
  const auto registered = self.runtime().registered();
  return std::ranges::any_of(registered, [name](const auto& entry) { return entry.first == name; });
}

Async<> s081_name_register_basics(Process& self) {
  const Atom alpha{"alpha"};
  p("before", or_nil(whereis(alpha)));
  p("register", attempt([&] { self.register_name(alpha); }));
  p("whereis_is_me", whereis(alpha) == self.pid());
  send(Name{alpha}, atom("hello"));
  p("mailbox", co_await msgs(self));
  p("listed", is_listed(self, alpha));
  p("unregister", attempt([&] { unregister_name(alpha); }));
  p("after", tuple({or_nil(whereis(alpha)), is_listed(self, alpha)}));
}

// `true`, or `error`.
template <std::invocable F>
Term try_it(F call) {
  return unless_raised("error", call);
}

Async<> s082_name_errors(Process& self) {
  const Pid pid = spawn(wait_for_ever);
  const auto [dead, ref] = spawn_monitor(end_at_once);
  co_await wait(self, ref);
  p("first", try_it([&] { register_name("taken", pid); }));
  p("name_taken", try_it([&] { self.register_name("taken"); }));
  p("same_again", try_it([&] { register_name("taken", pid); }));
  p("second_name", try_it([&] { register_name("second", pid); }));
  p("dead_process", try_it([&] { register_name("ghost", dead); }));
  p("reserved_undefined", try_it([&] { self.register_name("undefined"); }));
  p("reserved_nil", try_it([&] { self.register_name("nil"); }));
  p("unregister_unknown", try_it([&] { unregister_name("unknown"); }));
  p("owner_unchanged", whereis("taken") == pid);
}

Async<> s083_name_released_on_death(Process& self) {
  for (int n = 1; n <= 3; ++n) {
    const Pid pid = spawn(
        [](Process& me, Pid to, int number) -> Async<> {
          const Term message = co_await me.receive<Term>();
          send(to, tuple({number, message}));
          me.exit("crash");
        },
        self.pid(), n);
    register_name("phoenix", pid);
    const Ref ref = self.monitor(pid);
    send(Name{"phoenix"}, atom("hi"));
    p("incarnation", co_await self.receive<Term>());
    const Term reason = co_await wait(self, ref);
    p("died", tuple({reason, or_nil(whereis("phoenix"))}));
  }
}

Async<> s084_name_for_another_process(Process& self) {
  const Pid pid = spawn(
      [](Process& me, Pid to) -> Async<> {
        while (true) send(to, co_await me.receive<Term>());
      },
      self.pid());
  register_name("other", pid);
  send(Name{"other"}, atom("by_name"));
  unregister_name("other");
  send(pid, atom("by_pid"));
  for (int i = 0; i < 2; ++i) p("got", co_await self.receive<Term>());
  register_name("renamed", pid);
  const ProcessInfo info = co_await info_of(self, pid);
  p("registered_name", tuple({atom("registered_name"), info.name}));
}

struct Claim {
  Pid pid;
  Term result;
};

Async<> s085_name_race_one_winner(Process& self) {
  std::vector<Pid> pids;
  for (int i = 0; i < 50; ++i) {
    pids.push_back(spawn(
        [](Process& me, Pid to) -> Async<> {
          co_await me.receive<Go>();
          send(to, Claim{me.pid(), unless_raised("lost", [&] { me.register_name("throne"); })});
          co_await me.receive<Stop>();
        },
        self.pid()));
  }
  for (Pid pid : pids) send(pid, Go{});
  std::vector<Pid> winners;
  int losers = 0;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    const auto [pid, result] = co_await self.receive<Claim>();
    if (result.is_atom(atoms::true_)) winners.push_back(pid);
    if (result.is_atom("lost")) ++losers;
  }
  p("losers", losers);
  p("whereis_is_winner", winners == std::vector{whereis("throne")});
}

constexpr Scenario scenarios[] = {
    {"081-name-register-basics", s081_name_register_basics},
    {"082-name-errors", s082_name_errors},
    {"083-name-released-on-death", s083_name_released_on_death},
    {"084-name-for-another-process", s084_name_for_another_process},
    {"085-name-race-one-winner", s085_name_race_one_winner},
};

}  // namespace

std::span<const Scenario> name_scenarios() { return scenarios; }

}  // namespace troupe::conformance
