// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Small systems that the Erlang scripts build by hand, with the parts that are here for them
// (249, 251, 252, 256).
#include <troupe/cache.hpp>
#include <troupe/circuit_breaker.hpp>
#include <troupe/pubsub.hpp>
#include <troupe/task.hpp>
#include <troupe/worker_pool.hpp>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

using namespace std::chrono_literals;

// --- 249

using TtlCache = Cache<Term, int>;

Async<Term> values(Process& self, TtlCache::Ref cache, std::vector<Term> keys) {
  std::vector<Term> all;
  for (const Term& key : keys) {
    const std::optional<int> value = co_await TtlCache::get(self, cache, key);
    all.push_back(value ? Term{*value} : Term{});
  }
  co_return list(all);
}

Async<> s249_example_ttl_cache(Process& self) {
  const auto cache = co_await TtlCache::start(self);
  const Term kept = atom("long");
  const Term brief = atom("short");
  const Term renewed = atom("renewed");
  co_await TtlCache::put(self, cache, brief, 1, 60ms);
  co_await TtlCache::put(self, cache, kept, 2, 60s);
  co_await TtlCache::put(self, cache, renewed, 3, 60ms);
  co_await TtlCache::put(self, cache, renewed, 4, 60s);
  send(cache, TtlCache::Expire{kept, 0});
  const std::vector<Term> all{brief, kept, renewed, atom("none")};
  p("fresh", co_await values(self, cache, all));
  co_await until(
      self, [&]() -> Async<bool> { co_return (co_await TtlCache::stats(self, cache)).size == 2; });
  co_await self.sleep(60ms);
  const std::vector<Term> put{brief, kept, renewed};
  p("later", co_await values(self, cache, put));
}

// --- 251

struct Lent : GenServer<Lent> {
  void handle_cast(Process& self, ExitWith m) { self.exit(m.reason); }
};
using Pool = WorkerPool<Lent>;

Async<Term> free_busy_waiting(Process& self, Pool::Pool pool) {
  const PoolStats stats = co_await Pool::stats(self, pool);
  co_return tuple({Term{stats.workers - stats.leases}, Term{stats.leases}, Term{stats.waiting}});
}
Async<> until_it_is(Process& self, Pool::Pool pool, int free, int busy, int waiting) {
  const Term wanted = tuple({free, busy, waiting});
  co_await until(
      self, [&]() -> Async<bool> { co_return (co_await free_busy_waiting(self, pool)) == wanted; });
}

Async<> s251_example_worker_pool(Process& self) {
  const auto pool = co_await Pool::start(self, child<Lent>(), PoolOptions{.workers = 2});
  const auto mine = co_await Pool::check_out(self, pool);
  const Pid client = spawn(
      [](Process& me, Pool::Pool from) -> Async<> {
        const auto lease = co_await Pool::check_out(me, from);
        co_await me.receive<Never>();
      },
      pool);
  co_await until_it_is(self, pool, 0, 2, 0);
  p("free_busy_waiting", co_await free_busy_waiting(self, pool));
  const auto waiting = Task::async(
      self,
      [](Process& me, Pool::Pool from) -> Async<Atom> {
        const auto lease = co_await Pool::check_out(me, from);
        co_return Atom{lease ? "served" : "refused"};
      },
      pool);
  co_await until_it_is(self, pool, 0, 2, 1);
  p("free_busy_waiting", co_await free_busy_waiting(self, pool));
  exit(client, atoms::kill);
  p("waiting_client", Term{co_await Task::await(self, waiting)});
  co_await until_it_is(self, pool, 1, 1, 0);
  cast(mine->worker(), ExitWith{atom("crash")});
  co_await until_it_is(self, pool, 2, 0, 0);
  p("free_busy_waiting", co_await free_busy_waiting(self, pool));
}

// --- 252

struct Unsubscribe {
  std::string topic;
};
struct Report {};

Async<> subscriber(Process& self, Pid parent, std::vector<std::string> topics) {
  for (const std::string& topic : topics) {
    co_await PubSub::subscribe(self, "bus", topic, {.with_topic = true});
  }
  send(parent, Ready{});
  std::vector<Term> log;
  for (;;) {
    const std::string leaves =
        co_await self.receive([](Unsubscribe m) { return std::move(m.topic); },
                              [&](Report) {
                                send(parent, Fact{Atom{"a"}, list(log)});
                                return std::string{};
                              },
                              [&](Published<int> m) {
                                log.push_back(tuple({atom(m.topic), Term{m.message}}));
                                return std::string{};
                              });
    if (leaves.empty()) continue;
    co_await PubSub::unsubscribe(self, "bus", leaves);
    send(parent, Ready{});
  }
}
Async<Pid> subscribed(Process& self, std::vector<std::string> topics) {
  const Pid pid = spawn(subscriber, self.pid(), std::move(topics));
  co_await self.receive<Ready>();
  co_return pid;
}

Async<> s252_example_pubsub(Process& self) {
  co_await PubSub::start_link(self, "bus");
  const std::vector<std::string> both{"news", "sport"};
  const std::vector<std::string> one{"news"};
  const Pid a = co_await subscribed(self, both);
  const Pid b = co_await subscribed(self, one);
  PubSub::publish("bus", "news", 1);
  PubSub::publish("bus", "sport", 2);
  PubSub::publish("bus", "weather", 3);
  PubSub::publish("bus", "news", 4);
  send(a, Unsubscribe{"news"});
  co_await self.receive<Ready>();
  PubSub::publish("bus", "news", 5);
  exit(b, atoms::kill);
  co_await until(self,
                 [&]() -> Async<bool> { co_return PubSub::subscriber_count("bus", "news") == 0; });
  PubSub::publish("bus", "news", 6);
  PubSub::publish("bus", "sport", 7);
  send(a, Report{});
  p("a", (co_await self.receive<Fact>()).value);
}

// --- 256

using Breaker = CircuitBreaker;

// What the service answers, behind the breaker.
Async<Term> run(Process& self, Breaker::Ref breaker, bool works) {
  const auto result = co_await Breaker::run(self, breaker, [works](Process&) {
    return works ? std::expected<void, Term>{} : std::unexpected(Term{});
  });
  co_return atom(!result ? "rejected" : result->has_value() ? "ok" : "failed");
}
Async<Term> state(Process& self, Breaker::Ref breaker) {
  constexpr const char* names[] = {"closed", "open", "half_open"};
  co_return atom(names[static_cast<int>(co_await Breaker::state(self, breaker))]);
}
Async<Term> run_and_state(Process& self, Breaker::Ref breaker, bool works) {
  const Term answer = co_await run(self, breaker, works);
  co_return tuple({answer, co_await state(self, breaker)});
}
Async<> until_half_open(Process& self, Breaker::Ref breaker) {
  co_await until(self, [&]() -> Async<bool> {
    co_return (co_await state(self, breaker)) == atom("half_open");
  });
}

Async<> s256_example_circuit_breaker(Process& self) {
  const auto breaker = co_await Breaker::start(self, BreakerOptions{.failures = 3, .pause = 100ms});
  std::vector<Term> mixed;
  for (const bool works : {false, false, true, false, false}) {
    mixed.push_back(co_await run(self, breaker, works));
  }
  p("mixed", list(mixed));
  p("third_in_a_row", co_await run_and_state(self, breaker, false));
  const Term first = co_await run(self, breaker, true);
  p("while_open", tuple({first, co_await run(self, breaker, true)}));
  co_await until_half_open(self, breaker);
  p("trial_fails", co_await run_and_state(self, breaker, false));
  co_await until_half_open(self, breaker);
  p("trial_works", co_await run_and_state(self, breaker, true));
}

constexpr Scenario scenarios[] = {
    {"249-example-ttl-cache", s249_example_ttl_cache},
    {"251-example-worker-pool", s251_example_worker_pool},
    {"252-example-pubsub", s252_example_pubsub},
    {"256-example-circuit-breaker", s256_example_circuit_breaker},
};

}  // namespace

std::span<const Scenario> service_scenarios() { return scenarios; }

}  // namespace troupe::conformance
