// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <unordered_set>

#include <troupe/simulation.hpp>

#include "sim/sim_executor.hpp"

namespace troupe {

namespace {

// A simulation is one of many: it must not touch address space for millions of processes.
constexpr std::uint32_t simulated_processes = 1u << 20;

}  // namespace

Simulation::Simulation(SimulationOptions options)
    : executor_{std::make_unique<detail::SimExecutor>(options)} {
  add_node("node1@simulation");
}

Simulation::~Simulation() = default;

Runtime& Simulation::add_node(std::string name) {
  RuntimeOptions options;
  options.name = std::move(name);
  options.max_processes = simulated_processes;
  options.executor = executor_.get();
  return runtimes_.emplace_back(std::move(options));
}

Duration Simulation::elapsed() const noexcept { return Duration{executor_->now_ns()}; }
void Simulation::shift_system_time(Duration by) noexcept { executor_->shift_calendar(by.count()); }
std::uint64_t Simulation::steps() const noexcept { return executor_->steps(); }
std::uint64_t Simulation::schedule() const noexcept { return executor_->schedule(); }

Exploration detail::explore(std::uint64_t first_seed, std::uint64_t runs,
                            ExitReason (*run)(Runtime&, void*), void* context) {
  Exploration exploration;
  std::unordered_set<std::uint64_t> schedules;
  for (std::uint64_t seed = first_seed; seed < first_seed + runs; ++seed) {
    Simulation simulation{{.seed = seed}};
    ExitReason reason = run(simulation.runtime(), context);
    ++exploration.runs;
    schedules.insert(simulation.schedule());
    if (reason.is_orderly()) continue;
    if (exploration.failures++ == 0) {
      exploration.first_failing_seed = seed;
      exploration.first_failure = std::move(reason);
    }
  }
  exploration.distinct_schedules = schedules.size();
  return exploration;
}

}  // namespace troupe
