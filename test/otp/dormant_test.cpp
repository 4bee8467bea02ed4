// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <stdexcept>
#include <vector>

#include <troupe/blocking.hpp>
#include <troupe/dormant.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/request.hpp>
#include <troupe/spawn.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class DormantServer : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Count {
  using Reply = int;
};
struct CountAndStayUp {
  using Reply = int;
};
struct Crash {};
struct Leave {};
struct Destroyed {
  bool asleep;
};

struct SleepyKind : DormantKind {
  SleepyKind();
};
extern SleepyKind kind;

struct Asleep : Dormant {
  int count;
  Pid tell;
};

struct Sleepy : GenServer<Sleepy> {
  Sleepy(int count, Pid tell) : count_{count}, tell_{tell} {}
  ~Sleepy() {
    if (tell_) send(tell_, Destroyed{false});
  }
  Sleepy(Sleepy&&) = delete;

  Next rest(Process& self) {
    sleep_as(self, DormantPtr{new Asleep{{&kind}, count_, std::exchange(tell_, Pid{})}});
    return Next::noreply();
  }
  Answer<int> handle_call(Process& self, Count) { return {++count_, rest(self)}; }
  int handle_call(CountAndStayUp) { return ++count_; }
  Next handle_cast(Process& self, Leave) {
    (void)rest(self);
    return Next::stop();
  }
  Next handle_info(Process& self, Leave) { return handle_cast(self, Leave{}); }
  Next handle_info(Crash) { throw std::runtime_error("as asked"); }
  using Info = troupe::Messages<Leave, Crash>;

  int count_;
  Pid tell_;
};

SleepyKind::SleepyKind() {
  wake = [](Process& self, DormantPtr sleeper) {
    const std::unique_ptr<Asleep> mine{static_cast<Asleep*>(sleeper.release())};
    if (mine->count < 0) throw std::runtime_error("does not wake");
    return wake_server<Sleepy>(self, mine->count, mine->tell);
  };
  drop = [](Dormant* sleeper) noexcept {
    const std::unique_ptr<Asleep> mine{static_cast<Asleep*>(sleeper)};
    send(mine->tell, Destroyed{true});
  };
  behaviour = &detail::server_vtable<Sleepy>;
}
SleepyKind kind;

Pid spawn_sleepy(Process& self, int count = 0) {
  return spawn_dormant(DormantPtr{new Asleep{{&kind}, count, self.pid()}});
}

TEST_F(DormantServer, wakes_for_a_call_and_sleeps_again_with_what_it_packed) {
  on_every_executor([](Process& self) -> Async<> {
    const ServerRef<Sleepy> server{spawn_sleepy(self)};
    for (int i = 1; i <= 5; ++i) EXPECT_EQ(co_await call(self, server, Count{}), i);
    EXPECT_EQ(co_await call(self, server, CountAndStayUp{}), 6);
    EXPECT_EQ(co_await call(self, server, Count{}), 7);
    exit(server.pid(), ExitReason{atoms::kill});
    EXPECT_TRUE((co_await self.receive<Destroyed>()).asleep);
  });
}

TEST_F(DormantServer, serves_what_arrives_while_it_falls_asleep_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const ServerRef<Sleepy> server{spawn_sleepy(self)};
    std::vector<PendingReply<int>> pending;
    for (int i = 0; i < 100; ++i) pending.push_back(send_request(self, server, Count{}));
    for (int i = 0; i < 100; ++i) {
      const auto reply = co_await pending[static_cast<std::size_t>(i)].response(infinity);
      EXPECT_TRUE(reply.has_value());
      if (reply) {
        EXPECT_EQ(*reply, i + 1);
      }
    }
    exit(server.pid(), ExitReason{atoms::kill});
    (void)co_await self.receive<Destroyed>();
  });
}

TEST_F(DormantServer, is_watched_linked_and_killed_without_waking) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const Pid pid = spawn_sleepy(self, -1);  // its kind refuses to wake
    const Ref ref = self.monitor(pid);
    self.link(pid);
    const bool lives = co_await is_alive(self, pid);
    EXPECT_TRUE(lives);
    const auto info = co_await process_info(self, pid);
    EXPECT_TRUE(info && info->state == ProcessInfo::State::waiting);
    EXPECT_TRUE(info && info->behaviour == "GenServer");
    exit(pid, ExitReason{Atom{"enough"}});
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, ref);
    EXPECT_TRUE(down.reason.is(Atom{"enough"}));
    (void)co_await self.receive<Exit>();
    EXPECT_TRUE((co_await self.receive<Destroyed>()).asleep);
  });
}

TEST_F(DormantServer, ends_with_what_its_wake_throws) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn_sleepy(self, -1);
    self.monitor(pid);
    const auto answer = co_await try_call(self, ServerRef<Sleepy>{pid}, Count{});
    EXPECT_FALSE(answer.has_value());
    const Down down = co_await self.receive<Down>();
    EXPECT_FALSE(down.reason.is_orderly());
  });
}

TEST_F(DormantServer, keeps_its_sleeper_out_of_a_stop_and_a_crash) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid stops = spawn_sleepy(self);
    self.monitor(stops);
    send(stops, Leave{});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
    EXPECT_TRUE((co_await self.receive<Destroyed>()).asleep);
    const Pid crashes = spawn_sleepy(self);
    self.monitor(crashes);
    send(crashes, Crash{});
    EXPECT_FALSE((co_await self.receive<Down>()).reason.is_orderly());
    EXPECT_FALSE((co_await self.receive<Destroyed>()).asleep);
  });
}

struct Found {
  Pid pid;
};

TEST_F(DormantServer, is_born_when_the_preparation_agrees) {
  on_every_executor([](Process& self) -> Async<> {
    Found found;
    const auto note = [](void* context, Pid pid) {
      static_cast<Found*>(context)->pid = pid;
      return true;
    };
    const Pid born = spawn_dormant(DormantPtr{new Asleep{{&kind}, 7, self.pid()}}, note, &found);
    EXPECT_EQ(born, found.pid);
    EXPECT_EQ(co_await call(self, ServerRef<Sleepy>{born}, Count{}), 8);
    const Pid refused = spawn_dormant(
        DormantPtr{new Asleep{{&kind}, 7, self.pid()}}, [](void*, Pid) { return false; }, nullptr);
    EXPECT_FALSE(refused);
    EXPECT_TRUE((co_await self.receive<Destroyed>()).asleep);
    exit(born, ExitReason{atoms::kill});
    (void)co_await self.receive<Destroyed>();
  });
}

TEST_F(DormantServer, is_born_on_a_thread_that_runs_no_process) {
  on_every_executor([](Process& self) -> Async<> {
    Runtime* const runtime = &self.runtime();
    const Pid tell = self.pid();
    const std::vector<Pid> born = co_await blocking(self, [=] {
      std::vector<Pid> pids;
      for (int i = 0; i < 100; ++i) {
        DormantPtr sleeper{new Asleep{{&kind}, i, tell}};
        pids.push_back(spawn_dormant(*runtime, std::move(sleeper), nullptr, nullptr));
      }
      return pids;
    });
    for (int i = 0; i < 100; ++i) {
      const ServerRef<Sleepy> server{born[static_cast<std::size_t>(i)]};
      EXPECT_EQ(co_await call(self, server, Count{}), i + 1);
      exit(server.pid(), ExitReason{atoms::kill});
      EXPECT_TRUE((co_await self.receive<Destroyed>()).asleep);
    }
  });
}

TEST_F(DormantServer, answers_sys_while_it_sleeps) {
  on_every_executor([](Process& self) -> Async<> {
    const ServerRef<Sleepy> server{spawn_sleepy(self)};
    co_await sys::suspend(self, server.pid());
    co_await sys::resume(self, server.pid());
    EXPECT_EQ(co_await call(self, server, Count{}), 1);
    exit(server.pid(), ExitReason{atoms::kill});
    (void)co_await self.receive<Destroyed>();
  });
}

}  // namespace
}  // namespace troupe
