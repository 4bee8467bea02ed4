// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "differential/script.hpp"

namespace troupe::differential {

// Whether there is an `erl` to be asked.
bool has_erlang();

// Runs all scripts in one Erlang node with so many schedulers and gives their traces by seed;
// nothing if it failed.
std::optional<std::map<std::uint64_t, Observed>> run_on_erlang(const std::vector<Script>& scripts,
                                                               unsigned schedulers);

}  // namespace troupe::differential
