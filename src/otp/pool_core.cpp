// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <list>
#include <utility>
#include <vector>

#include <troupe/detail/pool_core.hpp>
#include <troupe/log.hpp>

#include "base/flat_map.hpp"
#include "otp/child_stop.hpp"
#include "otp/restart_intensity.hpp"

namespace troupe::detail {
namespace {

constexpr std::size_t priorities = 4;

// Jobs that wait for the same worker, or for any: a line for each priority, highest first.
struct Lane {
  std::list<Ref> lines[priorities];
};

}  // namespace

// Which worker a job belongs to is decided when it comes and when the pool is resized: with
// least_busy to none, and it stands in the shared lane; else to a slot, whose lane it stands in. A
// slot outlives its worker, so a restart moves nobody.
//
// A ticket is the client's name for one job: it waits, or it holds a lease, or it is unknown, which
// is what late or doubled CheckIns meet. Each has a monitor of its client.
struct PoolCore::State {
  State(ChildSpec child, PoolOptions pool_options)
      : spec{std::move(child)},
        options{pool_options},
        intensity{options.max_restarts, options.max_seconds} {}

  struct Worker {
    std::uint32_t slot = 0;
    unsigned leases = 0;
    bool is_retiring = false;  // has no slot any more, and goes when it is free
  };
  struct Slot {
    Pid worker;
    Lane lane;
  };
  struct Waiting {
    From<PoolGrant> from;
    Ref monitor;
    std::optional<Term> key;
    std::uint64_t order;  // of its coming
    std::uint8_t priority;
    std::uint32_t slot;  // or shared
    std::list<Ref>::iterator place;
  };
  struct Lease {
    Pid worker;
    Ref monitor;
  };
  static constexpr std::uint32_t shared = UINT32_MAX;

  ChildSpec spec;
  PoolOptions options;
  RestartIntensity intensity;
  std::vector<Slot> slots;
  FlatMap<Pid, Worker> workers;
  Lane shared_lane;
  FlatMap<Ref, Waiting> waiting;  // by ticket
  FlatMap<Ref, Lease> leases;     // by ticket
  FlatMap<Ref, Ref> tickets;      // by monitor
  std::vector<From<void>> drainers;
  std::uint32_t next_slot = 0;
  std::uint64_t next_order = 0;
  bool is_draining = false;
  PoolStats counts;

  Lane& lane(std::uint32_t slot) { return slot == shared ? shared_lane : slots[slot].lane; }
  unsigned capacity(Pid worker) const {
    return options.leases_per_worker - workers.find(worker)->leases;
  }

  // Starts the worker of a slot: nothing if it did, or why not.
  Async<std::optional<ExitReason>> start_worker(Process& self, std::uint32_t slot) {
    StartOutcome outcome = co_await spec.start()->start(self, StartName{});
    if (!outcome.pid) co_return ExitReason{outcome.error.term()};
    slots[slot].worker = outcome.pid;
    workers.insert(outcome.pid, Worker{slot});
    co_return std::nullopt;
  }
  Async<> stop_worker(Process& self, Pid pid) {
    const ChildStop how = ChildStop::of(spec);
    report_stop(Term{pid}, how, co_await stop_child(self, pid, how));
  }

  std::uint32_t route(const std::optional<Term>& key) {
    if (options.routing == PoolRouting::least_busy) return shared;
    if (options.routing == PoolRouting::by_key && key) return phash2(*key, slots.size());
    return next_slot++ % static_cast<std::uint32_t>(slots.size());
  }
  // The worker to take for a job of this slot now; null if none is free.
  Pid free_worker(std::uint32_t slot) const {
    if (slot != shared) {
      const Pid worker = slots[slot].worker;
      return worker && capacity(worker) > 0 ? worker : Pid{};
    }
    Pid best;
    for (const Slot& candidate : slots) {
      if (!candidate.worker || capacity(candidate.worker) == 0) continue;
      if (!best || capacity(candidate.worker) > capacity(best)) best = candidate.worker;
      if (capacity(best) == options.leases_per_worker) break;
    }
    return best;
  }

  void grant(Ref ticket, Ref monitor, Pid worker, From<PoolGrant> from) {
    ++workers.find(worker)->leases;
    leases.insert(ticket, Lease{worker, monitor});
    ++counts.served;
    reply(std::move(from), PoolGrant{worker});
  }
  void refuse(From<PoolGrant> from, PoolError::Code why) {
    ++counts.rejected;
    reply(std::move(from), PoolGrant{std::unexpected(PoolError{why})});
  }

  void stand(Ref ticket, Waiting job) {
    job.slot = route(job.key);
    auto& line = lane(job.slot).lines[job.priority];
    job.place = line.insert(line.end(), ticket);
    waiting.insert(ticket, std::move(job));
  }
  // Takes a ticket out of its line.
  std::optional<Waiting> leave(Ref ticket) {
    std::optional<Waiting> job = waiting.take(ticket);
    if (job) lane(job->slot).lines[job->priority].erase(job->place);
    return job;
  }
  // Gives a free worker to those who wait for it.
  void serve(std::uint32_t slot) {
    for (auto& line : lane(slot).lines) {
      while (!line.empty()) {
        const Pid worker = free_worker(slot);
        if (!worker) return;
        const Ref ticket = line.front();
        std::optional<Waiting> job = leave(ticket);
        grant(ticket, job->monitor, worker, std::move(job->from));
      }
    }
    finish_drain();
  }
  void finish_drain() {
    if (!is_draining || !waiting.empty() || !leases.empty()) return;
    for (From<void>& from : drainers) reply(std::move(from));
    drainers.clear();
  }

  // The job that has waited longest among those of the lowest priority.
  Ref oldest() const {
    Ref found;
    const Waiting* held = nullptr;
    for (auto [ticket, job] : waiting) {
      if (!held || job.priority > held->priority ||
          (job.priority == held->priority && job.order < held->order)) {
        found = ticket;
        held = &job;
      }
    }
    return found;
  }
  void drop(Process& self, Ref ticket) {
    std::optional<Waiting> job = leave(ticket);
    forget_monitor(self, job->monitor);
    refuse(std::move(job->from), PoolError::Code::overloaded);
  }

  void forget_monitor(Process& self, Ref monitor) {
    self.demonitor(monitor, Flush::yes);
    tickets.erase(monitor);
  }
  // A worker has one lease less.
  void release(Pid pid) {
    Worker* worker = workers.find(pid);
    if (!worker) return;
    --worker->leases;
    if (!worker->is_retiring) {
      serve(options.routing == PoolRouting::least_busy ? shared : worker->slot);
    } else if (worker->leases == 0) {
      // Its EXIT is expected: see worker_exit.
      exit(pid, spec.is_brutal() ? atoms::kill : atoms::shutdown);
    }
    finish_drain();
  }
  // Takes all who wait out of their lines, in the order of their coming.
  std::vector<std::pair<Ref, Waiting>> leave_all() {
    std::vector<std::pair<std::uint64_t, Ref>> order;
    for (auto [ticket, job] : waiting) order.emplace_back(job.order, ticket);
    std::ranges::sort(order);
    std::vector<std::pair<Ref, Waiting>> jobs;
    for (const auto& [at, ticket] : order) jobs.emplace_back(ticket, *leave(ticket));
    return jobs;
  }
};

PoolCore::PoolCore(ChildSpec worker, PoolOptions options)
    : state_{std::make_unique<State>(std::move(worker), options)} {
  if (options.workers == 0 || options.leases_per_worker == 0) {
    throw ErrorException{tuple({atoms::badarg, Term{Atom{"a_pool_without_workers"}}})};
  }
}
PoolCore::~PoolCore() = default;

Async<Init> PoolCore::start(Process& self) {
  state_->slots.resize(state_->options.workers);
  for (std::uint32_t slot = 0; slot < state_->options.workers; ++slot) {
    if (auto reason = co_await state_->start_worker(self, slot)) {
      co_await stop(self);
      co_return Init::stop(std::move(*reason));
    }
  }
  co_return Init::ok();
}

Async<> PoolCore::stop(Process& self) {
  std::vector<Pid> pids;
  for (auto [pid, worker] : state_->workers) pids.push_back(pid);
  state_->workers.clear();
  while (!pids.empty()) {
    co_await state_->stop_worker(self, pids.back());
    pids.pop_back();
  }
}

void PoolCore::check_out(Process& self, PoolCheckOut request, From<PoolGrant> from) {
  State& state = *state_;
  if (state.is_draining) return state.refuse(std::move(from), PoolError::Code::draining);
  const bool is_full = state.waiting.size() >= state.options.max_waiting;
  const Ref monitor = self.monitor(request.client);
  state.tickets.insert(monitor, request.ticket);
  state.stand(request.ticket, State::Waiting{std::move(from),
                                             monitor,
                                             std::move(request.key),
                                             state.next_order++,
                                             static_cast<std::uint8_t>(request.priority),
                                             State::shared,
                                             {}});
  state.serve(state.waiting.find(request.ticket)->slot);
  if (!is_full || !state.waiting.contains(request.ticket)) return;
  const bool drops = state.options.overload == PoolOverload::drop_oldest;
  state.drop(self, drops ? state.oldest() : request.ticket);
}

void PoolCore::check_in(Process& self, Ref ticket) {
  State& state = *state_;
  if (const std::optional<State::Lease> lease = state.leases.take(ticket)) {
    state.forget_monitor(self, lease->monitor);
    state.release(lease->worker);
  } else if (std::optional<State::Waiting> job = state.leave(ticket)) {
    state.forget_monitor(self, job->monitor);
    // Its client has given up: the answer goes nowhere, but the token wants one.
    reply(std::move(job->from), PoolGrant{std::unexpected(PoolError{PoolError::Code::timeout})});
    state.finish_drain();
  }
}

void PoolCore::client_down(Process& self, const Down& down) {
  if (const Ref* ticket = state_->tickets.find(down.ref)) check_in(self, Ref{*ticket});
}

Async<Next> PoolCore::worker_exit(Process& self, Exit exit) {
  State& state = *state_;
  const std::optional<State::Worker> worker = state.workers.take(exit.from);
  if (!worker) co_return Next::noreply();
  // Whoever had it on loan is told by the worker's own end.
  std::vector<Ref> lost;
  for (auto [ticket, lease] : state.leases) {
    if (lease.worker == exit.from) lost.push_back(ticket);
  }
  for (const Ref ticket : lost) state.forget_monitor(self, state.leases.take(ticket)->monitor);
  if (!worker->is_retiring) {
    report_end(Term{exit.from}, permanent, exit.reason);
    state.slots[worker->slot].worker = Pid{};
    ++state.counts.restarts;
    if (!state.intensity.allows(self.monotonic_time().count())) {
      log::error("a pool gives up: its workers end too often");
      co_return Next::stop(atoms::shutdown);
    }
    if (auto reason = co_await state.start_worker(self, worker->slot)) {
      co_return Next::stop(
          tuple({Term{Atom{"failed_to_start_worker"}}, std::move(*reason).term()}));
    }
    state.serve(state.options.routing == PoolRouting::least_busy ? State::shared : worker->slot);
  }
  state.finish_drain();
  co_return Next::noreply();
}

Async<> PoolCore::resize(Process& self, unsigned count) {
  State& state = *state_;
  if (count == 0) {
    throw ErrorException{tuple({atoms::badarg, Term{Atom{"a_pool_without_workers"}}})};
  }
  auto jobs = state.leave_all();
  std::vector<Pid> free;
  for (std::uint32_t slot = count; slot < state.slots.size(); ++slot) {
    const Pid pid = state.slots[slot].worker;
    state.workers.find(pid)->is_retiring = true;
    if (state.workers.find(pid)->leases == 0) free.push_back(pid);
  }
  if (count < state.slots.size()) state.slots.resize(count);
  while (state.slots.size() < count) {
    state.slots.emplace_back();
    const auto slot = static_cast<std::uint32_t>(state.slots.size() - 1);
    if (auto reason = co_await state.start_worker(self, slot)) {
      throw ErrorException{tuple({Term{Atom{"failed_to_start_worker"}}, reason->term()})};
    }
  }
  for (const Pid pid : free) {
    state.workers.erase(pid);
    co_await state.stop_worker(self, pid);
  }
  for (auto& [ticket, job] : jobs) state.stand(ticket, std::move(job));
  state.serve(State::shared);
  for (std::uint32_t slot = 0; slot < count; ++slot) state.serve(slot);
}

void PoolCore::drain(From<void> from) {
  state_->is_draining = true;
  if (state_->waiting.empty() && state_->leases.empty()) return reply(std::move(from));
  state_->drainers.push_back(std::move(from));
}

PoolStats PoolCore::stats() const {
  PoolStats now = state_->counts;
  now.workers = static_cast<unsigned>(state_->slots.size());
  now.leases = state_->leases.size();
  now.waiting = state_->waiting.size();
  return now;
}

}  // namespace troupe::detail
