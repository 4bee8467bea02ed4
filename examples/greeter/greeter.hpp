// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A process that greets, calculates, stops, and says so when it is sent what it does not know. The
// course's stops answering after a wrong operation, because its case crashes; here the compiler
// knows the operations.
#pragma once

#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace greeter {

enum class Operation { add, multiply, subtract };

struct Hello {
  std::string name;
};
struct Math {
  Operation operation;
  int a, b;
};
struct Stop {};

inline std::string result_of(const Math& m) {
  const auto line = [&](const char* name, int value) {
    return std::string{name} + "(" + std::to_string(m.a) + ", " + std::to_string(m.b) +
           ") = " + std::to_string(value);
  };
  switch (m.operation) {
    case Operation::add:
      return line("add", m.a + m.b);
    case Operation::multiply:
      return line("multiply", m.a * m.b);
    case Operation::subtract:
      return line("subtract", m.a - m.b);
  }
  return "no such operation";
}

// What it has to say goes to `to`, a line at a time.
inline Async<> receiver(Process& self, Pid to) {
  while (co_await self.receive(
      [&](Hello m) {
        send(to, "Hello, " + m.name + "!");
        return true;
      },
      [&](Math m) {
        send(to, result_of(m));
        return true;
      },
      [&](Stop) {
        send(to, "Stopping receiver");
        return false;
      },
      [&](Any other) {
        send(to, "Unknown message: " + std::string{other.type_name()});
        return true;
      })) {
  }
}

}  // namespace greeter
