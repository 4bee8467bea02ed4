// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/worker_executor.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "host/posix_host.hpp"
#include "host/thread.hpp"
#include "runtime/activation.hpp"

namespace troupe::detail {

constinit thread_local WorkerExecutor::Worker* WorkerExecutor::current_ = nullptr;
constinit thread_local Executor* Executor::of_this_thread = nullptr;

namespace {

thread_local Prng thread_prng{0};
thread_local bool thread_prng_is_seeded = false;

}  // namespace

WorkerExecutor::WorkerExecutor(Threads threads, Limits limits)
    : threads_{threads}, limits_{limits}, blocking_{limits.max_blocking_threads} {
  auto host = PosixHost::create();
  if (!host) {
    throw ErrorException{tuple({atoms::system_limit, Term::binary(host.error().describe())})};
  }
  host_ = std::move(*host);
  TROUPE_ASSERT(limits.workers >= 1 && limits.workers <= max_workers, "between 1 and 64 workers");
  for (unsigned i = 0; i < limits.workers; ++i) {
    workers_[i] = std::make_unique<Worker>(i, limits.max_timers);
  }
  count_.store(limits.workers, std::memory_order_release);
}

WorkerExecutor::~WorkerExecutor() {
  stop();
  // Acquire: pairs with the end of a visit. At most the few instructions of a wake-up are left of
  // it.
  while (visits_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

// --- Run queues.

void WorkerExecutor::enqueue(Block& block) noexcept {
  Worker* worker = own_worker();
  if (!worker || block.priority != Priority::normal ||
      worker->passes_on.load(std::memory_order_relaxed)) [[unlikely]] {
    return enqueue_elsewhere(worker, block);
  }
  worker->queue.push(&block);
  if (idle_.load(std::memory_order_relaxed) != 0) [[unlikely]]
    may_wake_one(*worker);
}

// There is somebody idle.
[[gnu::noinline]] void WorkerExecutor::may_wake_one(Worker& worker) noexcept {
  if (!worker.may_wake.load(std::memory_order_relaxed)) return;
  if (worker.is_crowded.load(std::memory_order_relaxed) || waiting(worker) > worth_waking) {
    worker.may_wake.store(false, std::memory_order_relaxed);
    wake_one();
  }
}

[[gnu::noinline]] void WorkerExecutor::enqueue_elsewhere(Worker* worker, Block& block) noexcept {
  if (!worker) {
    // The executor stands until the push, because its end waits for this process among others; what
    // comes after the push needs the visit.
    visits_.fetch_add(1, std::memory_order_relaxed);
    shared_.push(&block);
    wake_one();
    visits_.fetch_sub(1, std::memory_order_release);
    return;
  }
  if (worker->passes_on.load(std::memory_order_relaxed)) return pass_on(*worker, block);
  enqueue_last(block);
  if (idle_.load(std::memory_order_relaxed) != 0) may_wake_one(*worker);
}

// A stuck worker leaves what it wakes in its queue, where whoever is idle takes it by the hundred;
// a push to the shared queue for each had a process that starts a million others, and the worker
// that runs them, wait for the same lock all the time.
void WorkerExecutor::pass_on(Worker& worker, Block& block) noexcept {
  const bool is_resting = !worker.running.load(std::memory_order_relaxed);
  if (is_resting || block.priority != Priority::normal) {
    shared_.push(&block);
    return wake_one();
  }
  worker.queue.push(&block);
  // Relaxed, though a worker that goes idle at this moment may look here (see idle) too early and
  // be seen here too late: then the watchdog's next look finds the process. A fence would have each
  // push wait until all that the new process consists of is in the cache.
  if (idle_.load(std::memory_order_relaxed) != 0) wake_one();
}

void WorkerExecutor::enqueue_last(Block& block) noexcept {
  Worker* worker = own_worker();
  TROUPE_ASSERT(worker, "only a worker runs processes");
  switch (block.priority) {
    case Priority::max:
    case Priority::high:
      worker->urgent[block.priority == Priority::max ? 0 : 1].push(&block);
      return;
    case Priority::low:
      worker->low.push(&block);
      return;
    case Priority::normal:
      worker->queue.push(&block);
  }
}

// Most turns find one here. What is rarer has a function of its own, because it needs more stack
// and registers than all the rest of a turn.
[[gnu::always_inline]] inline Block* WorkerExecutor::next_process(Worker& worker) noexcept {
  const std::uint32_t turns = worker.turns.load(std::memory_order_relaxed) + 1;
  worker.turns.store(turns, std::memory_order_relaxed);
  if (worker.urgent[0].is_empty() && worker.urgent[1].is_empty() && turns % shared_interval != 0 &&
      turns % 8 != 0) [[likely]] {
    if (Block* block = worker.queue.pop()) return block;
  }
  return next_of_all(worker, turns);
}

[[gnu::noinline]] Block* WorkerExecutor::next_of_all(Worker& worker, std::uint32_t turns) noexcept {
  if (turns % shared_interval == 0) {
    if (Block* block = next_shared(worker)) return block;
  }
  if (Block* block = next_urgent(worker)) return block;
  if (turns % 8 == 0) {
    if (Block* block = worker.low.pop()) return block;
  }
  if (Block* block = worker.queue.pop()) return block;
  if (Block* block = next_shared(worker)) return block;
  return worker.low.pop();
}

Block* WorkerExecutor::next_urgent(Worker& worker) noexcept {
  for (SharedQueue& queue : worker.urgent) {
    if (Block* block = queue.pop()) return block;
  }
  return nullptr;
}

// Some at a time, also where the worker has others of its own. With one at a time a process that
// kept yielding had 60 turns for each of those that the watchdog had put there (take_over): a
// million short ones ended in 1.5 to 2 s, in two of 13 runs, instead of 0.15. Each comes behind
// those of its priority, but for the first of the normal ones, which is the next unless somebody
// urgent is.
Block* WorkerExecutor::next_shared(Worker& worker) noexcept {
  Block* batch[RunQueue::capacity / 2];
  const std::uint32_t count = shared_.pop(batch, RunQueue::capacity / 2);
  if (count == 0) return nullptr;
  Block* first = nullptr;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!first && batch[i]->priority == Priority::normal) {
      first = batch[i];
    } else {
      enqueue_last(*batch[i]);
    }
  }
  Block* const urgent = next_urgent(worker);
  if (urgent && first) worker.queue.push(first);
  return urgent ? urgent : first;
}

// --- Turns.

void WorkerExecutor::check(Worker& worker) {
  const std::int64_t now = host_->monotonic_ns();
  const std::int64_t elapsed = now - std::exchange(worker.last_check_ns, now);
  if (elapsed > check_after_ns) {
    worker.check_every = std::max(worker.check_every / 4, 1u);
  } else if (elapsed < check_after_ns / 2) {
    worker.check_every = std::min(worker.check_every * 2, check_interval);
  }
  worker.next_check = worker.turns.load(std::memory_order_relaxed) + worker.check_every;
  context.sent_ahead = 0;
  worker.timers.expire(now);
  if (worker.flooded) run_flooded(worker, host_->monotonic_ns() - now);
  const bool is_alone =
      now < worker.floods_until_ns.load(std::memory_order_relaxed) ||
      (now < worker.alone_until_ns.load(std::memory_order_relaxed) && goes_on_alone(worker, now));
  if (is_alone) [[unlikely]] {
    forget_crowd(worker);
  } else if (now - worker.last_wake_ns >= wake_interval_ns) {
    worker.last_wake_ns = now;
    note_crowd(worker, now);
    const bool is_unused = worker.may_wake.load(std::memory_order_relaxed);
    worker.may_wake.store(true, std::memory_order_relaxed);
    // Processes that compute and yield enqueue nobody, so it is used for them here. Not soon after
    // some have flooded others: they may be about to do it again, and with another worker that
    // would cross.
    if (is_unused && is_calm(worker, now) && idle_.load(std::memory_order_relaxed) != 0) {
      may_wake_one(worker);
    }
  }
  if (watches_.load(std::memory_order_relaxed) != 0 && now - worker.last_io_ns >= io_interval_ns) {
    bool expected = false;
    if (polling_.compare_exchange_strong(expected, true)) {
      poll_io(worker, 0);
      polling_.store(false);
    } else {
      worker.last_io_ns = now;
    }
  }
}

inline bool WorkerExecutor::run_turn(Worker& worker, Block& block) noexcept {
  worker.running.store(&block, std::memory_order_release);
  block.worker.store(static_cast<std::uint8_t>(worker.index + 1), std::memory_order_relaxed);
  RuntimeState& runtime = *nodes[block.node].runtime.load(std::memory_order_relaxed);
  return activate(runtime, block, activation_budget);
}

void WorkerExecutor::flood(Block& receiver) noexcept {
  // Processes may send to another runtime of the program; timers do not.
  if (context.process && context.process->node != receiver.node) return;
  Worker& worker = *own_worker();
  if (context.sent_ahead >= worth_following) {
    worker.flooded = &receiver;
    // Seen to when the clock is looked at, which is due now: so a turn without a flood costs
    // nothing.
    worker.next_check = worker.turns.load(std::memory_order_relaxed);
  }
  if (count() > 1) note_flood(worker, receiver);
}

// After a flood: its receiver is the next, if it waits among the newest of the queue, and goes on
// for about as long as the sender was at it, which is a process or the timers. It may flood others
// in turn, who have to wait, so that at least every second process is one that was next anyway.
void WorkerExecutor::run_flooded(Worker& worker, std::int64_t sending_ns) noexcept {
  Block* block = std::exchange(worker.flooded, nullptr);
  const std::int64_t most_ns = std::min(sending_ns, flooded_ns);
  const auto must_wait = [&] {
    return !worker.urgent[0].is_empty() || !worker.urgent[1].is_empty() ||
           worker.passes_on.load(std::memory_order_relaxed);
  };
  if (must_wait() || !worker.queue.take_out(block)) return;
  const std::int64_t until = host_->monotonic_ns() + most_ns;
  bool goes_on = true;
  while (goes_on) {
    // Of the turns that are counted for others it neither takes one nor skips one.
    worker.turns.store(worker.turns.load(std::memory_order_relaxed) + 8 * shared_interval,
                       std::memory_order_relaxed);
    if (!run_turn(worker, *block)) break;
    goes_on = !must_wait() && host_->monotonic_ns() < until;
    if (!goes_on) enqueue_last(*block);
  }
  worker.flooded = nullptr;
  if (worker.passes_on.load(std::memory_order_relaxed)) come_back(worker);
}

// Inlined into both loops: a call for each turn is 4 % of a message.
[[gnu::always_inline]] inline bool WorkerExecutor::run_one(Worker& worker) {
  Block* block = next_process(worker);
  if (!block) return false;
  if (run_turn(worker, *block)) {
    ++worker.crowd.yields;
    enqueue_last(*block);
  }
  if (worker.passes_on.load(std::memory_order_relaxed)) [[unlikely]]
    come_back(worker);
  const std::uint32_t turns = worker.turns.load(std::memory_order_relaxed);
  if (static_cast<std::int32_t>(turns - worker.next_check) >= 0) {
    if (worker.crosses_to) end_crossing(worker);
    if (worker.flooded) run_flooded(worker, context.sent_ahead * send_ns);
    worker.running.store(nullptr,
                         std::memory_order_relaxed);  // it is not to blame for what follows
    check(worker);
  }
  return true;
}

void WorkerExecutor::run(Worker& worker) {
  current_ = &worker;
  of_this_thread = this;
  worker.probe = ThreadProbe::of_this_thread();
  worker.stack_base = &context.stack_base;
  worker.is_probed.store(true, std::memory_order_release);
  const bool is_extra = worker.index >= limits_.workers;
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (is_extra && may_rest()) rest(worker);
    if (!run_one(worker)) idle(worker, -1);
  }
  current_ = nullptr;
  of_this_thread = nullptr;
}

// --- Time, chance, timers, input and output.

std::int64_t WorkerExecutor::now_ns() noexcept { return host_->monotonic_ns(); }
std::int64_t WorkerExecutor::rough_now_ns() noexcept { return host_->rough_monotonic_ns(); }
std::int64_t WorkerExecutor::system_ns() noexcept { return host_->system_ns(); }

std::uint64_t WorkerExecutor::random() noexcept {
  if (!thread_prng_is_seeded) {
    std::uint64_t seed = 0;
    host_->random_bytes(std::as_writable_bytes(std::span{&seed, 1}));
    thread_prng = Prng{seed};
    thread_prng_is_seeded = true;
  }
  return thread_prng.next();
}

TimerRef WorkerExecutor::start_timer(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) {
  Worker* worker = own_worker();
  if (worker) return worker->timers.start(node, deadline_ns, std::move(task));
  // From outside: on the first worker's wheel. It may sleep past the new deadline, so it is told.
  const TimerRef timer = workers_[0]->timers.start(node, deadline_ns, std::move(task));
  wake(*workers_[0]);
  return timer;
}

std::optional<Duration> WorkerExecutor::cancel_timer(TimerRef timer) noexcept {
  if (timer.wheel() >= count()) return std::nullopt;
  return workers_[timer.wheel()]->timers.cancel(timer, now_ns());
}

std::optional<Duration> WorkerExecutor::read_timer(TimerRef timer) noexcept {
  if (timer.wheel() >= count()) return std::nullopt;
  return workers_[timer.wheel()]->timers.read(timer, now_ns());
}

void WorkerExecutor::submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job) {
  blocking_.submit(asker, id, std::move(job));
}

std::uint64_t WorkerExecutor::watch(SocketId socket, Interest interest, Pid waiter,
                                    std::uint64_t wait_id) {
  watches_.store(1, std::memory_order_relaxed);
  const std::uint64_t token = io_waits_.add(waiter, wait_id);
  const auto result = host_->watch(socket, interest, token);
  // Ready already, or the socket is gone: the next try of the operation says which.
  if (!result || *result == WatchResult::ready) io_waits_.complete(token);
  return token;
}

void WorkerExecutor::unwatch(std::uint64_t token) noexcept { io_waits_.cancel(token); }

unsigned WorkerExecutor::lane() const noexcept {
  const Worker* worker = own_worker();
  return worker ? worker->index + 1 : 0;
}

// --- Beginning and end.

bool WorkerExecutor::finished() noexcept {
  return threads_ == Threads::none && notified_.load(std::memory_order_acquire);
}

bool WorkerExecutor::drive(bool (*done)(void*), void* done_context, std::int64_t deadline_ns) {
  TROUPE_ASSERT(!context.process, "a runtime cannot be driven from inside a process");
  if (threads_ == Threads::own) {
    return has_threads() ? wait_until(done, done_context, deadline_ns)
                         : drive_all_workers(done, done_context, deadline_ns);
  }
  Worker& worker = *workers_[0];
  current_ = &worker;
  of_this_thread = this;
  bool is_done = done(done_context);
  while (!is_done) {
    if (!run_one(worker)) idle(worker, deadline_ns);
    if (notified_.exchange(false)) is_done = done(done_context);
    if (!is_done && deadline_ns >= 0 && now_ns() >= deadline_ns) break;
  }
  current_ = nullptr;
  of_this_thread = nullptr;
  return is_done;
}

bool WorkerExecutor::wait_until(bool (*done)(void*), void* done_context, std::int64_t deadline_ns) {
  std::unique_lock guard{drive_lock_};
  // Several threads may wait here, each for something else (one in try_run, one in stop), so there
  // is nothing that the first to wake up could take from the others. No wake-up is lost: `done` is
  // asked under the lock, which who calls notify takes after it has come true.
  while (!done(done_context)) {
    if (deadline_ns < 0) {
      drive_condition_.wait(guard);
    } else {
      const std::int64_t now = now_ns();
      if (now >= deadline_ns) return false;
      drive_condition_.wait_for(guard, std::chrono::nanoseconds{deadline_ns - now});
    }
  }
  return true;
}

bool WorkerExecutor::has_threads() noexcept {
  try {
    start();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// There are processes, spawned from outside, and no threads to be had, and a runtime that ends has
// to end them: all workers' turns on this thread. Who had a thread for a moment may have left some
// on any of them.
bool WorkerExecutor::drive_all_workers(bool (*done)(void*), void* done_context,
                                       std::int64_t deadline_ns) {
  constexpr std::int64_t nap_ns = 1'000'000;  // nobody knows how to wake this thread
  of_this_thread = this;
  bool is_done = done(done_context);
  while (!is_done && (deadline_ns < 0 || now_ns() < deadline_ns)) {
    bool has_run = false;
    for (unsigned i = 0; i < count(); ++i) {
      current_ = workers_[i].get();
      current_->timers.expire(now_ns());
      if (run_one(*current_)) has_run = true;
    }
    if (!has_run) poll_io(*workers_[0], nap_ns);
    is_done = done(done_context);
  }
  current_ = nullptr;
  of_this_thread = nullptr;
  return is_done;
}

void WorkerExecutor::notify() noexcept {
  if (threads_ == Threads::none) {
    notified_.store(true, std::memory_order_release);
    return;
  }
  {
    const std::lock_guard guard{drive_lock_};
  }
  drive_condition_.notify_all();
}

void WorkerExecutor::start_worker(unsigned index) {
  Worker& worker = *workers_[index];
  worker.thread = start_thread("troupe-" + std::to_string(index), [this, &worker] { run(worker); });
}

void WorkerExecutor::start() {
  if (started_ || threads_ == Threads::none) return;
  started_ = true;
  active_.store(count());  // extra ones of a former run find that they are too many
  resting_.store(0);
  try {
    for (unsigned i = 0; i < count(); ++i) start_worker(i);
    watchdog_ = start_thread("troupe-watchdog", [this] { watch_workers(); });
  } catch (...) {
    stop();  // those that there are
    throw;
  }
}

void WorkerExecutor::stop() noexcept {
  if (!started_) return;
  TROUPE_ASSERT(!own_worker(), "a runtime cannot be stopped from inside one of its processes");
  started_ = false;
  stopping_.store(true);
  // First, so that no worker is added any more.
  watchdog_parker_.unpark();
  if (watchdog_.joinable()) watchdog_.join();
  for (unsigned i = 0; i < count(); ++i) {
    workers_[i]->parker.unpark();
    host_->wake();
  }
  for (unsigned i = 0; i < count(); ++i) {
    if (workers_[i]->thread.joinable()) workers_[i]->thread.join();
    workers_[i]->is_probed.store(false);
    workers_[i]->passes_on.store(false);
  }
  stopping_.store(false);  // it may be started again
}

}  // namespace troupe::detail
