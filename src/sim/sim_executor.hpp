// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include <troupe/simulation.hpp>

#include "base/prng.hpp"
#include "runtime/executor.hpp"
#include "runtime/io_waits.hpp"
#include "runtime/timers.hpp"
#include "sim/sim_host.hpp"

namespace troupe::detail {

// The executor of a simulation: one thread, one generator, virtual time. Every decision is a draw
// from the generator, in an order that depends on nothing but earlier draws, so a run is a function
// of its seed. No address, hash of an address or wall clock takes part.
//
// A step is one of: a runnable process is activated; the first due timer of a wheel fires; the
// first due completion (blocking job, network) happens. Each costs a little virtual time, drawn
// too, so that races between a timeout and an answer come out both ways. An activation's budget is
// drawn as well, mostly small, so that a process can lose its turn at any await.
class SimExecutor final : public Executor {
 public:
  explicit SimExecutor(SimulationOptions options);
  ~SimExecutor() override;

  void enqueue(Block& block) noexcept override;
  void enqueue_last(Block& block) noexcept override;
  std::int16_t budget() noexcept;
  std::int64_t now_ns() noexcept override { return now_ns_; }
  std::int64_t system_ns() noexcept override { return epoch_ns + now_ns_ + calendar_shift_ns_; }
  void shift_calendar(std::int64_t by_ns) noexcept { calendar_shift_ns_ += by_ns; }
  std::uint64_t random() noexcept override { return prng_.next(); }
  TimerRef start_timer(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) override;
  std::optional<Duration> cancel_timer(TimerRef timer) noexcept override;
  std::optional<Duration> read_timer(TimerRef timer) noexcept override;
  void submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job) override;
  Host& host() noexcept override { return host_; }
  std::uint64_t watch(SocketId socket, Interest interest, Pid waiter,
                      std::uint64_t wait_id) override;
  void unwatch(std::uint64_t token) noexcept override;
  unsigned lane() const noexcept override { return 0; }
  unsigned workers() const noexcept override { return 1; }
  bool drive(bool (*done)(void*), void* context, std::int64_t deadline_ns) override;
  void notify() noexcept override {}
  void start() override {}
  void stop() noexcept override {}

  std::uint64_t steps() const noexcept { return steps_; }
  std::uint64_t schedule() const noexcept { return schedule_; }

 private:
  // 2026-01-01 00:00 UTC: any fixed moment will do.
  static constexpr std::int64_t epoch_ns = 1'767'225'600'000'000'000;

  struct Job {
    Pid asker;
    std::uint64_t id;
    Unique<BlockingJob> job;
  };

  // False: nothing can happen any more, ever, or not before the deadline.
  bool step(std::int64_t deadline_ns);
  void activate_one(std::vector<Block*>& queue, std::size_t index);
  void complete_one();
  std::int64_t next_completion_ns() noexcept;
  void note(std::uint64_t what) noexcept;
  std::uint32_t ordinal_of(std::uint32_t node);
  std::vector<Block*>* next_queue() noexcept;

  SimulationOptions options_;
  Prng prng_;
  std::int64_t now_ns_ = 0;
  std::int64_t calendar_shift_ns_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t schedule_ = 0;
  std::vector<Block*> runnable_[4];  // by Priority
  // Node numbers in the order in which they first ran: what other runtimes live in the program must
  // not show in the schedule.
  std::vector<std::uint32_t> nodes_;
  // Two wheels, as if on two workers: whether a message or the limit of a wait that are due
  // together comes first is drawn, while messages keep the order in which they were set.
  static constexpr std::uint32_t wheel_count = 2;
  std::array<Timers, wheel_count> timers_{Timers{0, RuntimeOptions{}.max_timers}, Timers{1, 0}};
  std::multimap<std::int64_t, Job> jobs_;  // by the moment they end
  IoWaits io_waits_;
  SimHost host_;
};

}  // namespace troupe::detail
