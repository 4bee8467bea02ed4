// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <vector>

#include "resp/server_facts.hpp"

namespace greenroom {

// What the statistics know beyond the counters that everybody adds to.
struct StatisticsReport {
  std::uint64_t commands_per_second = 0;
  std::vector<PopularSession> popular;  // the most popular first
};

}  // namespace greenroom
