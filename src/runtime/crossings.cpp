// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Floods that cross from one worker to another.
//
// A message to a process of the same worker costs 20 ns, sending and receiving together, as long as
// it finds both in one cache. Where the receiver runs on another core, its memory has to come over
// from the sender's: the receiver waits 50 to 100 ns for each, the sender too if both are at the
// inbox at once (between 10 and 400 ns were seen). For a conversation that is the price of having
// two cores. But where all that the second worker does is to flood a process of the first, the two
// together get less done than the first would alone. So
//
//   - while a process floods another of its worker, nobody steals from there, nor for as long after
//     as the receiver may take: those who wait there are likely to flood it as well. That is told
//     every 64 messages to receivers that were awake already (note_flood), for `flood_at_home_ns`
//     of sending at most. And a thief first looks for `unmoved_ns` at a worker that does not get
//     on: the first messages of a program take a page fault for each hundred, so they come slowly;
//   - a worker counts what its processes flood across. If lately it sent more than one each
//     `crossing_ns`, computing included, that is what it does;
//   - then it hands what waits in its queue over to the receiver's worker, at once, while the
//     process that floods still does, and that one too when its turn is over, if it wants another;
//   - and the receiver's worker is left alone for `alone_times` the crossing: nobody steals from it
//     unless it is stuck, it wakes nobody. If it comes to the same soon after that, four times as
//     long;
//   - a worker that is left alone and does not flood its own processes itself for
//     `within_window_ns` was mistaken for one that does: others may steal again.
//
// So a program that computes on all cores and floods some logger now and then loses at most four
// milliseconds of one core for each flood of more than a thousand messages that takes more than a
// quarter of a millisecond; with a microsecond of computing for each message it loses nothing. Who
// deals out work to processes of its own worker has others begin with it once all is sent, 40 ns
// for each message later, or after ten milliseconds, when the watchdog calls it stuck.
//
// Measured with two workers, medians of 9 runs in turn with the version before: fan-in of 1,000
// senders of 1,000 messages 45.0 M messages a second instead of 25.9 (one worker: 49.6). Of 10
// senders of 100,000 messages 26.7 M instead of 22.5 (38.6), because a sender that crosses cannot
// be stopped before it has sent a tenth of them all; until then two cores touch twice as much fresh
// memory, three times as slowly as one alone: 12 ms instead of 4 for what takes 1 ms afterwards.
// Since nobody steals from who floods at home, 38.3 M instead of 27.5 (39.0; 21 runs in turn).
//
// Tried instead:
//   - to count at each message, by the worker of its receiver: 5 % of a message with one worker;
//   - to ask how much time sending takes, at 20 ns a message: while both are at the inbox it is ten
//     times that, so the more it mattered the longer it took to be seen (fan-in of 1,000: 33.8 M,
//     when what is here had 38);
//   - to leave the receiver's worker alone for a millisecond, then two, and so on, however long the
//     crossing was: a sender of 100,000 messages takes several, so one was always under way (fan-in
//     of 10: 26.5 M of 40, and 27 of 31 with a multiple of the crossing);
//   - turns, for workers that flood the same process: one sends 256 messages while the other waits,
//     18 ns each for both together instead of 58. That phase is too short for it to show;
//   - to wait longer after each compare-and-swap that failed: the same.
//
// No process is lost when its queue goes to a worker that is just going to sleep or to rest: both
// say so (seq_cst) and then look at their queue once more, and who gives looks for them afterwards
// (seq_cst, as in enqueue_elsewhere).
#include <algorithm>
#include <utility>

#include "runtime/runtime_state.hpp"
#include "runtime/worker_executor.hpp"

namespace troupe::detail {

void WorkerExecutor::note_flood(Worker& worker, const Block& receiver) noexcept {
  const unsigned home = receiver.worker.load(std::memory_order_relaxed);
  if (home == worker.index + 1) {
    worker.within.messages += flood_messages;
    const std::int64_t sending_ns = context.sent_ahead * send_ns;
    if (sending_ns > flood_at_home_ns) return;
    const std::int64_t until = host_->monotonic_ns() + 2 * sending_ns;
    worker.floods_until_ns.store(until, std::memory_order_relaxed);
    return;
  }
  if (home == 0 || home > count()) return;
  auto& across = worker.across;
  const std::int64_t now = host_->monotonic_ns();
  // Half of what is older than the window is forgotten, so there is always some past to compare
  // with: the first thousand messages after a long computation are no flood yet.
  if (now - across.since_ns > across_window_ns) {
    across = {.since_ns = now - across_window_ns / 2, .messages = across.messages / 2};
  }
  across.messages += flood_messages;
  if (worker.crosses_to || across.messages * crossing_ns < now - across.since_ns) return;
  worker.crosses_to = workers_[home - 1].get();
  hand_over(worker, *worker.crosses_to);
}

// The process that has flooded has had its turn.
void WorkerExecutor::end_crossing(Worker& worker) noexcept {
  Worker& other = *std::exchange(worker.crosses_to, nullptr);
  hand_over(worker, other);
  const std::int64_t now = host_->monotonic_ns();
  const std::int64_t until = other.alone_until_ns.load(std::memory_order_relaxed);
  if (now < until) return;
  const std::int64_t crossing = now - worker.across.since_ns;
  const bool is_again = now - until < alone_again_times * crossing;
  const std::int64_t alone =
      std::min((is_again ? alone_again_times : alone_times) * crossing, alone_most_ns);
  other.alone_until_ns.store(now + alone, std::memory_order_relaxed);
}

// Up to a thousand processes; more are left for the next time.
void WorkerExecutor::hand_over(Worker& worker, Worker& other) noexcept {
  Block* batch[RunQueue::capacity];
  for (int i = 0; i < most_handed_over; ++i) {
    const std::uint32_t taken = worker.queue.take_half(batch);
    if (taken == 0) break;
    other.queue.give(batch, taken);
  }
  if (other.passes_on.load()) return take_over(other);
  wake(other);
}

std::int64_t WorkerExecutor::left_alone_until_ns(const Worker& worker) noexcept {
  return std::max(worker.alone_until_ns.load(std::memory_order_relaxed),
                  worker.floods_until_ns.load(std::memory_order_relaxed));
}

// Its processes have not flooded each other for a while.
bool WorkerExecutor::is_calm(const Worker& worker, std::int64_t now) noexcept {
  return now - worker.floods_until_ns.load(std::memory_order_relaxed) >= long_calm_ns;
}

// Asked by the worker that is left alone, between its turns.
bool WorkerExecutor::goes_on_alone(Worker& worker, std::int64_t now) noexcept {
  const std::int64_t until = worker.alone_until_ns.load(std::memory_order_relaxed);
  if (std::exchange(worker.alone_seen_ns, until) != until) {
    worker.within = {.since_ns = now, .messages = 0};
  }
  if (now - worker.within.since_ns < within_window_ns) return true;
  const bool floods = worker.within.messages * crossing_ns >= now - worker.within.since_ns;
  worker.within = {.since_ns = now, .messages = 0};
  if (!floods) worker.alone_until_ns.store(0, std::memory_order_relaxed);
  return floods;
}

}  // namespace troupe::detail
