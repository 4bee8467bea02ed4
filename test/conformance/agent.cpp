// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Agents (228 to 233).
#include <troupe/agent.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

using Number = Agent<int>;

int value(const int& n) { return n; }

Async<> s228_agent_basics(Process& self) {
  const auto agent = co_await Number::start_link(self, 10);
  p("get", co_await Number::get(self, agent, [](const int& n) { return n * 2; }));
  const Term update =
      co_await catch_exit([&] { return Number::update(self, agent, [](int& n) { n += 1; }); });
  p("update", update[1]);
  p("get_and_update", co_await Number::get_and_update(self, agent, [](int& n) {
      n *= 10;
      return atom("old_was");
    }));
  p("cast", ok([&] { Number::cast(agent, [](int& n) { n += 5; }); }));
  p("get_after_cast", co_await Number::get(self, agent, value));
  p("stop", co_await ok(stop(self, agent)));
  p("get_after_stop", co_await catch_exit([&] { return Number::get(self, agent, value); }));
}

Async<> s229_agent_runs_in_the_agent(Process& self) {
  using Identity = Agent<Pid>;
  const auto running = [] { return troupe::detail::current_process()->pid(); };
  const auto agent = co_await Identity::start_link(self, running);
  p("init_in_agent", co_await Identity::get(self, agent, [](const Pid& made_by) {
      return made_by == troupe::detail::current_process()->pid();
    }));
  const Pid ran_in = co_await Identity::get(
      self, agent, [](const Pid&) { return troupe::detail::current_process()->pid(); });
  p("not_in_caller", ran_in == agent.pid());
  co_await Identity::update(self, agent,
                            [](Pid&) { troupe::detail::current_process()->put(atom("k"), 1); });
  const Term in_agent = co_await Identity::get(self, agent, [](const Pid&) {
    return or_nil(troupe::detail::current_process()->get(atom("k")));
  });
  p("dictionary", tuple({in_agent, or_nil(self.get(atom("k")))}));
}

Async<> s230_agent_crash(Process& self) {
  const auto first = co_await Number::start(self, 0);
  const Ref first_ref = self.monitor(first.pid());
  p("caller", co_await catch_exit([&] {
      return Number::get(self, first,
                         [](const int&) -> int { throw ErrorException{atom("boom")}; });
    }));
  p("agent", co_await wait(self, first_ref));
  const auto second = co_await Number::start(self, 0);
  const Ref second_ref = self.monitor(second.pid());
  p("cast", ok([&] { Number::cast(second, [](int&) { throw ExitException{"out"}; }); }));
  p("agent", co_await wait(self, second_ref));
  const auto failed =
      co_await Number::try_start(self, []() -> int { throw ErrorException{atom("bad_init")}; });
  p("start", to_term(failed));
}

Async<> s231_agent_timeout(Process& self) {
  const auto agent = co_await Number::start(self, 0);
  const auto slow = [](Process& me, int& n) -> Async<> {
    co_await me.sleep(150ms);
    ++n;
  };
  p("update", co_await catch_exit([&] { return Number::update_within(self, 30ms, agent, slow); }));
  p("state_later", co_await Number::get(self, agent, value));
  p("mailbox", co_await msgs(self));
}

Async<> s232_agent_bad_return(Process& self) {
  const auto agent = co_await Number::start(self, 0);
  const Ref ref = self.monitor(agent.pid());
  // In Elixir the function returns no pair. Here its type decides what it returns, and a thrown
  // term is, as there, what stands for a return value that is none.
  const Term exited = co_await catch_exit([&] {
    return Number::get_and_update(self, agent,
                                  [](int&) -> int { throw ThrownException{atom("not_a_pair")}; });
  });
  p("caller", exited[1]);
  p("agent", co_await wait(self, ref));
}

Async<> s233_agent_concurrent_updates(Process& self) {
  const auto agent = co_await Number::start_link(self, 0);
  std::vector<Ref> refs;
  for (int i = 0; i < 100; ++i) {
    refs.push_back(spawn_monitor(
                       [](Process& me, ServerRef<Number> to) -> Async<> {
                         for (int n = 0; n < 20; ++n) {
                           co_await Number::update(me, to, [](int& sum) { ++sum; });
                         }
                       },
                       agent)
                       .ref);
  }
  std::vector<Term> reasons;
  for (const Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("workers", uniq(reasons));
  p("total", co_await Number::get(self, agent, value));
}

constexpr Scenario scenarios[] = {
    {"228-agent-basics", s228_agent_basics},
    {"229-agent-runs-in-the-agent", s229_agent_runs_in_the_agent},
    {"230-agent-crash", s230_agent_crash},
    {"231-agent-timeout", s231_agent_timeout},
    {"232-agent-bad-return", s232_agent_bad_return},
    {"233-agent-concurrent-updates", s233_agent_concurrent_updates},
};

}  // namespace

std::span<const Scenario> agent_scenarios() { return scenarios; }

}  // namespace troupe::conformance
