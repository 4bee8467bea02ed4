// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <troupe/store_pool.hpp>
#include <troupe/stored_value.hpp>

namespace troupe {

// What becomes of ticks that were due while nobody kept the time: the program was down, or the
// machine asleep.
enum class MissedTicks : std::uint8_t {
  once,  // one tick for all of them, which says how many there were
  all,   // a tick for each, at most max_missed_ticks; the last says how many more there were
  skip,  // none; a timer that was to fire once is forgotten
};
inline constexpr std::uint32_t max_missed_ticks = 1'000;

struct DurableTimer {
  std::string name;  // unique in its DurableTimers: setting it again replaces it
  Atom to;           // the registered name of whoever gets the ticks
  Term message;
  Duration at{};     // when it is due, first: system time since 1970
  Duration every{};  // zero: once
  MissedTicks missed = MissedTicks::once;
};

// What arrives at the receiver.
struct DurableTick {
  std::string timer;
  Term message;
  Duration due{};            // when it should have come: system time since 1970
  std::uint32_t missed = 0;  // ticks that were left out before this one
};

// Timers that survive a restart: a server that keeps them in a store, and sends a DurableTick to a
// registered name when one is due.
//
//     children(pool.child(open), DurableTimers::child("timers", pool),
//              child<Mailer>().named("mailer"))
//
//     DurableTimer digest{.name = "digest", .to = Atom{"mailer"}, .message = atom("send_digest"),
//                         .at = self.system_time() + 1h, .every = 24h};
//     auto set = co_await DurableTimers::set(self, "timers", digest);  // durable when this returns
//
// A tick is sent at least once: it is struck off only after it was sent, so a crash in between
// sends it again. While nobody has the receiver's name, the timer waits and tries every second.
// Time is the calendar's: when the clock is set, timers follow within a minute.
class DurableTimers {
 public:
  // Registered as `name`; keys in the pool begin with `prefix`.
  static ChildSpec child(Name name, storage::StorePool pool, std::string prefix = "timer:");

  // Throws CallException if the server is not there, ErrorException{badarg} if `every` is negative.
  static Async<storage::Result<void>> set(Process& self, Name timers, DurableTimer timer);
  // False: there was no such timer.
  static Async<storage::Result<bool>> cancel(Process& self, Name timers, std::string timer);
  // In the order of their names; `at` is when each is due next.
  static Async<std::vector<DurableTimer>> all(Process& self, Name timers);
};

}  // namespace troupe
