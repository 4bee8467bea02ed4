// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "security/login_backoff.hpp"

#include <algorithm>

namespace greenroom {

using troupe::Duration;

Duration LoginBackoff::wait_of(std::string_view address, Duration now) const {
  const std::lock_guard guard{lock_};
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return Duration::zero();
  return std::max(found->second->until - now, Duration::zero());
}

void LoginBackoff::note_failure(std::string_view address, Duration now) {
  const std::lock_guard guard{lock_};
  const auto found = by_address_.find(address);
  if (found != by_address_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (order_.size() >= max_addresses) {
      by_address_.erase(order_.back().address);
      order_.pop_back();
    }
    order_.push_front(Entry{std::string{address}});
    by_address_.emplace(order_.front().address, order_.begin());
  }
  Entry& entry = order_.front();
  ++entry.failures;
  if (entry.failures <= free_attempts) return;
  const unsigned doublings = std::min(entry.failures - free_attempts - 1, 20u);
  entry.until = now + std::min<Duration>(first * (1u << doublings), longest);
}

void LoginBackoff::note_success(std::string_view address) {
  const std::lock_guard guard{lock_};
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return;
  const auto entry = found->second;
  by_address_.erase(found);
  order_.erase(entry);
}

}  // namespace greenroom
