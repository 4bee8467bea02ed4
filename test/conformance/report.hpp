// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "conformance/execution.hpp"

namespace troupe::conformance {

struct SuiteOptions {
  std::filesystem::path expected;         // the folder of the traces
  std::vector<ExecutorChoice> executors;  // to run on
  std::string filter;                     // part of a scenario's name; empty: all
  std::uint64_t first_seed = 1;           // of the simulator
  std::uint64_t seeds = 200;              // how many of them, each scenario
  unsigned at_once = 16;                  // scenarios that run in real time side by side
};

// Runs the scenarios on every executor, compares what they print with the expected traces, and
// prints the differences, how to see each again, and the count. True if all are as they should be.
bool run_suite(const SuiteOptions& options);

// The lines of an expected trace; nothing if there is no such file.
std::optional<std::vector<std::string>> read_trace(const std::filesystem::path& file);

// What differs, as lines that begin with `-` (expected) or `+` (printed) where they do.
std::string diff(const std::vector<std::string>& expected, const std::vector<std::string>& printed);

}  // namespace troupe::conformance
