// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Process groups (206, 207).
#include <troupe/process_groups.hpp>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

using PG = ProcessGroups;

Term pids(const std::vector<Pid>& members) {
  return list(std::vector<Term>(members.begin(), members.end()));
}
Term length(const std::vector<Pid>& members) { return Term{members.size()}; }
Term outcome(const std::expected<void, NotJoined>& left) {
  return atom(left ? "ok" : "not_joined");
}

Async<> s206_registry_pg_groups(Process& self) {
  co_await PG::start_link(self, "scope");
  const Pid me = self.pid();
  const Atom g{"g"};
  co_await PG::join(self, "scope", g, me);
  p("join", atom("ok"));
  const std::vector twice{me, me};
  co_await PG::join(self, "scope", g, twice);
  p("join_twice", atom("ok"));
  p("members", length(PG::get_members("scope", g)));
  p("leave", outcome(co_await PG::leave(self, "scope", g, me)));
  p("members", length(PG::get_local_members("scope", g)));
  p("groups", list(PG::which_groups("scope")));
  p("leave_both", outcome(co_await PG::leave(self, "scope", g, twice)));
  p("groups", list(PG::which_groups("scope")));
  p("leave_again", outcome(co_await PG::leave(self, "scope", g, me)));
  p("unknown", pids(PG::get_members("scope", Atom{"nothing"})));
}

Async<> s207_registry_pg_death(Process& self) {
  co_await PG::start_link(self, "scope");
  const Atom g1{"g1"};
  const Atom g2{"g2"};
  const Pid pid = spawn(
      [](Process& member, Pid parent, Atom one, Atom two) -> Async<> {
        co_await PG::join(member, "scope", one, member.pid());
        co_await PG::join(member, "scope", two, member.pid());
        co_await PG::join(member, "scope", one, member.pid());
        co_await PG::join(member, "scope", one, parent);
        send(parent, Ready{});
        co_await member.receive<Stop>();
        member.exit("crash");
      },
      self.pid(), g1, g2);
  co_await self.receive<Ready>();
  const auto lengths = [&] {
    return list({length(PG::get_members("scope", g1)), length(PG::get_members("scope", g2))});
  };
  p("before", lengths());
  send(pid, Stop{});
  co_await until(
      self, [&]() -> Async<bool> { co_return PG::which_groups("scope") == std::vector<Term>{g1}; });
  p("after", lengths());
  p("me_left", PG::get_members("scope", g1) == std::vector{self.pid()});
}

constexpr Scenario scenarios[] = {
    {"206-registry-pg-groups", s206_registry_pg_groups},
    {"207-registry-pg-death", s207_registry_pg_death},
};

}  // namespace

std::span<const Scenario> group_scenarios() { return scenarios; }

}  // namespace troupe::conformance
