// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 4.
#pragma once

#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

// Runs `body` in a process of its own until it ends normally, at most `tries` times. How often it
// ran, or nothing: it never did.
template <class F>
Async<std::optional<int>> retry(Process& self, F body, int tries) {
  for (int n = 1; n <= tries; ++n) {
    const auto [pid, ref] = spawn_monitor(body, n);
    const Down down = co_await self.receive(
        when([ref](const Down& m) { return m.ref == ref; }, [](Down m) { return m; }));
    if (down.reason.is_normal()) co_return n;
  }
  co_return std::nullopt;
}

}  // namespace exercises
