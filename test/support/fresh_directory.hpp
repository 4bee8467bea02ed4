// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "support/on_every_executor.hpp"
#include "support/scratch_directory.hpp"

namespace troupe::test {

// `start(self, directory)`, then `body(self)`, on each executor of real time with a new directory:
// for systems that keep files.
template <class Start, class F>
void in_a_fresh_directory(Start start, F body) {
  for_every_runtime([&](Runtime& runtime) {
    const ScratchDirectory directory;
    expect_to_return(runtime, [&](Process& self) -> Async<> {
      co_await start(self, directory.path());
      co_await body(self);
    });
  });
}

}  // namespace troupe::test
