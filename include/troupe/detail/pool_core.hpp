// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <troupe/child_spec.hpp>

namespace troupe {

// How a job finds its worker.
enum class PoolRouting : std::uint8_t {
  least_busy,   // the free worker with the fewest leases; all jobs wait in one line
  round_robin,  // each in turn, whether it is free or not
  by_key,       // phash2(key) modulo the number of workers, so that a key has one worker
};

// What happens to a job when PoolOptions::max_waiting others wait.
enum class PoolOverload : std::uint8_t {
  reject,       // it is refused
  drop_oldest,  // the one that has waited longest, of the lowest priority, is refused instead
};

struct PoolOptions {
  unsigned workers = 4;
  PoolRouting routing = PoolRouting::least_busy;
  unsigned leases_per_worker = 1;  // how many jobs a worker may have at once
  std::size_t max_waiting = 1'000;
  PoolOverload overload = PoolOverload::reject;
  // More restarts of workers than this within max_seconds end the pool with `shutdown`.
  unsigned max_restarts = 3;
  std::chrono::seconds max_seconds{5};
};

// What goes with one job.
struct JobOptions {
  Priority priority = Priority::normal;  // of those that wait, higher ones go first
  std::optional<Term> key = {};          // for PoolRouting::by_key; without one: as round_robin
  Duration timeout = std::chrono::seconds{5};  // for the wait, and then for the answer
};

// Why a job was not done.
struct PoolError {
  enum class Code : std::uint8_t {
    overloaded,  // too many wait
    draining,    // the pool takes no new jobs
    timeout,     // no worker became free in time, or it did not answer in time
    failed,      // the worker ended, or the pool did: `reason`
  };
  Code code = Code::failed;
  ExitReason reason = {};
};

struct PoolStats {
  unsigned workers = 0;
  std::size_t leases = 0;
  std::size_t waiting = 0;
  std::uint64_t served = 0;    // leases given so far
  std::uint64_t rejected = 0;  // overloaded and draining
  std::uint64_t restarts = 0;
};

namespace detail {

using PoolGrant = std::expected<Pid, PoolError>;

struct PoolCheckOut {
  Ref ticket;
  Pid client;
  Priority priority;
  std::optional<Term> key;
  using Reply = PoolGrant;
};

// The pool itself, which does not depend on the type of its workers: see src/otp/pool_core.cpp.
class PoolCore {
 public:
  PoolCore(ChildSpec worker, PoolOptions options);
  ~PoolCore();

  Async<Init> start(Process& self);
  Async<> stop(Process& self);
  void check_out(Process& self, PoolCheckOut request, From<PoolGrant> from);
  // Gives a lease back, or withdraws the wish for one.
  void check_in(Process& self, Ref ticket);
  void client_down(Process& self, const Down& down);
  Async<Next> worker_exit(Process& self, Exit exit);
  Async<> resize(Process& self, unsigned workers);
  void drain(From<void> from);
  PoolStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail
}  // namespace troupe
