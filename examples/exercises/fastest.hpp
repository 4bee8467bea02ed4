// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 7.
#pragma once

#include <vector>

#include <troupe/task.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

// The first result of several tasks; the others are ended.
template <class R>
Async<std::optional<R>> fastest(Process& self, std::vector<TaskRef<R>> tasks, Duration timeout) {
  const Duration end = self.monotonic_time() + timeout;
  while (self.monotonic_time() < end) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      auto outcome = co_await Task::yield(self, tasks[i], std::chrono::milliseconds{1});
      if (!outcome || !*outcome) continue;
      for (std::size_t other = 0; other < tasks.size(); ++other) {
        if (other != i) co_await Task::shutdown(self, tasks[other]);
      }
      co_return std::move(**outcome);
    }
  }
  for (auto& task : tasks) co_await Task::shutdown(self, task);
  co_return std::nullopt;
}

}  // namespace exercises
