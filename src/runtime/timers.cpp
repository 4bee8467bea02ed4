// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/timers.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include <troupe/detail/owned_envelope.hpp>

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

}  // namespace

Timers::~Timers() {
  for (std::uint32_t i = 0; i < used_; ++i) {
    Slot& slot = chunks_[i / chunk_size][i % chunk_size];
    if (slot.use == Use::free) continue;
    wheel_.cancel(slot);
    if (Envelope* message = message_of(slot)) free_envelope(message);
  }
  for (void* page : large_pages_) release_memory(page, large_page_bytes);
  for (void* chunk : small_chunks_) std::free(chunk);
}

// A timer vanishes with its destination. It is forgotten when it fires or is asked for, whichever
// comes first, so that a process need not know the timers that point at it.
bool Timers::leads_nowhere(const Slot& slot) noexcept {
  return slot.name == atoms::undefined && !has_tenant(slot.to);
}

Envelope* Timers::message_of(const Slot& slot) noexcept {
  return slot.use == Use::timeout ? nullptr : slot.message;
}

Duration Timers::left_of(const Slot& slot, std::int64_t now_ns) noexcept {
  const auto deadline_ns =
      static_cast<std::int64_t>(slot.deadline * std::uint64_t{tick_ns} - slot.rounding_ns);
  return Duration{deadline_ns > now_ns ? deadline_ns - now_ns : 0};
}

Timers::Slot* Timers::find(TimerRef timer) noexcept {
  if (timer.slot() >= used_) return nullptr;
  Slot& slot = chunks_[timer.slot() / chunk_size][timer.slot() % chunk_size];
  return slot.use != Use::free && slot.generation == timer.generation() ? &slot : nullptr;
}

Timers::Slot& Timers::take_slot() {
  if (free_) {
    Slot& slot = *free_;
    free_ = static_cast<Slot*>(slot.prev);
    return slot;
  }
  if (used_ % chunk_size == 0) add_chunk();
  Slot& slot = chunks_.back()[used_ % chunk_size];
  slot.index = used_++;
  return slot;
}

void Timers::add_chunk() {
  // First, so that there is a place for what is taken below, and nothing is taken in vain. The list
  // that is asked comes last: where memory ends before, the next time makes room in all of them.
  if (chunks_.size() == chunks_.capacity()) {
    const std::size_t room = 2 * chunks_.size() + small_chunk_count;
    small_chunks_.reserve(room);
    large_pages_.reserve(room / chunks_per_page + 1);
    chunks_.reserve(room);
  }
  const bool are_many = chunks_.size() >= small_chunk_count;
  if (are_many && fresh_ == fresh_end_) {
    if (void* page = take_large_page()) {
      large_pages_.push_back(page);
      fresh_ = static_cast<Slot*>(page);
      fresh_end_ = fresh_ + large_page_bytes / sizeof(Slot);
    }
  }
  Slot* chunk = fresh_;
  if (fresh_ != fresh_end_) {
    fresh_ += chunk_size;
  } else {
    constexpr std::size_t bytes = chunk_size * sizeof(Slot);
    chunk = static_cast<Slot*>(std::aligned_alloc(alignof(Slot), bytes));
    if (!chunk) throw std::bad_alloc{};
    small_chunks_.push_back(chunk);
    if (are_many) fault_in(chunk, bytes);
  }
  std::uninitialized_default_construct_n(chunk, chunk_size);
  chunks_.push_back(chunk);
}

// The timer is not pending any more.
void Timers::give_back(Slot& slot) noexcept {
  if (slot.use != Use::timeout) --messages_;
  slot.use = Use::free;
  ++slot.generation;
  slot.prev = free_;
  free_ = &slot;
}

TimerRef Timers::start(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) {
  // Freed where this throws, and after the lock: a message may hold anything.
  OwnedEnvelope message{task.message};
  const std::lock_guard guard{lock_};
  if (task.message && messages_ == max_messages_) throw ErrorException{atoms::system_limit};
  Slot& slot = take_slot();
  slot.to = task.to;
  slot.name = task.name;
  if (task.message) {
    ++messages_;
    slot.message = message.release();
    slot.use = task.stamped ? Use::stamped_message : Use::message;
  } else {
    slot.wait_id = task.wait_id;
    slot.use = Use::timeout;
  }
  const std::uint64_t tick = tick_of_deadline(deadline_ns);
  slot.rounding_ns = static_cast<std::uint32_t>(
      tick * std::uint64_t{tick_ns} -
      static_cast<std::uint64_t>(std::max<std::int64_t>(deadline_ns, 0)));
  wheel_.insert(slot, tick);
  if (tick < next_tick_.load(std::memory_order_relaxed)) {
    next_tick_.store(tick, std::memory_order_relaxed);
  }
  const TimerRef timer{node, wheel_number_, slot.index, slot.generation};
  if (task.stamped) value_of<TimerRef>(task.message) = timer;
  return timer;
}

std::optional<Duration> Timers::cancel(TimerRef timer, std::int64_t now_ns) noexcept {
  Envelope* dropped = nullptr;
  std::optional<Duration> left;
  {
    const std::lock_guard guard{lock_};
    Slot* slot = find(timer);
    if (!slot) return std::nullopt;
    if (!leads_nowhere(*slot)) left = left_of(*slot, now_ns);
    dropped = message_of(*slot);
    wheel_.cancel(*slot);
    give_back(*slot);
  }
  if (dropped) free_envelope(dropped);
  return left;
}

std::optional<Duration> Timers::read(TimerRef timer, std::int64_t now_ns) noexcept {
  const std::lock_guard guard{lock_};
  const Slot* slot = find(timer);
  if (!slot || leads_nowhere(*slot)) return std::nullopt;
  return left_of(*slot, now_ns);
}

// Takes out as many timers that are due as there is room for.
std::size_t Timers::take_due(std::int64_t now_ns, std::span<TimerTask> tasks) {
  const std::uint64_t now = tick_of_now(now_ns);
  if (next_tick_.load(std::memory_order_relaxed) > now) return 0;
  std::size_t taken = 0;
  const std::lock_guard guard{lock_};
  wheel_.advance(
      now,
      [&](TimerNode& node) {
        auto& slot = static_cast<Slot&>(node);
        TimerTask& task = tasks[taken++];
        task.to = slot.to;
        task.name = slot.name;
        task.message = message_of(slot);
        if (task.message) {
          __builtin_prefetch(task.message, 1);
        } else {
          task.wait_id = slot.wait_id;
        }
        give_back(slot);
      },
      tasks.size());
  const bool more = taken == tasks.size();
  next_tick_.store(more ? now : wheel_.next_deadline(), std::memory_order_relaxed);
  return taken;
}

// Firing is outside of the lock, because it delivers, and may start timers.
bool Timers::expire_one(std::int64_t now_ns) {
  TimerTask task;
  if (take_due(now_ns, {&task, 1}) == 0) return false;
  fire(task);
  return true;
}

void Timers::expire(std::int64_t now_ns) {
  TimerTask tasks[batch];
  std::size_t taken = batch;
  while (taken == batch) {
    taken = take_due(now_ns, tasks);
    for (std::size_t i = 0; i < taken; ++i) fire(tasks[i]);
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
