// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <utility>

#include <troupe/process.hpp>

namespace troupe::detail {

// Messages that wait for a receiver, oldest first.
class WaitingMail {
 public:
  WaitingMail() noexcept = default;
  explicit WaitingMail(Envelope* first) noexcept : first_{first} {}
  WaitingMail(WaitingMail&& other) noexcept : first_{std::exchange(other.first_, nullptr)} {}
  WaitingMail& operator=(WaitingMail&& other) noexcept {
    std::swap(first_, other.first_);
    return *this;
  }
  ~WaitingMail();

  bool is_empty() const noexcept { return !first_; }
  // Those of `later` come after those that are here.
  void append(WaitingMail later) noexcept;
  // Sends them, in order, but for Exit and Down, which were about the process that did not get
  // them.
  void deliver_to(Pid pid) noexcept;

 private:
  Envelope* first_ = nullptr;
};

// What the heir of a process gets, before any EXIT and DOWN, when it has ended with messages
// unread.
struct Bequest {
  Pid from;
  WaitingMail mail;
};

// From now on, whatever ends the running process, what it has not received then goes to `heir`:
// messages only; calls are answered with its end as ever.
void bequeath_mailbox(Process& self, Pid heir);

}  // namespace troupe::detail

namespace troupe {
template <>
inline constexpr bool enable_message<detail::Bequest> = true;
}  // namespace troupe
