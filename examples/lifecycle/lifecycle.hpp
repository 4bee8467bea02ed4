// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The life of a GenServer, told by itself: constructor and init, a call, a cast, a plain message,
// and terminate. Every step goes to `tell` as a word. In the course's picture every life ends with
// terminate; that of a server that is killed does not, and no server may count on it.
#pragma once

#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace lifecycle {

struct Teller : GenServer<Teller> {
  struct GetValue {
    using Reply = int;
  };
  struct SetValue {
    int value;
  };
  struct Tick {};
  using Info = troupe::Messages<Tick>;

  explicit Teller(Pid tell) : tell_{tell} { send(tell_, "constructor"); }
  Async<Init> init(Process&) {
    send(tell_, "init");
    co_return Init::ok();
  }
  int handle_call(GetValue) {
    send(tell_, "call");
    return value_;
  }
  void handle_cast(SetValue m) {
    send(tell_, "cast");
    value_ = m.value;
  }
  void handle_info(Tick) { send(tell_, "info"); }
  void terminate(ExitReason reason) { send(tell_, "terminate: " + reason.to_string()); }

 private:
  Pid tell_;
  int value_ = 0;
};

}  // namespace lifecycle
