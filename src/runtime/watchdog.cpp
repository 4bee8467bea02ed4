// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The watchdog: what is done about a process that keeps its worker.
//
// C++ code cannot be interrupted at a safe place, so a process that computes for long or calls
// something that blocks has its worker to itself, and everybody behind it waits. A thread looks at
// the workers every 5 ms. One that has been inside the same activation for 10 ms, and has used
// most of that time or hangs in the kernel (one that only lacks a core is not to blame), is stuck:
//
//   - the process is reported, with the stack of its thread at that moment (see ThreadProbe), once
//     for each time it gets stuck and at most once a second;
//   - what waits in the worker's queues goes to the shared queue; what the stuck process itself
//     wakes from now on is there for others to take (Worker::passes_on, see pass_on); timers on its
//     wheel are fired from here;
//   - another worker is added, up to RuntimeOptions::max_extra_workers, so that as many work as
//     before; where there is no thread for it, as soon as there is one.
//
// Worker, states:
//
//   active  -> stuck    by the watchdog
//   stuck   -> active   by the worker, when the activation ends (come_back)
//   active  -> resting  by an extra worker, when more are active than were asked for (may_rest)
//   resting -> active   by the watchdog, when it needs one again (add_worker)
//
// passes_on is true while stuck or resting; `active_` counts the active ones. A resting worker
// still fires the timers that were set on its wheel.
//
// With nothing to do nobody wakes: after 100 ms in which all workers were idle the watchdog sleeps,
// and the first worker that has something to do wakes it. So a busy server pays for 200 looks a
// second, an idle one nothing, and one that is busy now and then pays one wake-up each time.
//
// Tried in thought: a timer signal for each worker (setitimer, timer_create) instead of a thread.
// It would interrupt system calls of programs that do nothing wrong.
#include <algorithm>
#include <exception>
#include <new>
#include <string>

#include <troupe/log.hpp>

#include "runtime/activation.hpp"
#include "runtime/crash_report.hpp"
#include "runtime/worker_executor.hpp"

namespace troupe::detail {

void WorkerExecutor::watch_workers() {
  std::uint32_t quiet = 0;
  while (!stopping_.load()) {
    const std::int64_t now = host_->monotonic_ns();
    std::int64_t next = now + watch_interval_ns;
    for (unsigned i = 0; i < count(); ++i) {
      Worker& worker = *workers_[i];
      look_at(worker, now);
      if (!worker.seen.is_stuck) continue;
      // Its timers fire on time, not at the next look.
      const std::int64_t due = worker.timers.next_deadline_ns();
      if (due >= 0) next = std::min(next, due);
    }
    quiet = all_are_idle() ? quiet + 1 : 0;
    if (quiet < quiet_looks) {
      watchdog_parker_.park(next);
      continue;
    }
    quiet = 0;
    watchdog_sleeps_.store(true);
    if (all_are_idle()) watchdog_parker_.park();
    watchdog_sleeps_.store(false);
  }
}

// Resting workers do not count: they start nothing.
bool WorkerExecutor::all_are_idle() const noexcept {
  return (idle_.load() | resting_.load()) == all_bits();
}

void WorkerExecutor::wake_watchdog() noexcept {
  if (watchdog_sleeps_.exchange(false)) watchdog_parker_.unpark();
}

void WorkerExecutor::look_at(Worker& worker, std::int64_t now) {
  auto& seen = worker.seen;
  const std::uint32_t turns = worker.turns.load(std::memory_order_relaxed);
  const bool is_probed = worker.is_probed.load(std::memory_order_acquire);
  if (turns != seen.turns || !is_probed || !worker.running.load(std::memory_order_acquire)) {
    if (seen.is_stuck && !seen.is_reported) ++unreported_;
    seen = {.turns = turns, .since_ns = now, .cpu_ns = is_probed ? worker.probe.cpu_ns() : 0};
    return;
  }
  const std::int64_t elapsed = now - seen.since_ns;
  if (elapsed < stuck_after_ns) return;
  const bool is_new = !seen.is_stuck;
  if (is_new) {
    const bool computes = worker.probe.cpu_ns() - seen.cpu_ns >= stuck_after_ns / 4 * 3;
    if (!computes && !worker.probe.is_blocked()) return;
    seen.is_stuck = true;
  }
  // Seen before others can go on, and so perhaps end what is going on; told after they could.
  std::optional<Sighting> sighting;
  if (!seen.is_reported) sighting = see_stuck(worker, now);
  // It may rest by now, which has counted it out.
  if (is_new && !worker.passes_on.exchange(true)) active_.fetch_sub(1);
  // What has slipped in since the last look, too, and what the stuck process has left for others.
  take_over(worker);
  worker.timers.expire(now);
  add_worker(now);
  // It may have been the one who listened to the network. Whoever wakes up listens before it sleeps
  // again.
  if (is_new && !polling_.load()) wake_one();
  if (sighting) report_stuck(*sighting);
}

void WorkerExecutor::take_over(Worker& worker) {
  std::uint32_t moved = 0;
  const auto move = [&](Block* block) {
    shared_.push(block);
    ++moved;
  };
  for (SharedQueue* queue : {&worker.urgent[0], &worker.urgent[1]}) {
    while (Block* block = queue->pop()) move(block);
  }
  Block* batch[RunQueue::capacity];
  while (const std::uint32_t taken = worker.queue.take_half(batch)) {
    shared_.push(batch, taken);
    moved += taken;
  }
  while (Block* block = worker.low.pop()) move(block);
  for (; moved > 0 && idle_.load() != 0; --moved) wake_one();
}

// If one is missing. Where there is no thread or no memory for it, the next look tries again.
void WorkerExecutor::add_worker(std::int64_t now) noexcept {
  if (active_.load() >= limits_.workers) return;
  const unsigned there = count();
  for (unsigned i = limits_.workers; i < there; ++i) {
    Worker& worker = *workers_[i];
    if (worker.seen.is_stuck || !worker.passes_on.load()) continue;
    if (!worker.thread.joinable()) return start_extra_worker(i, now);
    come_back(worker);
    worker.parker.unpark();
    return;
  }
  if (there == limits_.workers + limits_.max_extra_workers) return;
  try {
    workers_[there] = std::make_unique<Worker>(there, limits_.max_timers);
  } catch (const std::bad_alloc& error) {
    return report_missing(error, now);
  }
  workers_[there]->passes_on.store(true);
  count_.store(there + 1, std::memory_order_release);
  start_extra_worker(there, now);
}

void WorkerExecutor::start_extra_worker(unsigned index, std::int64_t now) noexcept {
  Worker& worker = *workers_[index];
  const std::uint64_t bit = std::uint64_t{1} << index;
  try {
    come_back(worker);
    resting_.fetch_and(~bit);
    start_worker(index);
  } catch (const std::exception& error) {
    // It counts as resting.
    worker.passes_on.store(true);
    resting_.fetch_or(bit);
    active_.fetch_sub(1);
    report_missing(error, now);
  }
}

void WorkerExecutor::report_missing(const std::exception& error, std::int64_t now) noexcept try {
  if (last_missing_ns_ != 0 && now - last_missing_ns_ < report_interval_ns) return;
  last_missing_ns_ = now;
  log::error("no thread for an extra worker: {}", error.what());
} catch (const std::bad_alloc&) {  // then nothing is said
}

// Also for a worker that comes back by itself while the watchdog wants it back: one of them counts.
void WorkerExecutor::come_back(Worker& worker) noexcept {
  if (worker.passes_on.exchange(false)) active_.fetch_add(1);
}

bool WorkerExecutor::may_rest() noexcept {
  unsigned active = active_.load(std::memory_order_relaxed);
  while (active > limits_.workers) {
    if (active_.compare_exchange_weak(active, active - 1)) return true;
  }
  return false;
}

// On the worker's own thread; `may_rest` has taken it out of the active ones.
void WorkerExecutor::rest(Worker& worker) {
  worker.running.store(nullptr, std::memory_order_relaxed);
  // The watchdog may have taken it for stuck at this moment, and counted it out once more.
  if (worker.passes_on.exchange(true)) active_.fetch_add(1);
  const std::uint64_t me = std::uint64_t{1} << worker.index;
  resting_.fetch_or(me);
  take_over(worker);
  while (worker.passes_on.load() && !stopping_.load()) {
    worker.timers.expire(host_->monotonic_ns());
    const std::int64_t due = worker.timers.next_deadline_ns();
    worker.parker.park(due < 0 ? Parker::forever : due);
  }
  resting_.fetch_and(~me);
}

// Nothing where there was a report less than a second ago; or where the worker goes on just now.
std::optional<WorkerExecutor::Sighting> WorkerExecutor::see_stuck(Worker& worker,
                                                                  std::int64_t now) {
  // The names of the functions on a stack are 150 ms of reading, on a core that others could use.
  if (log::level() > log::Level::warning) return std::nullopt;
  if (last_report_ns_ != 0 && now - last_report_ns_ < report_interval_ns) return std::nullopt;
  const Block* block = worker.running.load(std::memory_order_acquire);
  if (!block) return std::nullopt;
  Sighting sighting;
  sighting.pid = block->pid();
  sighting.name = block->name.load();
  sighting.behaviour = block->behaviour.load(std::memory_order_acquire);
  sighting.for_ns = now - worker.seen.since_ns;
  sighting.blocks = worker.probe.is_blocked();
  sighting.depth = worker.probe.stack(sighting.frames, worker.stack_base);
  // A thread without a core answers late. It is asked again at the next looks, and not for ever: it
  // may have the signal blocked.
  if (sighting.depth == 0 && worker.seen.unanswered++ < 10) return std::nullopt;
  // What was read belongs together only if the worker has not gone on meanwhile.
  if (worker.turns.load(std::memory_order_relaxed) != worker.seen.turns) return std::nullopt;
  worker.seen.is_reported = true;
  last_report_ns_ = now;
  return sighting;
}

void WorkerExecutor::report_stuck(const Sighting& seen) {
  log::write(log::Level::warning, "process {} has kept its worker for {} ms without awaiting",
             {seen.pid, seen.for_ns / 1'000'000},
             {{"name", seen.name ? Atom::from_index(seen.name).text() : std::string_view{"-"}},
              {"behaviour", seen.behaviour ? seen.behaviour->kind : std::string_view{"process"}},
              {"type", seen.behaviour ? seen.behaviour->type : std::string_view{"-"}},
              {"does", seen.blocks ? "blocks" : "computes"},
              {"unreported", std::exchange(unreported_, 0)},
              {"stack", stack_line({seen.frames, seen.depth})}});
}

}  // namespace troupe::detail
