// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/timers.hpp"

#include "runtime/runtime_state.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

namespace {

std::uint64_t tick_of_deadline(std::int64_t deadline_ns) noexcept {
  if (deadline_ns <= 0) return 0;
  const auto ns = static_cast<std::uint64_t>(deadline_ns);
  return (ns + Timers::tick_ns - 1) / Timers::tick_ns;
}

std::uint64_t tick_of_now(std::int64_t now_ns) noexcept {
  return now_ns <= 0 ? 0 : static_cast<std::uint64_t>(now_ns / Timers::tick_ns);
}

Duration left_of(std::int64_t deadline_ns, std::int64_t now_ns) noexcept {
  return Duration{deadline_ns > now_ns ? deadline_ns - now_ns : 0};
}

}  // namespace

Timers::~Timers() {
  for (std::uint32_t i = 0; i < used_; ++i) {
    Slot& slot = chunks_[i / chunk_size][i % chunk_size];
    if (!slot.armed) continue;
    wheel_.cancel(slot);
    if (slot.task.message) free_envelope(slot.task.message);
  }
}

namespace {

// A timer vanishes with its destination. It is forgotten when it fires or is asked for, whichever
// comes first, so that a process need not know the timers that point at it.
bool leads_nowhere(const TimerTask& task) noexcept {
  return task.name == atoms::undefined && !has_tenant(task.to);
}

}  // namespace

Timers::Slot* Timers::find(TimerRef timer) noexcept {
  if (timer.slot() >= used_) return nullptr;
  Slot& slot = chunks_[timer.slot() / chunk_size][timer.slot() % chunk_size];
  return slot.armed && slot.generation == timer.generation() ? &slot : nullptr;
}

Timers::Slot& Timers::take_slot() {
  if (free_) {
    Slot& slot = *free_;
    free_ = slot.next_free;
    return slot;
  }
  if (used_ % chunk_size == 0) chunks_.push_back(std::make_unique<Slot[]>(chunk_size));
  Slot& slot = chunks_.back()[used_ % chunk_size];
  slot.index = used_++;
  return slot;
}

void Timers::give_back(Slot& slot, const Envelope* message) noexcept {
  if (message) --messages_;
  slot.armed = false;
  ++slot.generation;
  slot.next_free = free_;
  free_ = &slot;
}

TimerRef Timers::start(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) {
  std::unique_lock guard{lock_};
  if (task.message && messages_ == max_messages_) {
    guard.unlock();
    free_envelope(task.message);
    throw ErrorException{atoms::system_limit};
  }
  Slot& slot = take_slot();
  if (task.message) ++messages_;
  slot.task = std::move(task);
  slot.armed = true;
  slot.deadline_ns = deadline_ns;
  const std::uint64_t tick = tick_of_deadline(deadline_ns);
  wheel_.insert(slot, tick);
  if (tick < next_tick_.load(std::memory_order_relaxed)) {
    next_tick_.store(tick, std::memory_order_relaxed);
  }
  const TimerRef timer{node, wheel_number_, slot.index, slot.generation};
  if (slot.task.stamped) value_of<TimerRef>(slot.task.message) = timer;
  return timer;
}

std::optional<Duration> Timers::cancel(TimerRef timer, std::int64_t now_ns) noexcept {
  Envelope* dropped = nullptr;
  std::optional<Duration> left;
  {
    const std::lock_guard guard{lock_};
    Slot* slot = find(timer);
    if (!slot) return std::nullopt;
    if (!leads_nowhere(slot->task)) left = left_of(slot->deadline_ns, now_ns);
    dropped = slot->task.message;
    wheel_.cancel(*slot);
    give_back(*slot, dropped);
  }
  if (dropped) free_envelope(dropped);
  return left;
}

std::optional<Duration> Timers::read(TimerRef timer, std::int64_t now_ns) noexcept {
  const std::lock_guard guard{lock_};
  const Slot* slot = find(timer);
  if (!slot || leads_nowhere(slot->task)) return std::nullopt;
  return left_of(slot->deadline_ns, now_ns);
}

bool Timers::expire_one(std::int64_t now_ns) {
  const std::uint64_t now = tick_of_now(now_ns);
  if (next_tick_.load(std::memory_order_relaxed) > now) return false;
  TimerTask task;
  bool fired = false;
  {
    const std::lock_guard guard{lock_};
    wheel_.advance(
        now,
        [&](TimerNode& node) {
          Slot& slot = static_cast<Slot&>(node);
          task = std::move(slot.task);
          give_back(slot, task.message);
          fired = true;
        },
        1);
    next_tick_.store(fired ? now : wheel_.next_deadline(), std::memory_order_relaxed);
  }
  // Outside of the lock: firing delivers, and may start timers.
  if (fired) fire(task);
  return fired;
}

void Timers::expire(std::int64_t now_ns) {
  while (expire_one(now_ns)) {
  }
}

bool Timers::deal_ahead() noexcept {
  constexpr std::size_t part = 1024;  // timers, some tens of microseconds
  const std::lock_guard guard{lock_};
  return wheel_.deal_ahead(part);
}

std::int64_t Timers::next_deadline_ns() noexcept {
  const std::lock_guard guard{lock_};
  const std::uint64_t tick = wheel_.next_deadline();
  if (tick == TimerWheel::never) return -1;
  constexpr std::uint64_t last = static_cast<std::uint64_t>(INT64_MAX / tick_ns);
  return static_cast<std::int64_t>(tick < last ? tick : last) * tick_ns;
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
  deliver(to, task.message);  // a full mailbox drops it: there is no sender to tell
}

}  // namespace troupe::detail
