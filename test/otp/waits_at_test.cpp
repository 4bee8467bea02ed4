// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Where process_info says that a process waits: at the line of its own code, however deep inside of
// the library it stands.
#include <atomic>
#include <gtest/gtest.h>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

#include <troupe/blocking.hpp>
#include <troupe/dynamic_supervisor.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/request.hpp>
#include <troupe/retry.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>
#include <troupe/task.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Go {};

// Never gets to its requests.
struct Busy : GenServer<Busy> {
  struct Ask {
    using Reply = int;
  };
  Async<> handle_info(Process& self, Go) { co_await self.sleep(infinity); }
  int handle_call(Ask) { return 0; }
};

// Never gets to the end of its start.
struct Starting : GenServer<Starting> {
  Async<Init> init(Process& self) {
    co_await self.sleep(infinity);
    co_return Init::ok();
  }
};

int here(std::source_location where = std::source_location::current()) {
  return static_cast<int>(where.line());
}

// Waits until `pid` stands in a wait on this line of this file.
Async<bool> comes_to_wait_at(Process& self, Pid pid, int line) {
  const std::string place = "waits_at_test.cpp:" + std::to_string(line);
  std::string seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto info = co_await process_info(self, pid);
    if (!info) co_return false;
    seen = info->waits_at;
    if (info->state == ProcessInfo::State::waiting && seen.ends_with(place)) co_return true;
    co_await self.sleep(1ms);
  }
  ADD_FAILURE() << "waits at " << seen << ", and not at " << place;
  co_return false;
}

struct WaitsAt : testing::Test {
  test::CapturedLog log_;
};

// Each body says in which line it is about to wait, and then does so for ever.
using Waits = Async<> (*)(Process& self, Pid main, Pid busy);

Async<> expect_place(Process& self, Waits body) {
  const auto busy = co_await Busy::start(self);
  send(busy, Go{});
  const Pid waiter = spawn([](Process& me, Waits wait, Pid main,
                              Pid server) -> Async<> { co_await wait(me, main, server); },
                           body, self.pid(), busy.pid());
  const int line = co_await self.receive<int>();
  EXPECT_TRUE(co_await comes_to_wait_at(self, waiter, line));
  // Some wait for what never comes, and would not end of themselves.
  for (Pid pid : self.runtime().processes()) {
    if (pid != self.pid()) exit(pid, "kill");
  }
}

TEST_F(WaitsAt, calls_and_what_is_built_on_them) {
  on_every_executor([](Process& self) -> Async<> {
    co_await expect_place(self, [](Process& me, Pid main, Pid busy) -> Async<> {
      send(main, here() + 1);
      (void)co_await call(me, ServerRef<Busy>{busy}, Busy::Ask{}, infinity);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid busy) -> Async<> {
      send(main, here() + 1);
      (void)co_await sys::get_state(me, busy, infinity);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid busy) -> Async<> {
      send(main, here() + 1);
      co_await stop(me, busy);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid busy) -> Async<> {
      const std::vector<ServerRef<Busy>> all{ServerRef<Busy>{busy}};
      send(main, here() + 1);
      (void)co_await multi_call(me, all, Busy::Ask{}, infinity);
    });
  });
}

TEST_F(WaitsAt, starts) {
  on_every_executor([](Process& self) -> Async<> {
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      send(main, here() + 1);
      co_await Starting::start_link(me);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      send(main, here() + 1);
      co_await Supervisor::start_link(me, children(child<Starting>()));
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const auto supervisor = co_await DynamicSupervisor::start_link(me);
      send(main, here() + 1);
      (void)co_await DynamicSupervisor::start_child(me, supervisor, child<Starting>());
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const auto supervisor = co_await Supervisor::start_link(me, {});
      co_await sys::suspend(me, supervisor.pid());
      send(main, here() + 1);
      (void)co_await Supervisor::count_children(me, supervisor);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const auto supervisor = co_await DynamicSupervisor::start_link(me);
      co_await sys::suspend(me, supervisor.pid());
      send(main, here() + 1);
      co_await DynamicSupervisor::subscribe(me, supervisor);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const auto supervisor = co_await DynamicSupervisor::start_link(me);
      co_await sys::suspend(me, supervisor.pid());
      send(main, here() + 1);
      co_await DynamicSupervisor::unsubscribe(me, supervisor);
    });
  });
}

TEST_F(WaitsAt, tasks_and_tries) {
  on_every_executor([](Process& self) -> Async<> {
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const auto task =
          Task::async(me, [](Process& other) -> Async<> { co_await other.sleep(infinity); });
      send(main, here() + 1);
      co_await Task::await(me, task, infinity);
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const std::vector tasks{
          Task::async(me, [](Process& other) -> Async<> { co_await other.sleep(infinity); })};
      send(main, here() + 1);
      (void)co_await Task::yield_many(me, tasks, infinity);
    });
    // What fails is tried again after a pause, and what is tried has a line of its own.
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const RetryOptions often{.first_delay = 1h, .max_delay = 1h};
      send(main, here() + 1);
      (void)co_await retry(me, often, [](Process&) -> int { throw std::runtime_error{"no"}; });
    });
    co_await expect_place(self, [](Process& me, Pid main, Pid) -> Async<> {
      const auto tried = [main](Process& other) -> Async<> {
        send(main, here() + 1);
        co_await other.sleep(infinity);
      };
      co_await retry(me, RetryOptions{}, tried);
    });
  });
}

// Which wait it is seen in is the schedule's choice; it is never one of the library's own lines.
TEST_F(WaitsAt, questions_to_processes) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid asker = spawn(
        [](Process& me, Pid main) -> Async<> {
          for (;;) {
            (void)co_await is_alive(me, main);
            (void)co_await process_info(me, main);
          }
        },
        self.pid());
    co_await self.yield();
    int seen = 0;
    while (seen < 20) {
      const auto info = co_await process_info(self, asker);
      if (info->waits_at.empty()) continue;  // not begun
      ++seen;
      EXPECT_TRUE(info->waits_at.contains("waits_at_test.cpp:")) << info->waits_at;
    }
    exit(asker, "kill");
  });
}

// In the simulator nobody waits for what blocks.
TEST_F(WaitsAt, blocking_work) {
  test::on_real_executors([](Process& self) -> Async<> {
    std::atomic<bool> done{false};
    const Pid waiter = spawn(owned([&done, main = self.pid()](Process& me) -> Async<> {
      send(main, here() + 1);
      co_await blocking(me, [&done] { done.wait(false); });
      send(main, Go{});
    }));
    const int line = co_await self.receive<int>();
    EXPECT_TRUE(co_await comes_to_wait_at(self, waiter, line));
    done = true;
    done.notify_all();
    (void)co_await self.receive<Go>();
  });
}

}  // namespace
}  // namespace troupe
