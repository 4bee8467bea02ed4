// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "expiry/expiry_clock.hpp"

#include <algorithm>

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// Told in one go, then the others of this worker have their turn.
constexpr std::size_t told_at_once = 256;
// The calendar may be set while the clock sleeps: it looks at least so often while there is anybody
// to tell.
constexpr std::int64_t longest_sleep_ms = 1'000;

}  // namespace

void ExpiryClock::arm(std::int64_t due_ms, Pid session) {
  const ExpiryWheel::Entry entry{due_ms, session};
  arm(std::span{&entry, 1});
}

void ExpiryClock::arm(std::span<const ExpiryWheel::Entry> entries) {
  Pid wake;
  {
    const std::lock_guard guard{lock_};
    for (const ExpiryWheel::Entry& entry : entries) {
      wheel_.add(entry);
      if (entry.due_ms() >= looks_at_ms_) continue;
      looks_at_ms_ = entry.due_ms();
      wake = process_;
    }
  }
  if (wake) send(wake, Earlier{});
}

std::size_t ExpiryClock::size() const {
  const std::lock_guard guard{lock_};
  return wheel_.size();
}

Async<> ExpiryClock::run(Process& self, ExpiryClock& clock) {
  std::vector<ExpiryWheel::Entry> due;
  {
    const std::lock_guard guard{clock.lock_};
    clock.process_ = self.pid();
  }
  while (true) {
    due.clear();
    const std::int64_t now_ms = self.system_time() / 1ms;
    bool is_more = false;
    std::int64_t sleep_ms = ExpiryWheel::never;
    {
      const std::lock_guard guard{clock.lock_};
      is_more = clock.wheel_.take_due(now_ms, told_at_once, due);
      const std::int64_t next_ms = clock.wheel_.next_ms();
      clock.looks_at_ms_ = next_ms;
      if (next_ms != ExpiryWheel::never) {
        sleep_ms = std::clamp<std::int64_t>(next_ms - now_ms, 0, longest_sleep_ms);
      }
    }
    for (const ExpiryWheel::Entry& entry : due) send(entry.session(), Due{entry.due_ms()});
    if (is_more) {
      co_await self.yield();
      continue;
    }
    const bool is_idle = sleep_ms == ExpiryWheel::never;
    (void)co_await self.receive<Earlier>(is_idle ? infinity : std::chrono::milliseconds{sleep_ms});
  }
}

Async<> expiry_clock(Process& self, ExpiryClockRef clock) {
  co_await ExpiryClock::run(self, *clock.clock);
}

}  // namespace greenroom
