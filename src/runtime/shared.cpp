// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <atomic>

#include <troupe/detail/shared.hpp>

namespace troupe::detail {

Counted::~Counted() = default;

void SharedCount::retain() const noexcept {
  // Relaxed, and without a partner: who copies an owner has one, so nobody destroys the thing now,
  // and an owner comes to another thread by what orders the two threads anyhow.
  std::atomic_ref{counted_->references_}.fetch_add(1, std::memory_order_relaxed);
}

void SharedCount::release() const noexcept {
  // Pairs with itself: the release of every other owner with the acquire of the last, so that all
  // that they did with the thing comes before its destruction.
  if (std::atomic_ref{counted_->references_}.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete counted_;
  }
}

}  // namespace troupe::detail
