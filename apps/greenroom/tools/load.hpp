// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <troupe/duration.hpp>

#include "tools/redis_url.hpp"

namespace greenroom {

// `greenroom bench`: what web sessions do to a server that speaks Redis' protocol, at a fixed rate.
//
// Open loop: requests are due at moments that were fixed beforehand, whatever the server does, and
// a latency is counted from the moment a request was due, not from when it could be sent. A closed
// loop sends less while the server is slow and so leaves its worst moments out of the figures
// (coordinated omission).
//
// One web request is: GET of a session, then in 80 of 100 EXPIRE (touch) and in 20 SET with EX
// (save); in 2 of 100 a session is made instead, in 1 of 100 one is destroyed. Which session: by
// Zipf's law with exponent 1. Values: 200 B to 4 KB, small ones more often.
struct LoadOptions {
  std::vector<RedisUrl> targets;  // one after the other, with the same load
  double rate = 10'000;           // commands a second
  unsigned connections = 50;
  troupe::Duration duration = std::chrono::seconds{10};
  troupe::Duration warm_up = std::chrono::seconds{2};
  std::uint64_t sessions = 100'000;
  std::uint64_t seed = 1;
  std::string output;  // directory for bench.md and bench.svg; empty: only the table on stdout
};

// The program's exit code: 0; 1 if a target could not be reached or answered with errors.
int run_load(const LoadOptions& options);

}  // namespace greenroom
