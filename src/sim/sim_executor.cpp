// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "sim/sim_executor.hpp"

#include <algorithm>

#include "runtime/activation.hpp"
#include "runtime/blocking_pool.hpp"

namespace troupe::detail {

SimExecutor::SimExecutor(SimulationOptions options)
    : options_{options}, prng_{options.seed}, host_{prng_.derive(1), now_ns_, epoch_ns} {}

SimExecutor::~SimExecutor() = default;

void SimExecutor::note(std::uint64_t what) noexcept { schedule_ = mix64(schedule_ ^ what); }

std::uint32_t SimExecutor::ordinal_of(std::uint32_t node) {
  const auto before = static_cast<std::size_t>(std::ranges::find(nodes_, node) - nodes_.begin());
  if (before == nodes_.size()) nodes_.push_back(node);
  return static_cast<std::uint32_t>(before) + 1;
}

void SimExecutor::enqueue(Block& block) noexcept {
  runnable_[static_cast<std::size_t>(block.priority)].push_back(&block);
}

void SimExecutor::enqueue_last(Block& block) noexcept { enqueue(block); }

std::int16_t SimExecutor::budget() noexcept {
  // One in four gets the whole of it, so that long runs without a switch are explored too.
  return prng_.below(4) == 0 ? std::int16_t{1'000} : static_cast<std::int16_t>(2 + prng_.below(6));
}

TimerRef SimExecutor::start_timer(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) {
  return timers_[task.message ? 0 : 1].start(node, deadline_ns, std::move(task));
}
std::optional<Duration> SimExecutor::cancel_timer(TimerRef timer) noexcept {
  if (timer.wheel() >= wheel_count) return std::nullopt;
  return timers_[timer.wheel()].cancel(timer, now_ns_);
}
std::optional<Duration> SimExecutor::read_timer(TimerRef timer) noexcept {
  if (timer.wheel() >= wheel_count) return std::nullopt;
  return timers_[timer.wheel()].read(timer, now_ns_);
}

void SimExecutor::submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job) {
  const auto takes = static_cast<std::int64_t>(10'000 + prng_.below(2'000'000));
  jobs_.emplace(now_ns_ + takes, Job{asker, id, std::move(job)});
}

std::uint64_t SimExecutor::watch(SocketId socket, Interest interest, Pid waiter,
                                 std::uint64_t wait_id) {
  const std::uint64_t token = io_waits_.add(waiter, wait_id);
  const auto result = host_.watch(socket, interest, token);
  if (!result || *result == WatchResult::ready) io_waits_.complete(token);
  return token;
}

void SimExecutor::unwatch(std::uint64_t token) noexcept { io_waits_.cancel(token); }

std::int64_t SimExecutor::next_completion_ns() noexcept {
  const std::int64_t network = host_.next_event_ns();
  if (jobs_.empty()) return network;
  const std::int64_t job = jobs_.begin()->first;
  return network >= 0 && network < job ? network : job;
}

void SimExecutor::complete_one() {
  const std::int64_t network = host_.next_event_ns();
  if (network >= 0 && network <= now_ns_ && (jobs_.empty() || network <= jobs_.begin()->first)) {
    host_.run_next_event();
    Ready ready[16];
    while (const std::size_t count = host_.poll(0, ready)) {
      for (std::size_t i = 0; i < count; ++i) io_waits_.complete(ready[i].token);
    }
    return;
  }
  Job job = std::move(jobs_.begin()->second);
  jobs_.erase(jobs_.begin());
  run_blocking_job(*job.job);
  deliver_reply(job.asker, make_reply(job.id, std::move(job.job)));
}

void SimExecutor::activate_one(std::vector<Block*>& queue, std::size_t index) {
  Block* block = queue[index];
  queue[index] = queue.back();
  queue.pop_back();
  note(static_cast<std::uint64_t>(ordinal_of(block->node)) << 32 | block->index);
  if (activate(*runtime_of(block->node), *block, budget())) enqueue_last(*block);
}

// Of those who may run, whose turn it is: the highest priority, except that low has one turn in
// eight of normal, as on real workers. Null: nobody can run.
std::vector<Block*>* SimExecutor::next_queue() noexcept {
  auto& [max, high, normal, low] = runnable_;
  if (!max.empty()) return &max;
  if (!high.empty()) return &high;
  if (low.empty()) return normal.empty() ? nullptr : &normal;
  return normal.empty() || prng_.below(8) == 0 ? &low : &normal;
}

bool SimExecutor::step(std::int64_t deadline_ns) {
  ++steps_;
  // Mostly microseconds; now and then a step takes as long as if its thread had lost its core.
  const std::uint64_t slowest = prng_.below(32) == 0 ? 3'000'000 : 20'000;
  now_ns_ += static_cast<std::int64_t>(100 + prng_.below(slowest));
  std::vector<Block*>* queue = next_queue();
  const std::int64_t deadlines[wheel_count] = {timers_[0].next_deadline_ns(),
                                               timers_[1].next_deadline_ns()};
  const std::int64_t completion = next_completion_ns();
  if (!queue) {
    // Nobody can run: time jumps.
    std::int64_t next = completion;
    for (const std::int64_t timer : deadlines) {
      if (timer >= 0 && (next < 0 || timer < next)) next = timer;
    }
    if (next < 0 || (deadline_ns >= 0 && next > deadline_ns)) return false;
    if (next > now_ns_) now_ns_ = next;
  }
  const auto is_due = [&](std::int64_t deadline) { return deadline >= 0 && deadline <= now_ns_; };
  const std::size_t processes = queue ? queue->size() : 0;
  std::uint64_t choices = processes;
  for (const std::int64_t deadline : {deadlines[0], deadlines[1], completion}) {
    if (is_due(deadline)) ++choices;
  }
  std::uint64_t choice = prng_.below(choices);
  if (choice < processes) {
    activate_one(*queue, static_cast<std::size_t>(choice));
    return true;
  }
  choice -= processes;
  for (std::uint32_t wheel = 0; wheel < wheel_count; ++wheel) {
    if (!is_due(deadlines[wheel])) continue;
    if (choice-- > 0) continue;
    note(~std::uint64_t{wheel});
    timers_[wheel].expire_one(now_ns_);
    return true;
  }
  note(~std::uint64_t{wheel_count});
  complete_one();
  return true;
}

bool SimExecutor::drive(bool (*done)(void*), void* done_context, std::int64_t deadline_ns) {
  const std::uint64_t last_step = steps_ + options_.max_steps;
  while (!done(done_context)) {
    if (deadline_ns >= 0 && now_ns_ >= deadline_ns) return false;
    if (steps_ >= last_step || !step(deadline_ns)) {
      if (deadline_ns > now_ns_) now_ns_ = deadline_ns;
      return false;
    }
  }
  return true;
}

}  // namespace troupe::detail
