// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/scenario.hpp"

namespace troupe::conformance {

// Who runs a scenario.
enum class ExecutorKind : std::uint8_t { threads, single, simulated };

struct ExecutorChoice {
  std::string_view name;  // as --executor spells it
  ExecutorKind kind;
  unsigned workers = 1;  // of threads
};

// Every executor a scenario has to behave the same on.
inline constexpr ExecutorChoice executors[] = {
    {"threads1", ExecutorKind::threads, 1}, {"threads2", ExecutorKind::threads, 2},
    {"threads4", ExecutorKind::threads, 4}, {"single", ExecutorKind::single},
    {"simulated", ExecutorKind::simulated},
};

std::optional<ExecutorChoice> executor_named(std::string_view name);

// Runs the scenario in a runtime of its own and gives the lines it has printed. Lines that no trace
// expects say what else went wrong: `timed_out`, `main_ended_with Reason`. The seed is the
// simulator's; the others take none.
std::vector<std::string> run_scenario(const Scenario& scenario, const ExecutorChoice& executor,
                                      std::uint64_t seed);

}  // namespace troupe::conformance
