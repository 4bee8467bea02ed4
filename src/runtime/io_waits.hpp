// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include <troupe/detail/io.hpp>
#include <troupe/detail/reply.hpp>

namespace troupe::detail {

// Who waits for which socket: turns the 64-bit token of a watch into a process and the id of its
// wait. A token is a slot and which of the slot's tenants, so that a late readiness finds nobody.
class IoWaits {
 public:
  // In place of a wait's id: readiness is to come as an IoReady message. No wait has this id.
  static constexpr std::uint64_t as_message = 0;

  std::uint64_t add(Pid waiter, std::uint64_t wait_id) {
    const std::lock_guard guard{lock_};
    std::uint32_t slot;
    if (free_.empty()) {
      // First, so that no wait needs memory for its end.
      if (free_.capacity() <= slots_.size()) free_.reserve(2 * slots_.size() + 16);
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Slot& entry = slots_[slot];
    entry.waiter = waiter;
    entry.wait_id = wait_id;
    return static_cast<std::uint64_t>(entry.generation) << 32 | slot;
  }

  // Ends the wait; tells its process unless the wait is no more.
  void complete(std::uint64_t token) noexcept {
    Pid waiter;
    std::uint64_t wait_id = 0;
    if (!take(token, waiter, wait_id)) return;
    if (wait_id == as_message) {
      deliver(waiter, make_envelope<IoReady>(token));
    } else {
      deliver_reply(waiter, make_reply(wait_id, true));
    }
  }

  void cancel(std::uint64_t token) noexcept {
    Pid waiter;
    std::uint64_t wait_id = 0;
    take(token, waiter, wait_id);
  }

 private:
  struct Slot {
    Pid waiter;
    std::uint64_t wait_id = 0;
    std::uint32_t generation = 1;
  };

  bool take(std::uint64_t token, Pid& waiter, std::uint64_t& wait_id) noexcept {
    const auto slot = static_cast<std::uint32_t>(token);
    const std::lock_guard guard{lock_};
    if (slot >= slots_.size() || slots_[slot].generation != token >> 32) return false;
    Slot& entry = slots_[slot];
    waiter = entry.waiter;
    wait_id = entry.wait_id;
    ++entry.generation;
    free_.push_back(slot);
    return true;
  }

  std::mutex lock_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace troupe::detail
