// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>

#include <troupe/blocking.hpp>

namespace troupe::detail {

// Threads that may block, for `co_await blocking(...)`. Started one by one when a job finds none
// idle, up to a maximum; further jobs wait in line.
//
// Nobody waits for a job: one that hangs may outlive its process, the runtime and this object, so
// the threads are detached and share their state with the pool. A reply to a process that is gone
// is dropped like any other, and the job's data with it.
class BlockingPool {
 public:
  explicit BlockingPool(unsigned max_threads);
  // Jobs that have not begun are dropped.
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;

  void submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Runs it on this thread; a failure keeps the stack of its throw.
void run_blocking_job(BlockingJob& job) noexcept;

}  // namespace troupe::detail
