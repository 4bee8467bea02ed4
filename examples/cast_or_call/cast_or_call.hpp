// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The same addition as a cast, which returns at once and promises nothing, and as a call, which
// returns when it is done. The course says that the total after two casts may lack them: not for
// the process that cast, because signals between two processes keep their order. What a cast does
// lack is back pressure, and news of a dead server.
#pragma once

#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace cast_or_call {

struct Sum : GenServer<Sum> {
  struct Add {
    int value;
    using Reply = void;
  };
  struct GetTotal {
    using Reply = int;
  };
  struct Operations {
    using Reply = std::vector<int>;
  };

  void handle_cast(Add m) { add(m.value); }
  void handle_call(Add m) { add(m.value); }
  int handle_call(GetTotal) { return total_; }
  std::vector<int> handle_call(Operations) { return operations_; }

 private:
  void add(int value) {
    total_ += value;
    operations_.push_back(value);
  }
  int total_ = 0;
  std::vector<int> operations_;
};

}  // namespace cast_or_call
