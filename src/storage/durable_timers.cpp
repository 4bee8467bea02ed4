// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <troupe/detail/caller_place.hpp>
#include <troupe/durable_timers.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/log.hpp>
#include <troupe/timer.hpp>

// One runtime timer stands for all: it wakes the server when the first of them is due. It is never
// set for longer than a minute, because the calendar may be set while it runs.

namespace troupe {
namespace {

using namespace std::chrono_literals;
using storage::Result;

constexpr Duration longest_wait = 1min;
constexpr Duration retry = 1s;
constexpr std::size_t page_size = 500;

class TimerServer : public GenServer<TimerServer> {
 public:
  struct Set {
    DurableTimer timer;
    using Reply = Result<void>;
  };
  struct Cancel {
    std::string name;
    using Reply = Result<bool>;
  };
  struct All {
    using Reply = std::vector<DurableTimer>;
  };
  struct Wake {};
  using Messages = troupe::Messages<Set, Cancel, All>;
  using Info = troupe::Messages<Wake>;

  TimerServer(Process& self, storage::StorePool pool, std::string prefix)
      : self_{self.pid()}, pool_{std::move(pool)}, prefix_{std::move(prefix)} {}

  Async<Init> init(Process& self) {
    auto loaded = co_await load(self);
    if (!loaded) {
      co_return Init::stop(tuple({atom("timers_not_loaded"), Atom{name_of(loaded.error().kind)},
                                  Term::binary(loaded.error().text)}));
    }
    co_await run_due(self);
    co_return Init::ok();
  }

  Async<Result<void>> handle_call(Process& self, Set m) {
    if (m.timer.every < Duration::zero()) throw ErrorException{atoms::badarg};
    auto stored = co_await store(self, m.timer);
    if (stored) {
      insert(std::move(m.timer));
      co_await run_due(self);
    }
    co_return stored;
  }
  Async<Result<bool>> handle_call(Process& self, Cancel m) {
    if (!timers_.contains(m.name)) co_return false;
    auto removed = co_await storage::remove(self, pool_, prefix_ + m.name);
    if (!removed) co_return std::unexpected(std::move(removed.error()));
    erase(m.name);
    co_return true;
  }
  std::vector<DurableTimer> handle_call(All) {
    std::vector<DurableTimer> all;
    for (const auto& [name, timer] : timers_) all.push_back(timer);
    return all;
  }
  Async<> handle_info(Process& self, Wake) {
    armed_ = {};
    co_await run_due(self);
  }

  Term introspect() const { return map({{atom("timers"), timers_.size()}}); }

 private:
  Async<Result<void>> load(Process& self) {
    std::optional<std::string> after;
    for (;;) {
      auto page = co_await storage::page(self, pool_, prefix_, after, page_size);
      if (!page) co_return std::unexpected(std::move(page.error()));
      for (const storage::Entry& entry : *page) {
        auto timer = storage::decode_value<DurableTimer>(entry.value, entry.key);
        if (!timer) co_return std::unexpected(std::move(timer.error()));
        insert(std::move(*timer));
      }
      if (page->size() < page_size) co_return Result<void>{};
      after = std::move(page->back().key);
    }
  }

  Async<Result<void>> store(Process& self, const DurableTimer& timer) {
    return storage::put_value(self, pool_, prefix_ + timer.name, timer);
  }

  void insert(DurableTimer timer) {
    erase(timer.name);
    due_.emplace(timer.at, timer.name);
    std::string name = timer.name;
    timers_.emplace(std::move(name), std::move(timer));
  }
  void erase(const std::string& name) {
    const auto found = timers_.find(name);
    if (found == timers_.end()) return;
    due_.erase({found->second.at, name});
    timers_.erase(found);
  }

  // Fires whatever is due, and sets the runtime's timer for what is not.
  Async<> run_due(Process& self) {
    std::vector<DurableTimer> due;
    const Duration now = self.system_time();
    for (const auto& [at, name] : due_) {
      if (at > now) break;
      due.push_back(timers_.at(name));
    }
    for (DurableTimer& timer : due) {
      if (whereis(timer.to)) co_await fire(self, std::move(timer), now);
    }
    arm(self);
  }

  Async<> fire(Process& self, DurableTimer timer, Duration now) {
    const bool repeats = timer.every > Duration::zero();
    // Of a timer that is late by less than a tick, nothing was missed.
    std::uint64_t passed = 1;
    if (repeats) passed += static_cast<std::uint64_t>((now - timer.at) / timer.every);
    const bool is_missed = repeats ? passed > 1 : now - timer.at > retry;
    if (is_missed && timer.missed == MissedTicks::skip) {
      passed = repeats ? passed : 1;
    } else {
      const bool each = timer.missed == MissedTicks::all;
      const std::uint64_t ticks = each ? std::min<std::uint64_t>(passed, max_missed_ticks) : 1;
      const Duration first = timer.at + (passed - ticks) * timer.every;
      for (std::uint64_t tick = 0; tick < ticks; ++tick) {
        const std::uint64_t left_out = tick + 1 == ticks ? passed - ticks : 0;
        send_to(timer, first + tick * timer.every, left_out);
      }
    }
    Result<void> done;
    if (repeats) {
      timer.at += passed * timer.every;
      done = co_await store(self, timer);
      insert(std::move(timer));
    } else {
      const std::string name = timer.name;
      done = co_await storage::remove(self, pool_, prefix_ + name);
      erase(name);
    }
    if (!done) log::error("a durable timer may fire again: {}", done.error().text);
  }

  void send_to(const DurableTimer& timer, Duration due, std::uint64_t left_out) {
    const auto missed = static_cast<std::uint32_t>(std::min<std::uint64_t>(left_out, UINT32_MAX));
    if (const Pid to = whereis(timer.to)) {
      send(to, DurableTick{timer.name, timer.message, due, missed});
    }
  }

  void arm(Process& self) {
    if (armed_) cancel_timer(std::exchange(armed_, {}));
    if (due_.empty()) return;
    const Duration left = due_.begin()->first - self.system_time();
    // What is due and still here waits for its receiver.
    const Duration wait = left > Duration::zero() ? std::min(left, longest_wait) : retry;
    armed_ = send_after(self_, wait, Wake{});
  }

  const Pid self_;
  const storage::StorePool pool_;
  const std::string prefix_;
  std::map<std::string, DurableTimer> timers_;
  std::set<std::pair<Duration, std::string>> due_;
  TimerRef armed_;
};

}  // namespace

ChildSpec DurableTimers::child(Name name, storage::StorePool pool, std::string prefix) {
  return troupe::child<TimerServer>(std::move(pool), std::move(prefix)).named(name);
}

Async<Result<void>> DurableTimers::set(Process& self, Name timers, DurableTimer timer) {
  const detail::CallerPlace place{self};
  co_return co_await place(call(self, ServerRef<TimerServer>{timers.atom},
                                TimerServer::Set{std::move(timer)}, infinity));
}

Async<Result<bool>> DurableTimers::cancel(Process& self, Name timers, std::string timer) {
  const detail::CallerPlace place{self};
  co_return co_await place(call(self, ServerRef<TimerServer>{timers.atom},
                                TimerServer::Cancel{std::move(timer)}, infinity));
}

Async<std::vector<DurableTimer>> DurableTimers::all(Process& self, Name timers) {
  const detail::CallerPlace place{self};
  co_return co_await place(call(self, ServerRef<TimerServer>{timers.atom}, TimerServer::All{}));
}

}  // namespace troupe
