// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include <troupe/troupe.hpp>

#include "expiry/expiry_wheel.hpp"

namespace greenroom {

// The moments at which sessions fall due, entered by their processes from any thread.
//
// A session is entered with a moment at or before its deadline, and enters itself again when it is
// told too early: so EXPIRE, which most web requests send, changes a number in the session and
// nothing here.
class ExpiryClock {
 public:
  // What a session is told when its moment has come.
  struct Due {
    std::int64_t due_ms;  // as it was entered
  };

  void arm(std::int64_t due_ms, troupe::Pid session);
  // Many at once: those who load shards would wait for each other's places otherwise.
  void arm(std::span<const ExpiryWheel::Entry> entries);
  std::size_t size() const;

  // The process that tells them; after a restart its successor goes on with what is entered.
  static troupe::Async<> run(troupe::Process& self, ExpiryClock& clock);

 private:
  // Somebody is due before the clock would look again.
  struct Earlier {};

  mutable std::mutex lock_;
  ExpiryWheel wheel_;
  std::int64_t looks_at_ms_ = 0;  // when the process looks next; never: when it is told
  troupe::Pid process_;
};

// A pointer that a process may carry: the clock outlives it.
struct ExpiryClockRef {
  ExpiryClock* clock = nullptr;
};
troupe::Async<> expiry_clock(troupe::Process& self, ExpiryClockRef clock);

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::ExpiryClockRef> = true;
