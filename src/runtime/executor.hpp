// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>

#include <troupe/blocking.hpp>
#include <troupe/timer.hpp>

#include "host/host.hpp"

namespace troupe::detail {

class Block;

// What a timer does when it fires: deliver a message to a pid or to whoever has the name then, or
// end a wait.
struct TimerTask {
  Pid to;
  Atom name = atoms::undefined;  // undefined: to the pid
  Envelope* message = nullptr;   // owned; null: a TimeoutSignal for wait_id
  std::uint64_t wait_id = 0;
  bool stamped = false;  // the message begins with the timer's own TimerRef
};

// The one seam for everything nondeterministic: which process runs next, what time it is, when
// timers fire, random bits, what the network and blocking work bring. Real threads, one thread and
// the simulator are its implementations, chosen at run time, so that tests link the library that
// production links. It is asked per activation, clock reading and random draw, never per send.
//
// An executor may run several runtimes (the simulator runs a whole cluster); blocks and pids carry
// their node.
class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  virtual ~Executor() = default;

  // The process may run: it was woken, or is new. Called by whoever woke it.
  virtual void enqueue(Block& block) noexcept = 0;
  // It has used its budget: behind everybody else. Called by the thread that ran it.
  virtual void enqueue_last(Block& block) noexcept = 0;

  // Whose worker the calling thread is, where that makes a difference: where floods are of
  // interest. Null elsewhere.
  static thread_local constinit Executor* of_this_thread;

  // The running process, or the timers that fire, have sent `receiver`, or others and it, another
  // `flood_messages` in a row while they were awake: it would do well to run before they leave the
  // cache. Told to the sender's executor, because the receiver may have ended meanwhile, and its
  // runtime with it.
  virtual void flood(Block& receiver) noexcept { (void)receiver; }
  static constexpr std::uint32_t flood_messages = 64;

  virtual std::int64_t now_ns() noexcept = 0;  // monotonic
  // See Host::rough_monotonic_ns.
  virtual std::int64_t rough_now_ns() noexcept { return now_ns(); }
  virtual std::int64_t system_ns() noexcept = 0;  // since 1970, UTC
  virtual std::uint64_t random() noexcept = 0;

  virtual TimerRef start_timer(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) = 0;
  virtual std::optional<Duration> cancel_timer(TimerRef timer) noexcept = 0;
  virtual std::optional<Duration> read_timer(TimerRef timer) noexcept = 0;

  // Runs the job where it may block, and sends its reply.
  virtual void submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job) = 0;

  // The network and entropy. Its readiness is asked for here, not there: `watch` sends the waiter a
  // reply with this id once the socket is ready (at once if it is), and gives a token to withdraw
  // the watch with.
  virtual Host& host() noexcept = 0;
  virtual std::uint64_t watch(SocketId socket, Interest interest, Pid waiter,
                              std::uint64_t wait_id) = 0;
  virtual void unwatch(std::uint64_t token) noexcept = 0;

  // Which lane of a process table the calling thread owns; 0 outside of every worker.
  virtual unsigned lane() const noexcept = 0;
  virtual unsigned workers() const noexcept = 0;

  // Runs processes, or waits while workers do, until `done(context)` is true or `deadline_ns` has
  // come (-1: none); false for the deadline. `done` is asked after every end of a process that
  // called notify, and may be called from any thread.
  virtual bool drive(bool (*done)(void*), void* context, std::int64_t deadline_ns) = 0;
  virtual void notify() noexcept = 0;

  virtual void start() = 0;
  // No process runs any more afterwards. Idempotent.
  virtual void stop() noexcept = 0;
};

}  // namespace troupe::detail
