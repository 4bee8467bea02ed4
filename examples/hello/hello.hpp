// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Receiving: clauses by type, a guard, a stop, and a time limit. What each message leads to goes to
// `to` as a line of text, so that a test sees what a person would. The course's receives take one
// message each, and what comes second finds nobody; this one goes on until it is told to stop or
// hears nothing.
#pragma once

#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace hello {

struct Hello {
  std::string name;
};
struct Payment {
  int amount;
};
struct Shutdown {};

inline Async<> receiver(Process& self, Pid to) {
  while (co_await self.receive(
      [&](Hello m) {
        send(to, "Hello, " + m.name + "!");
        return true;
      },
      when([](const Payment& m) { return m.amount > 0; },
           [&](Payment m) {
             send(to, "paid " + std::to_string(m.amount));
             return true;
           }),
      [&](Shutdown) {
        send(to, "Shutting down...");
        return false;
      },
      after(5s, [&] {
        send(to, "No message received in 5 seconds");
        return false;
      }))) {
  }
}

}  // namespace hello
