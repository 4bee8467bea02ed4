// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The worker pool: routing, priorities, overload, and the ends of clients, workers and pool.
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>
#include <troupe/worker_pool.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class WorkerPoolTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

// Says who it is, fails when told to, and takes its time.
struct Clerk : GenServer<Clerk> {
  struct Who {
    using Reply = Pid;
  };
  struct Fail {
    using Reply = void;
  };
  struct Nap {
    Duration time;
    using Reply = int;
  };
  Pid handle_call(Process& self, Who) { return self.pid(); }
  void handle_call(Process& self, Fail) { self.exit("clumsy"); }
  Async<int> handle_call(Process& self, Nap m) {
    co_await self.sleep(m.time);
    co_return 1;
  }
};
using Pool = WorkerPool<Clerk>;
using Code = PoolError::Code;

Async<Pool::Pool> start_pool(Process& self, PoolOptions options) {
  co_return co_await Pool::start_link(self, child<Clerk>(), options);
}
Async<Pool::Lease> lease_of(Process& self, Pool::Pool pool, JobOptions job = {}) {
  co_return std::move(*co_await Pool::check_out(self, pool, std::move(job)));
}
Async<Pid> who(Process& self, Pool::Pool pool, JobOptions job = {}) {
  co_return *co_await Pool::run(self, pool, Clerk::Who{}, std::move(job));
}

// A client of its own: waits for a worker, says that it has it, and keeps it until told otherwise.
struct Served {
  int number;
};
struct Refused {
  int number;
  Code why;
};
Async<> client(Process& self, Pool::Pool pool, Pid to, int number, Priority priority) {
  auto lease = co_await Pool::check_out(self, pool, {.priority = priority});
  if (!lease) {
    send(to, Refused{number, lease.error().code});
    co_return;
  }
  send(to, Served{number});
  (void)co_await self.receive<Atom>();
}
Async<Pid> waiting_client(Process& self, Pool::Pool pool, int number,
                          Priority priority = Priority::normal) {
  const std::size_t before = (co_await Pool::stats(self, pool)).waiting;
  const Pid pid = spawn(client, pool, self.pid(), number, priority);
  while ((co_await Pool::stats(self, pool)).waiting == before) co_await self.yield();
  co_return pid;
}

TEST_F(WorkerPoolTest, a_job_is_done_by_a_free_worker_and_the_worker_comes_back) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 2});
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(co_await Pool::run(self, pool, Clerk::Nap{Duration::zero()}), 1);
    }
    {
      const auto one = co_await lease_of(self, pool);
      const auto two = co_await lease_of(self, pool);
      EXPECT_NE(one.worker(), two.worker());
      EXPECT_EQ((co_await Pool::stats(self, pool)).leases, 2u);
    }
    const PoolStats stats = co_await Pool::stats(self, pool);
    EXPECT_EQ(stats.leases, 0u);
    EXPECT_EQ(stats.served, 7u);
    EXPECT_EQ(*(co_await sys::get_state(self, pool.pid())).find(Atom{"workers"}), Term{2});
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, round_robin_gives_each_worker_its_turn) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool =
        co_await start_pool(self, {.workers = 3, .routing = PoolRouting::round_robin});
    std::vector<Pid> order;
    for (int i = 0; i < 6; ++i) order.push_back(co_await who(self, pool));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(order[i], order[i + 3]);
    EXPECT_NE(order[0], order[1]);
    EXPECT_NE(order[1], order[2]);
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, a_key_has_one_worker_and_its_number_is_the_keys_phash2) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 4, .routing = PoolRouting::by_key});
    std::vector<Pid> by_slot(4);
    for (int key = 0; key < 40; ++key) {
      const Pid worker = co_await who(self, pool, {.key = Term{key}});
      Pid& slot = by_slot[phash2(Term{key}, 4)];
      if (!slot) slot = worker;
      EXPECT_EQ(slot, worker) << key;
    }
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, the_least_busy_worker_is_taken) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 2, .leases_per_worker = 3});
    const auto one = co_await lease_of(self, pool);
    const auto two = co_await lease_of(self, pool);
    EXPECT_NE(one.worker(), two.worker());
    auto three = co_await lease_of(self, pool);
    const auto four = co_await lease_of(self, pool);
    EXPECT_NE(three.worker(), four.worker());
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, those_who_wait_go_by_priority_and_then_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 1});
    std::vector<Pid> clients;
    {
      const auto lease = co_await lease_of(self, pool);
      clients.push_back(co_await waiting_client(self, pool, 3));
      clients.push_back(co_await waiting_client(self, pool, 5, Priority::low));
      clients.push_back(co_await waiting_client(self, pool, 4));
      clients.push_back(co_await waiting_client(self, pool, 1, Priority::max));
      clients.push_back(co_await waiting_client(self, pool, 2, Priority::high));
    }
    for (int i = 1; i <= 5; ++i) {
      EXPECT_EQ((co_await self.receive<Served>()).number, i);
      for (const Pid pid : clients) send(pid, Atom{"done"});
    }
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, a_full_pool_rejects_the_newcomer_or_drops_the_oldest_of_the_lowest) {
  on_every_executor([](Process& self) -> Async<> {
    for (const PoolOverload overload : {PoolOverload::reject, PoolOverload::drop_oldest}) {
      const auto pool =
          co_await start_pool(self, {.workers = 1, .max_waiting = 2, .overload = overload});
      const auto lease = co_await lease_of(self, pool);
      co_await waiting_client(self, pool, 1, Priority::high);
      co_await waiting_client(self, pool, 2);
      spawn(client, pool, self.pid(), 3, Priority::normal);
      const auto refused = co_await self.receive<Refused>();
      EXPECT_EQ(refused.number, overload == PoolOverload::reject ? 3 : 2);
      EXPECT_EQ(refused.why, Code::overloaded);
      const PoolStats stats = co_await Pool::stats(self, pool);
      EXPECT_EQ(stats.waiting, 2u);
      EXPECT_EQ(stats.rejected, 1u);
      co_await stop(self, pool);
      // Whoever still waits is told that the pool has ended.
      for (int i = 0; i < 2; ++i) EXPECT_EQ((co_await self.receive<Refused>()).why, Code::failed);
    }
  });
}

TEST_F(WorkerPoolTest, a_client_that_gives_up_or_dies_leaves_nothing_behind) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 1});
    {
      const auto lease = co_await lease_of(self, pool);
      EXPECT_EQ((co_await Pool::check_out(self, pool, {.timeout = 1ms})).error().code,
                Code::timeout);
      exit(co_await waiting_client(self, pool, 1), atoms::kill);
      while ((co_await Pool::stats(self, pool)).waiting > 0) co_await self.yield();
    }
    const Pid holder = spawn(client, pool, self.pid(), 2, Priority::normal);
    co_await self.receive<Served>();
    exit(holder, atoms::kill);
    EXPECT_EQ(co_await Pool::run(self, pool, Clerk::Nap{Duration::zero()}), 1);
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, a_worker_that_dies_is_replaced_and_its_caller_told) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 1});
    const Pid before = co_await who(self, pool);
    const auto failed = co_await Pool::run(self, pool, Clerk::Fail{});
    EXPECT_EQ(failed.error().code, Code::failed);
    EXPECT_EQ(failed.error().reason, ExitReason{"clumsy"});
    EXPECT_NE(co_await who(self, pool), before);
    EXPECT_EQ((co_await Pool::stats(self, pool)).restarts, 1u);
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, a_job_that_takes_too_long_times_out) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 1});
    const auto late = co_await Pool::run(self, pool, Clerk::Nap{500ms}, {.timeout = 1ms});
    EXPECT_EQ(late.error().code, Code::timeout);
    EXPECT_EQ(co_await Pool::run(self, pool, Clerk::Nap{Duration::zero()}), 1);
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, too_many_restarts_end_the_pool_and_the_waiting_are_told) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto pool = co_await start_pool(self, {.workers = 1, .max_restarts = 2});
    for (int i = 0; i < 3; ++i) (void)co_await Pool::run(self, pool, Clerk::Fail{});
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
    EXPECT_EQ((co_await Pool::run(self, pool, Clerk::Who{})).error().code, Code::failed);
  });
}

TEST_F(WorkerPoolTest, it_grows_and_shrinks_while_jobs_run_and_wait) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool =
        co_await start_pool(self, {.workers = 1, .routing = PoolRouting::round_robin});
    auto lease = std::optional{co_await lease_of(self, pool)};
    const Pid one = co_await waiting_client(self, pool, 1);
    const Pid two = co_await waiting_client(self, pool, 2);
    co_await Pool::resize(self, pool, 3);
    co_await self.receive<Served>();
    EXPECT_EQ((co_await Pool::stats(self, pool)).workers, 3u);
    co_await Pool::resize(self, pool, 1);
    send(one, Atom{"done"});
    send(two, Atom{"done"});
    const ServerRef<Clerk> worker = lease->worker();
    lease.reset();
    EXPECT_EQ(co_await who(self, pool), worker.pid());
    while ((co_await Pool::stats(self, pool)).leases > 0) co_await self.yield();
    EXPECT_EQ((co_await Pool::stats(self, pool)).restarts, 0u);
    const auto info = co_await process_info(self, pool.pid());
    EXPECT_LE(info->links.size(), 4u);
    EXPECT_THROW(co_await Pool::resize(self, named<Pool>("nobody"), 2), CallException);
    co_await stop(self, pool);
  });
}

TEST_F(WorkerPoolTest, draining_finishes_what_is_there_and_takes_nothing_new) {
  on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 1});
    const Pid holder = spawn(client, pool, self.pid(), 1, Priority::normal);
    co_await self.receive<Served>();
    const Pid waiting = co_await waiting_client(self, pool, 2);
    spawn_link(
        [](Process& p, Pool::Pool of, Pid to) -> Async<> {
          co_await Pool::drain(p, of);
          send(to, Atom{"drained"});
        },
        pool, self.pid());
    const JobOptions soon{.timeout = 1ms};
    while ((co_await Pool::check_out(self, pool, soon)).error().code != Code::draining) {
    }
    EXPECT_FALSE(co_await self.receive<Atom>(Duration::zero()));
    send(holder, Atom{"done"});
    EXPECT_EQ((co_await self.receive<Served>()).number, 2);
    send(waiting, Atom{"done"});
    co_await self.receive<Atom>();
    co_await Pool::drain(self, pool);
    co_await stop(self, pool);
  });
}

struct Stubborn : GenServer<Stubborn> {
  Init init() { return Init::stop("no"); }
};

TEST_F(WorkerPoolTest, a_pool_whose_workers_do_not_start_does_not_start) {
  on_every_executor([](Process& self) -> Async<> {
    using Bad = WorkerPool<Stubborn>;
    EXPECT_EQ((co_await Bad::try_start(self, child<Stubborn>(), PoolOptions{})).error().term(),
              atom("no"));
    EXPECT_FALSE(co_await Pool::try_start(self, child<Clerk>(), PoolOptions{.workers = 0}));
  });
}

TEST_F(WorkerPoolTest, every_job_is_done_once_under_every_schedule_of_crashes) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto pool = co_await start_pool(self, {.workers = 3, .max_restarts = 1'000});
        for (int i = 0; i < 12; ++i) {
          spawn_link(
              [](Process& p, Pool::Pool of, Pid to, int number) -> Async<> {
                for (int job = 0; job < 4; ++job) {
                  if (p.random() % 4 == 0) {
                    const auto failed = co_await Pool::run(p, of, Clerk::Fail{});
                    EXPECT_EQ(failed.error().code, Code::failed);
                  } else {
                    const auto done = co_await Pool::run(p, of, Clerk::Nap{1us});
                    // Its worker may be one that has just died of somebody else's job.
                    if (!done) {
                      EXPECT_EQ(done.error().code, Code::failed);
                    }
                  }
                }
                send(to, Served{number});
              },
              pool, self.pid(), i);
        }
        for (int i = 0; i < 12; ++i) co_await self.receive<Served>();
        co_await Pool::drain(self, pool);
        const PoolStats stats = co_await Pool::stats(self, pool);
        EXPECT_EQ(stats.served, 48u);
        EXPECT_EQ(stats.leases, 0u);
        co_await stop(self, pool);
      },
      100);
}

TEST_F(WorkerPoolTest, a_hundred_thousand_jobs_wait_and_are_all_done) {
  test::on_two_workers([](Process& self) -> Async<> {
    const auto pool = co_await start_pool(self, {.workers = 8, .max_waiting = 100'000});
    for (int i = 0; i < 100'000; ++i) {
      spawn(
          [](Process& p, Pool::Pool of, Pid to) -> Async<> {
            const auto who =
                co_await Pool::run(p, of, Clerk::Who{}, {.timeout = std::chrono::hours{1}});
            send(to, Served{who.has_value()});
          },
          pool, self.pid());
    }
    int done = 0;
    for (int i = 0; i < 100'000; ++i) done += (co_await self.receive<Served>()).number;
    EXPECT_EQ(done, 100'000);
    co_await stop(self, pool);
  });
}

}  // namespace
}  // namespace troupe
