// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 3.
#pragma once

#include <optional>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

struct Push {
  int value;
};
struct Pop {
  Pid from;
};
using Popped = std::optional<int>;

// A stack as a process. Pop on an empty one answers nothing.
inline Async<> stack(Process& self) {
  std::vector<int> items;
  for (;;) {
    co_await self.receive([&](Push m) { items.push_back(m.value); },
                          [&](Pop m) {
                            Popped top;
                            if (!items.empty()) {
                              top = items.back();
                              items.pop_back();
                            }
                            send(m.from, top);
                          });
  }
}

}  // namespace exercises
