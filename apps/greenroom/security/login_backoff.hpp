// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <troupe/duration.hpp>

namespace greenroom {

// Slows down who guesses passwords: after `free_attempts` wrong ones from an address, each further
// one has to wait twice as long as the one before, up to `longest`. A right password forgets the
// address. Addresses are remembered up to `max_addresses`, the longest unseen is forgotten first,
// so that a flood of addresses costs no more memory.
//
// By address and not by user: otherwise a stranger could lock a user out.
class LoginBackoff {
 public:
  static constexpr unsigned free_attempts = 5;
  static constexpr troupe::Duration first = std::chrono::milliseconds{500};
  static constexpr troupe::Duration longest = std::chrono::minutes{2};
  static constexpr std::size_t max_addresses = 10'000;

  // How long this address has still to wait at `now` (a monotonic clock); zero: it may try.
  troupe::Duration wait_of(std::string_view address, troupe::Duration now) const;
  void note_failure(std::string_view address, troupe::Duration now);
  void note_success(std::string_view address);

 private:
  struct Entry {
    std::string address;
    unsigned failures = 0;
    troupe::Duration until{0};
  };
  using Order = std::list<Entry>;

  mutable std::mutex lock_;
  Order order_;  // the one seen last is in front
  std::unordered_map<std::string_view, Order::iterator> by_address_;  // views into order_
};

}  // namespace greenroom
