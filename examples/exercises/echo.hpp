// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 2.
#pragma once

#include <cctype>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace exercises {

struct Say {
  std::string text;
  Pid from;
};
struct Quit {};

// Sends back what it is told, in capitals if that ends in '!'; ends when told to, or after a minute
// of silence.
inline Async<> echo(Process& self) {
  while (co_await self.receive(
      when([](const Say& m) { return m.text.ends_with('!'); },
           [](Say m) {
             for (char& c : m.text) {
               c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
             }
             send(m.from, m.text);
             return true;
           }),
      [](Say m) {
        send(m.from, m.text);
        return true;
      },
      [](Quit) { return false; }, [](Any) { return true; }, after(1min, [] { return false; }))) {
  }
}

}  // namespace exercises
