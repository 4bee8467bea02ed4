// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/pool_core.hpp>

namespace troupe {

template <class W>
class WorkerPool;

// A worker on loan. Back in the pool when this is destroyed, also by the end of its process.
// Move-only, and for the process that has it from check_out.
template <class W>
class PoolLease {
 public:
  using Pool = ServerRef<WorkerPool<W>>;

  PoolLease(Pool pool, Ref ticket, ServerRef<W> worker) noexcept
      : pool_{pool}, ticket_{ticket}, worker_{worker} {}
  PoolLease(PoolLease&& other) noexcept
      : pool_{other.pool_}, ticket_{std::exchange(other.ticket_, Ref{})}, worker_{other.worker_} {}
  PoolLease& operator=(PoolLease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ticket_, other.ticket_);
    std::swap(worker_, other.worker_);
    return *this;
  }
  ~PoolLease() {
    if (ticket_) cast(pool_, typename WorkerPool<W>::CheckIn{ticket_});
  }

  ServerRef<W> worker() const noexcept { return worker_; }

 private:
  Pool pool_;
  Ref ticket_;
  ServerRef<W> worker_;
};

// A fixed number of servers of one type that take jobs in turn: for what is scarce (connections),
// or is to be done a few at a time (parsing, hashing).
//
//     using Hashers = WorkerPool<Hasher>;
//     const PoolOptions options{.workers = 8};
//     const auto pool = co_await Hashers::start_link(self, child<Hasher>(), options);
//     auto hash = co_await Hashers::run(self, pool, Hasher::Hash{"text"});
//     auto mine = co_await Hashers::run(self, pool, Hasher::Hash{"x"}, {.key = Term{user_id}});
//
// A job has a worker to itself (PoolOptions::leases_per_worker says otherwise); jobs that find none
// free wait, higher priorities first, then the order of their coming. The pool lends the worker,
// and the client calls it directly, so that an answer never passes through the pool.
//
// A worker that ends is started anew in its place; who was calling it gets its reason, who waits
// goes on waiting. A client that ends gives back what it had. The pool is linked to its workers,
// and stops them as their specification says when it ends itself. While a worker starts or stops,
// the pool serves nobody, so a slow constructor belongs into handle_continue.
//
// A job for a pool that is not there has failed with `noproc`; the other functions throw
// CallException then.
template <class W>
class WorkerPool : public GenServer<WorkerPool<W>> {
 public:
  using Pool = ServerRef<WorkerPool>;
  using Lease = PoolLease<W>;

  // --- For its users. start, start_link and so on are GenServer's, and take child<W>(...) and
  // PoolOptions.

  // The worker's answer to `message`, or why there is none.
  template <class M>
  static auto run(Process& self, Pool pool, M message, JobOptions job = {})
      -> Async<std::expected<detail::ReplyOf<W, M>, PoolError>> {
    const detail::CallerPlace place{self};
    const Duration timeout = job.timeout;
    std::expected<Lease, PoolError> lease = co_await place(check_out(self, pool, std::move(job)));
    if (!lease) co_return std::unexpected(std::move(lease.error()));
    auto answer = co_await place(try_call(self, lease->worker(), std::move(message), timeout));
    if (!answer) co_return std::unexpected(error_of(std::move(answer.error())));
    if constexpr (std::is_void_v<detail::ReplyOf<W, M>>) {
      co_return std::expected<void, PoolError>{};
    } else {
      co_return std::move(*answer);
    }
  }

  // A worker for several calls.
  static Async<std::expected<Lease, PoolError>> check_out(Process& self, Pool pool,
                                                          JobOptions job = {}) {
    const detail::CallerPlace place{self};
    const Ref ticket = self.make_ref();
    auto granted = co_await place(try_call(
        self, pool, detail::PoolCheckOut{ticket, self.pid(), job.priority, std::move(job.key)},
        job.timeout));
    if (granted && *granted) co_return Lease{pool, ticket, ServerRef<W>{**granted}};
    if (granted) co_return std::unexpected(std::move(granted->error()));
    // Whether it is still waiting or was granted just now.
    if (granted.error().code == CallError::Code::timeout) cast(pool, CheckIn{ticket});
    co_return std::unexpected(error_of(std::move(granted.error())));
  }

  // Starts more workers, or lets the last ones go as soon as they are free. By key, most keys
  // change their worker.
  static auto resize(Process& self, Pool pool, unsigned workers) {
    return call(self, pool, Resize{workers}, infinity);
  }
  // Takes no new jobs from now on, and returns when all that wait or run are done.
  static auto drain(Process& self, Pool pool, Duration timeout = infinity) {
    return call(self, pool, Drain{}, timeout);
  }
  // What it has done since its start, and who works and waits now.
  static auto stats(Process& self, Pool pool) { return call(self, pool, Stats{}); }

  // --- The server.

  struct CheckIn {
    Ref ticket;
  };
  struct Resize {
    unsigned workers;
    using Reply = void;
  };
  struct Drain {
    using Reply = void;
  };
  struct Stats {
    using Reply = PoolStats;
  };

  WorkerPool(Process& self, ChildSpec worker, PoolOptions options = {})
      : core_{std::move(worker), options} {
    self.trap_exits();
  }
  Async<Init> init(Process& self) { return core_.start(self); }
  Async<> terminate(Process& self, ExitReason) { return core_.stop(self); }
  void handle_call(Process& self, detail::PoolCheckOut m, From<detail::PoolGrant> from) {
    core_.check_out(self, std::move(m), std::move(from));
  }
  Async<> handle_call(Process& self, Resize m) { return core_.resize(self, m.workers); }
  void handle_call(Drain, From<void> from) { core_.drain(std::move(from)); }
  PoolStats handle_call(Stats) { return core_.stats(); }
  void handle_cast(Process& self, CheckIn m) { core_.check_in(self, m.ticket); }
  void handle_info(Process& self, Down down) { core_.client_down(self, down); }
  Async<Next> handle_info(Process& self, Exit exit) {
    return core_.worker_exit(self, std::move(exit));
  }
  Term introspect() const {
    const PoolStats now = core_.stats();
    return map({{Term{Atom{"workers"}}, now.workers},
                {Term{Atom{"leases"}}, now.leases},
                {Term{Atom{"waiting"}}, now.waiting},
                {Term{Atom{"served"}}, now.served},
                {Term{Atom{"rejected"}}, now.rejected},
                {Term{Atom{"restarts"}}, now.restarts}});
  }

 private:
  static PoolError error_of(CallError error) {
    if (error.code == CallError::Code::timeout) return {PoolError::Code::timeout};
    return {PoolError::Code::failed, std::move(error.reason)};
  }

  detail::PoolCore core_;
};

}  // namespace troupe
