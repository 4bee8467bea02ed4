// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string>

#include "tools/histogram.hpp"

namespace greenroom {

struct LoadResult {
  std::string target;
  double wanted_rate = 0;
  double seconds = 0;
  Histogram latencies;  // from the moment a command was due
  std::uint64_t errors = 0;
  std::string problem;
};

// A Markdown table, a line for each target.
std::string load_table(std::span<const LoadResult> results);
// Latency over the share of commands that had at most so much, a line for each target; both axes
// logarithmic, so that the worst of ten thousand is as visible as the middle.
std::string load_picture(std::span<const LoadResult> results);
// bench.md and bench.svg in the directory, which is made if need be.
bool write_report(const std::string& directory, const std::string& table,
                  std::span<const LoadResult> results);

}  // namespace greenroom
