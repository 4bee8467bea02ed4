// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Tasks: work in a process of its own whose result is awaited; several at once take as long as the
// longest. The course does not say what becomes of one that is too slow: the await gives up after
// its time, and who does not catch that ends with it.
#pragma once

#include <string>
#include <vector>

#include <troupe/task.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace tasks {

inline Async<std::string> slow_work(Process& self, Duration time, std::string result) {
  co_await self.sleep(time);
  co_return result;
}

inline Async<std::vector<std::string>> five_at_once(Process& self, Duration step = 100ms) {
  std::vector<TaskRef<std::string>> running;
  for (int i = 1; i <= 5; ++i) {
    running.push_back(
        Task::async(self, slow_work, i * step, "Task " + std::to_string(i) + " done"));
  }
  co_return co_await Task::await_many(self, std::move(running));
}

}  // namespace tasks
