// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Workers that have nothing to do: what they take from others, how they sleep, and who wakes them.
//
// Waking a thread on another core costs 13-30 us on the machines this was measured on, as much as
// several hundred messages, and conversations that cross cores are slower than on one. So
//   - a worker wakes another only when more than `worth_waking` processes wait in its queue, and at
//     most once per `wake_interval_ns`: when it enqueues one that was woken, or else when it looks
//     at the clock (check);
//   - the one that was woken steals only from a queue that works off its backlog slowly: it watches
//     how many processes the owner takes while it spins, and takes half if the rest would last
//     longer than `worth_stealing_ns`. Likewise from the queues of the other priorities. It yields
//     its core between two looks: the kernel may have put it on that of the worker that it watches,
//     which then gets on with nothing. On a virtual machine of two cores it did so in half of all
//     runs: 100 clients of one server were woken from and stolen from a hundred times, with pauses
//     of up to 4 ms (p99.9 of a call 1.5 ms), while the other core was idle;
//   - a queue that never empties is a backlog, too, however soon each has its turn: four processes
//     that compute for 10 us and yield would stay on one worker for ever otherwise. So a worker
//     that is found crowded for some milliseconds wakes another for that, which takes half without
//     a look at the pace, the only one that waits, too (note_crowd). Who is only in conversation is
//     no crowd, however many they are: their turns are short, and end with waiting;
//   - a worker that finds nothing for `spin_ns` parks: in the host's poll if nobody is there yet,
//     else on its parker. With nothing to do, nobody wakes up except for a timer that is due.
//
// Lost wake-ups: a worker says that it is idle (seq_cst), then looks at every queue once more; who
// pushes to the shared queue looks for idle workers afterwards (seq_cst). For its own queue the
// owner is awake by definition, and what a stuck owner leaves there the watchdog finds within 5 ms.
#include <algorithm>
#include <bit>
#include <utility>

#include "runtime/worker_executor.hpp"

namespace troupe::detail {

namespace {

// Tells the core that this thread only waits.
void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace

bool WorkerExecutor::has_work(const Worker& worker) const noexcept {
  if (!shared_.is_empty() || !worker.queue.is_empty()) return true;
  return !worker.urgent[0].is_empty() || !worker.urgent[1].is_empty() || !worker.low.is_empty();
}

bool WorkerExecutor::is_work_left_behind() const noexcept {
  for (unsigned i = 0; i < count(); ++i) {
    const Worker& other = *workers_[i];
    if (other.passes_on.load(std::memory_order_relaxed) && other.queue.size() != 0) return true;
  }
  return false;
}

// In all its queues, of a worker that is not stuck.
std::uint32_t WorkerExecutor::waiting(const Worker& worker) noexcept {
  return worker.queue.size() + worker.urgent[0].size() + worker.urgent[1].size() +
         worker.low.size();
}

// Once in `wake_interval_ns`, between two turns: all who can run wait then. They are a crowd
//   - if most of them yield, because they compute and tell nobody;
//   - if their turns are so long that it matters little where their messages come from. With 5 us a
//     hundred processes that send to each other (bench big) were a crowd, and lost 2.5 %;
//   - if some of them never have a turn, because others of higher priority do.
// Not soon after they have flooded each other, as in check.
void WorkerExecutor::note_crowd(Worker& worker, std::int64_t now) noexcept {
  auto& crowd = worker.crowd;
  const std::uint32_t turns = worker.turns.load(std::memory_order_relaxed);
  const std::uint32_t done = turns - std::exchange(crowd.turns, turns);
  const std::uint32_t yields = std::exchange(crowd.yields, 0);
  const std::int64_t elapsed = now - std::exchange(crowd.since_ns, now);
  const std::uint32_t urgent = worker.urgent[0].size() + worker.urgent[1].size();
  const std::uint32_t all = waiting(worker);
  const bool computes = yields >= done / 2 || elapsed >= done * long_turn_ns;
  const bool keeps_others_waiting = urgent != 0 && urgent < all;
  if (all < 2 || !is_calm(worker, now) || !(computes || keeps_others_waiting))
    return forget_crowd(worker);
  if (++crowd.looks >= crowded_looks) worker.is_crowded.store(true, std::memory_order_relaxed);
}

void WorkerExecutor::forget_crowd(Worker& worker) noexcept {
  if (std::exchange(worker.crowd.looks, 0) == 0) return;
  worker.is_crowded.store(false, std::memory_order_relaxed);
}

// It may be about to push more, and one at a time is dear for both.
std::uint32_t WorkerExecutor::take_left_behind(Worker& stuck, std::int64_t watched_ns,
                                               Block** out) noexcept {
  const std::uint32_t number = stuck.queue.size();
  if (number == 0 || (number < many_left_behind && watched_ns < watch_ns)) return 0;
  return stuck.queue.take_half(out);
}

// Half of what waits in one of its queues, if it would wait for long, or has done so.
std::uint32_t WorkerExecutor::take_backlog(Worker& victim, const FirstLook& first,
                                           std::int64_t watched_ns, std::int64_t& most_ns,
                                           Block** out) noexcept {
  if (watched_ns < watch_ns) return 0;
  const bool is_crowded = victim.is_crowded.load(std::memory_order_relaxed);
  // Seen while the owner moves processes within its queue, the count may seem to go back.
  const auto lasts = [&](std::uint32_t number, std::uint32_t then, std::uint32_t since) {
    if (is_crowded) return number > 0;
    if (number < 2) return false;
    const std::int32_t progress = std::max(static_cast<std::int32_t>(since - then), 0);
    if (progress == 0 && watched_ns < unmoved_ns) {
      most_ns = std::max(most_ns, unmoved_ns + watch_ns);  // and then once more
      return false;
    }
    return watched_ns / (progress + 1) * number >= worth_stealing_ns;
  };
  if (lasts(victim.queue.size(), first.taken, victim.queue.taken())) {
    return victim.queue.take_half(out);
  }
  const std::uint32_t turns = victim.turns.load(std::memory_order_relaxed);
  for (SharedQueue* queue : {&victim.urgent[0], &victim.urgent[1], &victim.low}) {
    const std::uint32_t number = queue->size();
    if (lasts(number, first.turns, turns)) {
      return queue->pop(out, std::min(number - number / 2, RunQueue::capacity));
    }
  }
  return 0;
}

// `again_ns`: when the first of those with work to spare who are left alone no longer is; -1:
// never.
bool WorkerExecutor::steal(Worker& worker, std::int64_t& again_ns) {
  const unsigned others = count();
  FirstLook looks[max_workers];
  const std::int64_t begin = host_->monotonic_ns();
  for (unsigned i = 0; i < others; ++i) {
    const Worker& other = *workers_[i];
    looks[i] = {other.queue.taken(), other.turns.load(std::memory_order_relaxed)};
  }
  std::int64_t watched_ns = 0;
  std::int64_t most_ns = spin_ns;
  for (;;) {
    if (!shared_.is_empty() || stopping_.load(std::memory_order_relaxed)) return true;
    for (unsigned i = 0; i < others; ++i) {
      Worker& victim = *workers_[i];
      if (&victim == &worker) continue;
      Block* stolen[RunQueue::capacity];
      std::uint32_t taken = 0;
      if (victim.passes_on.load(std::memory_order_relaxed)) {
        taken = take_left_behind(victim, watched_ns, stolen);
      } else if (waiting(victim) > 0) {
        const std::int64_t until_ns = left_alone_until_ns(victim);
        if (begin + watched_ns < until_ns) {
          again_ns = again_ns < 0 ? until_ns : std::min(again_ns, until_ns);
          continue;
        }
        taken = take_backlog(victim, looks[i], watched_ns, most_ns, stolen);
      }
      if (taken == 0) continue;
      for (std::uint32_t k = 0; k < taken; ++k) enqueue_last(*stolen[k]);
      worker.across.since_ns += watched_ns;
      victim.may_wake.store(true, std::memory_order_relaxed);
      victim.is_crowded.store(false, std::memory_order_relaxed);  // or the next takes what is left
      return true;
    }
    // Only after a look: where others want the core as well, it may be gone for milliseconds
    // between two looks, and a thief that did not look again took nothing ever.
    if (watched_ns >= most_ns) return false;
    for (int pause = 0; pause < 64; ++pause) pause_briefly();
    std::this_thread::yield();  // see above: who is watched may be waiting for this very core
    watched_ns = host_->monotonic_ns() - begin;
  }
}

// --- Waking and sleeping.

void WorkerExecutor::wake_one() noexcept {
  std::uint64_t idle = idle_.load();
  while (idle != 0) {
    const unsigned index = static_cast<unsigned>(std::countr_zero(idle));
    if (idle_.compare_exchange_weak(idle, idle & ~(std::uint64_t{1} << index))) {
      notify_worker(*workers_[index]);
      return;
    }
  }
}

// If it is idle.
void WorkerExecutor::wake(Worker& worker) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << worker.index;
  if ((idle_.fetch_and(~bit) & bit) != 0) notify_worker(worker);
}

void WorkerExecutor::notify_worker(Worker& worker) noexcept {
  if (worker.polls.load(std::memory_order_acquire)) {
    host_->wake();
  } else {
    worker.parker.unpark();
  }
}

std::uint64_t WorkerExecutor::all_bits() const noexcept {
  const unsigned bits = count();
  return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

void WorkerExecutor::idle(Worker& worker, std::int64_t deadline_ns) {
  std::int64_t now = host_->monotonic_ns();
  worker.timers.expire(now);
  if (has_work(worker)) return;
  worker.running.store(nullptr, std::memory_order_relaxed);
  forget_crowd(worker);
  // Spinning pays only where somebody else is at work and may have some to spare.
  const std::uint64_t me = std::uint64_t{1} << worker.index;
  std::int64_t again_ns = -1;
  if ((idle_.load() | resting_.load() | me) != all_bits() && steal(worker, again_ns)) return;

  while (worker.timers.deal_ahead()) {
    worker.timers.expire(host_->monotonic_ns());
    if (has_work(worker)) return;
  }
  bool expected = false;
  const bool polls = polling_.compare_exchange_strong(expected, true);
  worker.polls.store(polls, std::memory_order_release);
  idle_.fetch_or(me);
  // From here on whoever pushes to the shared queue sees the bit; look once more for what came
  // before.
  if (has_work(worker) || is_work_left_behind() || stopping_.load() || finished()) {
    if (polls) polling_.store(false);
    return leave_idle(worker);
  }
  for (const std::int64_t next_ns : {worker.timers.next_deadline_ns(), again_ns}) {
    if (next_ns >= 0 && (deadline_ns < 0 || next_ns < deadline_ns)) deadline_ns = next_ns;
  }
  now = host_->monotonic_ns();
  if (polls) {
    poll_io(worker, deadline_ns < 0 ? -1 : deadline_ns > now ? deadline_ns - now : 0);
    polling_.store(false);
  } else {
    worker.parker.park(deadline_ns < 0 ? Parker::forever : deadline_ns);
  }
  leave_idle(worker);
  worker.across.since_ns += host_->monotonic_ns() - now;
  // Nobody may be in the poll now. The busy ones look now and then (see check), and for one that
  // does not get to that the watchdog wakes another (see look_at).
}

// However short it was: the watchdog may have seen it and gone to sleep.
void WorkerExecutor::leave_idle(Worker& worker) noexcept {
  idle_.fetch_and(~(std::uint64_t{1} << worker.index));
  if (watchdog_sleeps_.load()) wake_watchdog();
}

void WorkerExecutor::poll_io(Worker& worker, std::int64_t timeout_ns) {
  Ready ready[128];
  const std::size_t count = host_->poll(timeout_ns, ready);
  for (std::size_t i = 0; i < count; ++i) io_waits_.complete(ready[i].token);
  worker.last_io_ns = host_->monotonic_ns();
}

}  // namespace troupe::detail
