// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <gtest/gtest.h>

#include <troupe/runtime.hpp>
#include <troupe/simulation.hpp>

namespace troupe::test {

struct NamedExecution {
  const char* name;
  Execution execution;
  unsigned workers;
};

// Every way to run processes that a test has to hold on.
inline constexpr NamedExecution every_execution[] = {
    {"one thread, no workers", Execution::single, 1},
    {"one worker", Execution::threads, 1},
    {"two workers", Execution::threads, 2},
};

inline RuntimeOptions options_of(const NamedExecution& how) {
  RuntimeOptions options;
  options.execution = how.execution;
  options.workers = how.workers;
  options.max_processes = 1'048'576;
  return options;
}

inline constexpr std::uint64_t simulated_seeds = 3;

// As on_every_executor without the simulator: for tests that are about size.
template <class F>
void on_real_executors(F body) {
  for (const NamedExecution& how : every_execution) {
    SCOPED_TRACE(how.name);
    Runtime runtime{options_of(how)};
    auto result = runtime.try_run(body);
    EXPECT_TRUE(result.has_value())
        << "main ended with " << (result ? std::string{} : result.error().to_string());
  }
}

// Runs `body(self)` in a simulation per seed, from 1 on.
template <class F>
void on_simulated_seeds(std::uint64_t seeds, F body) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("simulated, seed " + std::to_string(seed));
    Simulation simulation{{.seed = seed}};
    auto result = simulation.runtime().try_run(body);
    EXPECT_TRUE(result.has_value())
        << "main ended with " << (result ? std::string{} : result.error().to_string());
  }
}

// Runs `body(self)`, a process body that may return anything, as the main process of a fresh
// runtime on every executor: threads, one thread, and the simulator with a few seeds. The test
// fails where main ends by another reason than returning. EXPECT_... may be used inside; ASSERT_...
// returns and is no use in a coroutine.
template <class F>
void on_every_executor(F body) {
  on_real_executors(body);
  on_simulated_seeds(simulated_seeds, body);
}

}  // namespace troupe::test
