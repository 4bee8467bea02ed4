// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/timers.hpp"

#include "runtime/runtime_state.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

Timers::~Timers() {
  for (Slot& slot : slots_) {
    if (slot.armed && slot.task.message) free_envelope(slot.task.message);
  }
}

Timers::Slot* Timers::find(TimerRef timer) noexcept {
  if (timer.slot() >= slots_.size()) return nullptr;
  Slot& slot = slots_[timer.slot()];
  return slot.armed && slot.generation == timer.generation() ? &slot : nullptr;
}

TimerRef Timers::start(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) {
  const std::lock_guard guard{lock_};
  std::uint32_t index;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.task = std::move(task);
  slot.armed = true;
  slot.deadline_ns = deadline_ns;
  const std::int64_t tick = deadline_ns > INT64_MAX - tick_ns
                                ? INT64_MAX / tick_ns
                                : (deadline_ns + tick_ns - 1) / tick_ns;
  slot.key = {tick, next_sequence_++};
  order_.emplace(slot.key, index);
  return TimerRef{node, wheel_, index, slot.generation};
}

std::optional<Duration> Timers::cancel(TimerRef timer, std::int64_t now_ns) noexcept {
  Envelope* dropped = nullptr;
  std::optional<Duration> left;
  {
    const std::lock_guard guard{lock_};
    Slot* slot = find(timer);
    if (!slot) return std::nullopt;
    left = Duration{slot->deadline_ns > now_ns ? slot->deadline_ns - now_ns : 0};
    dropped = slot->task.message;
    order_.erase(slot->key);
    slot->armed = false;
    ++slot->generation;
    free_.push_back(timer.slot());
  }
  if (dropped) free_envelope(dropped);
  return left;
}

std::optional<Duration> Timers::read(TimerRef timer, std::int64_t now_ns) noexcept {
  const std::lock_guard guard{lock_};
  const Slot* slot = find(timer);
  if (!slot) return std::nullopt;
  return Duration{slot->deadline_ns > now_ns ? slot->deadline_ns - now_ns : 0};
}

bool Timers::expire_one(std::int64_t now_ns) {
  TimerTask task;
  {
    const std::lock_guard guard{lock_};
    if (order_.empty() || order_.begin()->first.first * tick_ns > now_ns) return false;
    const std::uint32_t index = order_.begin()->second;
    order_.erase(order_.begin());
    Slot& slot = slots_[index];
    task = std::move(slot.task);
    slot.armed = false;
    ++slot.generation;
    free_.push_back(index);
  }
  fire(task);
  return true;
}

void Timers::expire(std::int64_t now_ns) {
  while (expire_one(now_ns)) {
  }
}

std::int64_t Timers::next_deadline_ns() noexcept {
  const std::lock_guard guard{lock_};
  return order_.empty() ? -1 : order_.begin()->first.first * tick_ns;
}

void fire(TimerTask& task) noexcept {
  if (!task.message) {
    post(task.to, make_signal<TimeoutSignal>(task.wait_id));
    return;
  }
  Pid to = task.to;
  if (task.name != atoms::undefined) {
    RuntimeState* runtime = runtime_of(task.to.node());
    to = runtime ? runtime->names.find(task.name) : Pid{};
  }
  post(to, task.message);
}

}  // namespace troupe::detail
