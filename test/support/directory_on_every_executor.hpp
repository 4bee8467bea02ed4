// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <gtest/gtest.h>
#include <string>

#include "support/on_every_executor.hpp"
#include "support/scratch_directory.hpp"

namespace troupe::test {

// `body(self, directory)` as the main process of this runtime, with an empty directory that is gone
// after the run.
template <class F>
void run_with_a_directory(Runtime& runtime, F body) {
  const ScratchDirectory directory;
  const auto result =
      runtime.try_run([](Process& self, F then,
                         std::string where) -> Async<> { co_await then(self, std::move(where)); },
                      body, directory.path());
  EXPECT_TRUE(result.has_value()) << "main ended with "
                                  << (result ? std::string{} : result.error().to_string());
}

// For each of TROUPE_SEEDS seeds. The disk itself is real: of it, only when it answers is
// simulated.
template <class F>
void with_a_directory_on_every_seed(F body) {
  const std::uint64_t only = number_from_environment("TROUPE_SEED", 0);
  const std::uint64_t last = only != 0 ? only : number_from_environment("TROUPE_SEEDS", 20);
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
    const bool failed_before = testing::Test::HasFailure();
    Simulation simulation{{.seed = seed}};
    run_with_a_directory(simulation.runtime(), body);
    if (!failed_before && testing::Test::HasFailure()) {
      ADD_FAILURE() << "simulated with seed " << seed << "; TROUPE_SEED=" << seed
                    << " runs it again";
      return;
    }
  }
}

template <class F>
void with_a_directory_on_every_executor(F body) {
  for_every_runtime([&](Runtime& runtime) { run_with_a_directory(runtime, body); });
  with_a_directory_on_every_seed(body);
}

}  // namespace troupe::test
