// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/blocking_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

#include <troupe/detail/owned_envelope.hpp>
#include <troupe/detail/reply.hpp>

#include "host/thread.hpp"
#include "runtime/runtime_state.hpp"
#include "runtime/throw_site.hpp"

namespace troupe::detail {

namespace {

// The reply that carries the job is made for the asker, who can be told that there is no memory for
// it; the thread that has done the job could tell nobody.
struct Order {
  Pid asker;
  OwnedEnvelope reply;
};

BlockingJob& job_of(const Order& order) noexcept {
  return *value_of<Reply<Unique<BlockingJob>>>(order.reply.get()).value;
}

}  // namespace

struct BlockingPool::Shared {
  std::mutex lock;
  std::condition_variable work_has_come;
  std::deque<Order> orders;
  unsigned threads = 0;
  unsigned idle = 0;
  unsigned max_threads = 0;
  bool closed = false;
};

namespace {

template <class SharedState>
void work(SharedState& shared) {
  std::unique_lock guard{shared.lock};
  for (;;) {
    ++shared.idle;
    shared.work_has_come.wait(guard, [&] { return shared.closed || !shared.orders.empty(); });
    --shared.idle;
    if (shared.closed) return;
    Order order = std::move(shared.orders.front());
    shared.orders.pop_front();
    guard.unlock();
    run_blocking_job(job_of(order));
    deliver_reply(order.asker, order.reply.release());
    guard.lock();
  }
}

}  // namespace

void run_blocking_job(BlockingJob& job) noexcept {
  const void* const base = std::exchange(context.stack_base, __builtin_frame_address(0));
  job.run();
  context.stack_base = base;
  if (!job.failure) return;
  const std::span<void* const> site = throw_site_of(job.failure);
  try {
    job.thrown_at.assign(site.begin(), site.end());
  } catch (const std::bad_alloc&) {  // then its report has no stack
  }
}

Unique<BlockingJob> take_job(Envelope* reply) noexcept {
  Unique<BlockingJob> job = std::move(value_of<Reply<Unique<BlockingJob>>>(reply).value);
  free_envelope(reply);
  return job;
}

void rethrow_failure(const BlockingJob& job) {
  carry_throw_site(job.failure, job.thrown_at);
  std::rethrow_exception(job.failure);
}

BlockingPool::BlockingPool(unsigned max_threads) : shared_{std::make_shared<Shared>()} {
  shared_->max_threads = max_threads == 0 ? 1 : max_threads;
}

BlockingPool::~BlockingPool() {
  std::deque<Order> dropped;
  {
    const std::lock_guard guard{shared_->lock};
    shared_->closed = true;
    dropped.swap(shared_->orders);
  }
  shared_->work_has_come.notify_all();
}

void BlockingPool::submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job) {
  Order order{asker, OwnedEnvelope{make_reply(id, std::move(job))}};
  std::unique_lock guard{shared_->lock};
  shared_->orders.push_back(std::move(order));
  if (shared_->idle < shared_->orders.size() && shared_->threads < shared_->max_threads) {
    try {
      start_thread("troupe-blocking", [shared = shared_] { work(*shared); }).detach();
      ++shared_->threads;
    } catch (...) {
      // The job waits for one of the threads that there are; without any it must not be done when
      // there is one, since its asker takes it for failed.
      if (shared_->threads == 0) {
        order = std::move(shared_->orders.back());  // which ends after the lock
        shared_->orders.pop_back();
        throw;
      }
    }
  }
  // Or the thread that wakes up would sleep again at once, for this lock.
  guard.unlock();
  shared_->work_has_come.notify_one();
}

}  // namespace troupe::detail
