// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <troupe/runtime.hpp>

namespace troupe {

namespace detail {
class SimExecutor;
}

struct SimulationOptions {
  std::uint64_t seed = 1;
  // Activations, timers and completions after which a run counts as one that never ends.
  std::uint64_t max_steps = 50'000'000;
};

// A world of its own: runtimes whose every choice comes from one seed. Which process runs next, how
// long each step takes, which of the due timers fires first, when blocking work and the network
// answer, all random bits: the same seed gives the same run, bit for bit. Time is virtual; when
// nobody can run it jumps to the next timer, so an hour of sleeping costs nothing.
//
//     Simulation simulation{{.seed = 42}};
//     auto result = simulation.runtime().try_run(body);
//
// A run in which everybody waits for ever ends with the reason `deadlock`. What is not simulated:
// what happens between two awaits of one process (nobody shares its data), threads of your own, and
// what blocking() calls do inside.
class Simulation {
 public:
  explicit Simulation(SimulationOptions options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;

  // The first node.
  Runtime& runtime() noexcept { return runtimes_.front(); }
  // One more node of the same world. Lives as long as the simulation.
  Runtime& add_node(std::string name);

  // Virtual time since the beginning.
  Duration elapsed() const noexcept;
  // Puts system_time() forward, or back, as somebody does who sets a machine's clock. Timers and
  // waits go by monotonic_time(), and stay as they are.
  void shift_system_time(Duration by) noexcept;
  // How many steps were taken, and a number that tells two schedules apart.
  std::uint64_t steps() const noexcept;
  std::uint64_t schedule() const noexcept;

 private:
  std::unique_ptr<detail::SimExecutor> executor_;
  std::deque<Runtime> runtimes_;
};

// What explore found.
struct Exploration {
  std::uint64_t runs = 0;
  std::uint64_t distinct_schedules = 0;
  std::uint64_t failures = 0;
  std::uint64_t first_failing_seed = 0;  // meaningful if failures > 0
  ExitReason first_failure;
};

namespace detail {
Exploration explore(std::uint64_t first_seed, std::uint64_t runs,
                    ExitReason (*run)(Runtime& runtime, void* context), void* context);
}

// Runs `body` once per seed, each time in a new simulation; a run fails if the body ends
// abnormally.
template <class F>
Exploration explore(std::uint64_t first_seed, std::uint64_t runs, F body) {
  return detail::explore(
      first_seed, runs,
      [](Runtime& runtime, void* context) -> ExitReason {
        auto result = runtime.try_run(*static_cast<F*>(context));
        return result ? ExitReason{} : result.error();
      },
      &body);
}

}  // namespace troupe
