// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>

namespace troupe::test {

// For what no event tells of: another thread's log, and that nothing happens.
inline void let_time_pass(std::chrono::nanoseconds time) {
  std::mutex lock;
  std::condition_variable never;
  std::unique_lock guard{lock};
  never.wait_for(guard, time, [] { return false; });
}

// How often threads of this program have gone to sleep.
inline std::uint64_t switches_of_this_program() {
  std::uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{task.path() / "status"};
    for (std::string line; std::getline(file, line);) {
      constexpr std::string_view key = "voluntary_ctxt_switches:";
      if (line.starts_with(key)) sum += std::stoull(line.substr(key.size()));
    }
  }
  return sum;
}

// The same in the quietest of some spans of 300 ms, until there is one in which nobody woke: this
// thread's own wait is left then, and what reading /proc may cost. The watchdog falls asleep after
// 100 ms, if the machine lets it run; one that did not would wake 60 times in each of these.
inline constexpr std::uint64_t switches_of_nobody = 5;
inline std::uint64_t fewest_switches() {
  std::uint64_t fewest = UINT64_MAX;
  for (int i = 0; i < 20 && fewest > switches_of_nobody; ++i) {
    const std::uint64_t before = switches_of_this_program();
    let_time_pass(std::chrono::milliseconds{300});
    fewest = std::min(fewest, switches_of_this_program() - before);
  }
  return fewest;
}

}  // namespace troupe::test
