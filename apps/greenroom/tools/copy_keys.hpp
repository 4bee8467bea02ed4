// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include "tools/redis_url.hpp"

namespace greenroom {

// `greenroom import` and `greenroom export`: from one server that speaks Redis' protocol to
// another, both running. Import is how one comes, export how one leaves.
struct CopyOptions {
  RedisUrl from;
  RedisUrl to;
  std::string match = "*";
  bool keep_existing = false;  // keys that are there at the destination stay as they are
  bool dry_run = false;        // read and count only
};

// Copies strings, hashes and sets with what is left of their time to live; other types are counted
// and named. Keys that change meanwhile come as they were when they were read, keys that come or go
// meanwhile may or may not: stop the writers first where that matters. The program's exit code: 0;
// 1 if it could not go on; 2 if it went through and left something out.
int copy_keys(const CopyOptions& options);

}  // namespace greenroom
