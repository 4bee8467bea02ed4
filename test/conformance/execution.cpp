// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "conformance/execution.hpp"

#include <chrono>
#include <utility>

#include <troupe/runtime.hpp>
#include <troupe/simulation.hpp>

#include "conformance/support.hpp"
#include "conformance/trace.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

using Body = Async<> (*)(Process&);

// The longest scenario takes less than two seconds of its own time.
constexpr Duration time_limit = 10s;

// Runs the scenario as a process of its own, so that its end, however it comes, is an observation.
Async<> guard(Process& self, Body body) {
  const auto [pid, ref] = spawn_monitor(body);
  const auto down = co_await self.receive<Down>(time_limit);
  if (!down) {
    p("timed_out");
    exit(pid, "kill");
  } else if (!down->reason.is_normal()) {
    p("main_ended_with", norm(down->reason));
  }
}

std::vector<std::string> run_in(Runtime& runtime, Body body) {
  Trace trace;
  const TraceScope scope{runtime, trace};
  const auto outcome = runtime.try_run(guard, body);
  if (!outcome) trace.add("guard_ended_with " + to_erlang(outcome.error().term()));
  return trace.lines();
}

std::vector<std::string> run_simulated(std::uint64_t seed, Body body) {
  Simulation simulation{SimulationOptions{.seed = seed}};
  return run_in(simulation.runtime(), body);
}

}  // namespace

std::optional<ExecutorChoice> executor_named(std::string_view name) {
  for (const ExecutorChoice& executor : executors) {
    if (executor.name == name) return executor;
  }
  return std::nullopt;
}

std::vector<std::string> run_scenario(const Scenario& scenario, const ExecutorChoice& executor,
                                      std::uint64_t seed) {
  if (executor.kind == ExecutorKind::simulated) return run_simulated(seed, scenario.body);
  Runtime runtime{RuntimeOptions{
      .execution = executor.kind == ExecutorKind::single ? Execution::single : Execution::threads,
      .workers = executor.workers,
      // Many runtimes at a time share the address space.
      .max_processes = 1'048'576,
      // What a scenario leaves behind may trap exits and has nothing to do before it ends.
      .shutdown_grace = 20ms}};
  return run_in(runtime, scenario.body);
}

}  // namespace troupe::conformance
