// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A list mapped in parallel: one task per element, at most ten at once, results in the order of the
// input. What the course's stream gives are pairs {:ok, value}, and not the values that its
// sequential form gave.
#pragma once

#include <vector>

#include <troupe/task_stream.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace parallel_map {

// Something that takes a while.
inline Async<int> slow_square(Process& self, int n) {
  co_await self.sleep(10ms);
  co_return n* n;
}

template <class F>
Async<std::vector<int>> map(Process& self, std::vector<int> inputs, F f, unsigned at_once = 10) {
  auto stream = async_stream(self, std::move(inputs), f, {.max_concurrency = at_once});
  std::vector<int> results;
  while (auto result = co_await stream.next()) results.push_back(result->value());
  co_return results;
}

}  // namespace parallel_map
