// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A counter as a GenServer: calls typed by their messages, casts, and a crash after which the
// supervisor starts a fresh one. The courses' have their own name built in, so that there can be
// one only, and nobody restarts them; here the name is given by whoever starts one.
#pragma once

#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace counter_server {

struct Counter : GenServer<Counter> {
  struct Get {
    using Reply = int;
  };
  struct IncrementBy {
    int n;
    using Reply = int;
  };
  struct Increment {};
  struct Break {};

  explicit Counter(int start = 0) : value{start} {}
  int handle_call(Get) { return value; }
  int handle_call(IncrementBy m) { return value += m.n; }
  void handle_cast(Increment) { ++value; }
  void handle_cast(Break) { throw std::runtime_error("broken on purpose"); }

  int value;
};

}  // namespace counter_server
