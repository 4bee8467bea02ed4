// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <unordered_set>

#include <troupe/runtime.hpp>
#include <troupe/simulation.hpp>

namespace troupe::test {

// A runtime test is one body that has to hold on every executor: worker threads, one thread, and
// the simulator, where it runs once for each of TROUPE_SEEDS seeds (20 unless told otherwise). A
// failure in the simulator names its seed, and TROUPE_SEED runs that one alone.
//
// The body runs many times: what it shares with the test around it must allow that. EXPECT_... may
// be used inside; ASSERT_... returns and is no use in a coroutine.

struct NamedExecution {
  const char* name;
  Execution execution;
  unsigned workers;
};

inline constexpr NamedExecution every_execution[] = {
    {"one thread, no workers", Execution::single, 1},
    {"one worker", Execution::threads, 1},
    {"two workers", Execution::threads, 2},
    {"four workers", Execution::threads, 4},
};

inline RuntimeOptions options_of(const NamedExecution& how) {
  RuntimeOptions options;
  options.execution = how.execution;
  options.workers = how.workers;
  options.max_processes = 1'048'576;
  return options;
}

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// How many schedules the simulated runs of a test took, in its report as distinct_schedules.
class Schedules {
 public:
  Schedules() = default;
  Schedules(const Schedules&) = delete;
  ~Schedules() {
    testing::Test::RecordProperty("simulated_runs", std::to_string(runs_));
    testing::Test::RecordProperty("distinct_schedules", std::to_string(seen_.size()));
    if (std::getenv("TROUPE_SHOW_SCHEDULES")) {
      std::printf("%llu simulated runs, %zu distinct schedules\n",
                  static_cast<unsigned long long>(runs_), seen_.size());
    }
  }
  void note(const Simulation& simulation) {
    ++runs_;
    seen_.insert(simulation.schedule());
  }

 private:
  std::uint64_t runs_ = 0;
  std::unordered_set<std::uint64_t> seen_;
};

template <class F>
void expect_to_return(Runtime& runtime, F body) {
  auto result = runtime.try_run(body);
  EXPECT_TRUE(result.has_value()) << "main ended with "
                                  << (result ? std::string{} : result.error().to_string());
}

// `body(self)` as the main process of a fresh runtime of real time, on every executor of those.
template <class F>
void on_real_executors(F body) {
  for (const NamedExecution& how : every_execution) {
    SCOPED_TRACE(how.name);
    const bool failed_before = testing::Test::HasFailure();
    Runtime runtime{options_of(how)};
    expect_to_return(runtime, body);
    // What failed on a worker's thread knew nothing of the trace.
    if (!failed_before && testing::Test::HasFailure()) ADD_FAILURE() << "on " << how.name;
  }
}

// `body(self)` on two workers only: for bodies that are long because they are large.
template <class F>
void on_two_workers(F body) {
  Runtime runtime{options_of({"two workers", Execution::threads, 2})};
  expect_to_return(runtime, body);
}

// `body(self)` once for each seed; stops at the first that fails. The first seed runs twice,
// because the same seed must give the same schedule.
template <class F>
void on_every_seed(F body, std::uint64_t default_seeds = 20) {
  const std::uint64_t only = number_from_environment("TROUPE_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t count =
      only != 0 ? 1 : number_from_environment("TROUPE_SEEDS", default_seeds);
  Schedules schedules;
  std::uint64_t schedule_of_first = 0;
  for (std::uint64_t run = 0; run <= count; ++run) {
    const std::uint64_t seed = run < count ? first + run : first;
    const bool failed_before = testing::Test::HasFailure();
    Simulation simulation{{.seed = seed}};
    expect_to_return(simulation.runtime(), body);
    schedules.note(simulation);
    if (run == 0) schedule_of_first = simulation.schedule();
    if (run == count) {
      EXPECT_EQ(schedule_of_first, simulation.schedule()) << "the same seed, another schedule";
    }
    if (!failed_before && testing::Test::HasFailure()) {
      ADD_FAILURE() << "simulated with seed " << seed << "; TROUPE_SEED=" << seed
                    << " runs it again";
      return;
    }
  }
}

template <class F>
void on_every_executor(F body) {
  on_real_executors(body);
  on_every_seed(body);
}

// `test(runtime)` on this thread, outside of every process, for each executor of real time.
template <class F>
void for_every_runtime(F test) {
  for (const NamedExecution& how : every_execution) {
    SCOPED_TRACE(how.name);
    Runtime runtime{options_of(how)};
    test(runtime);
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

}  // namespace troupe::test
