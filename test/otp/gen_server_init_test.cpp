// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// What a server is to others while its init has not returned: its name leads to it, calls wait.
#include <troupe/gen_server.hpp>
#include <troupe/name_at.hpp>
#include <troupe/registry.hpp>
#include <troupe/request.hpp>
#include <troupe/spawn.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/timer.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class GenServerInit : public testing::Test {
 protected:
  test::CapturedLog log_;
};

enum class Outcome { ok, stop, ignore, error };

// Its init ends when it is told how.
struct Opening : GenServer<Opening> {
  struct Get {
    using Reply = int;
  };
  struct Add {
    int amount;
  };
  using Messages = troupe::Messages<Get, Add>;

  explicit Opening(Pid opener) : opener_{opener} {}
  Async<Init> init(Process& self) {
    send(opener_, self.pid());
    switch (co_await self.receive<Outcome>()) {
      case Outcome::ok:
        break;
      case Outcome::stop:
        co_return Init::stop("not_today");
      case Outcome::ignore:
        co_return Init::ignore();
      case Outcome::error:
        throw ErrorException{Atom{"boom"}};
    }
    value_ = 7;
    co_return Init::ok();
  }
  int handle_call(Get) const { return value_; }
  void handle_cast(Add m) { value_ += m.amount; }

 private:
  Pid opener_;
  int value_ = 0;
};

struct Another : GenServer<Another> {
  int handle_call(Opening::Get) { return 1; }
};

Async<> start_opening(Process& self, Pid opener) {
  (void)co_await Opening::try_start(self, {.name = "opening"}, opener);
  co_await self.sleep(infinity);
}

// A server named `opening` that stands in its init.
Async<Pid> server_in_init(Process& self) {
  spawn_link(start_opening, self.pid());
  co_return co_await self.receive<Pid>();
}

TEST_F(GenServerInit, calls_of_every_kind_wait_for_the_end_of_init) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid server = co_await server_in_init(self);
    EXPECT_EQ(whereis("opening"), server);
    EXPECT_EQ(named<Opening>("opening").pid(), server);
    auto by_typed_name = send_request(self, named<Opening>("opening"), Opening::Get{});
    auto by_name = send_request(self, Name{"opening"}, Opening::Get{});
    cast(named<Opening>("opening"), Opening::Add{1});
    auto by_reference = send_request(self, ServerRef<Opening>{server}, Opening::Get{});
    auto by_pid = send_request(self, server, Opening::Get{});
    EXPECT_EQ((co_await by_typed_name.response(0ms)).error().code, CallError::Code::timeout);
    send(server, Outcome::ok);
    EXPECT_EQ(co_await by_typed_name.response(), 7);
    EXPECT_EQ(co_await by_name.response(), 7);
    EXPECT_EQ(co_await by_reference.response(), 8);
    EXPECT_EQ(co_await by_pid.response(), 8);
  });
}

TEST_F(GenServerInit, a_call_by_name_is_answered_when_init_ends) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid server = co_await server_in_init(self);
    send_after(server, 5ms, Outcome::ok);
    EXPECT_EQ(co_await call(self, named<Opening>("opening"), Opening::Get{}), 7);
  });
}

TEST_F(GenServerInit, a_call_that_waits_for_init_has_its_time_limit) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid server = co_await server_in_init(self);
    const auto reply = co_await try_call(self, named<Opening>("opening"), Opening::Get{}, 20ms);
    EXPECT_EQ(reply.error().code, CallError::Code::timeout);
    send(server, Outcome::ok);
    EXPECT_EQ(co_await call(self, named<Opening>("opening"), Opening::Get{}), 7);
  });
}

// OTP: the caller has a monitor on the process, and is told what that one ended with.
TEST_F(GenServerInit, an_init_that_fails_gives_its_callers_its_exit_reason) {
  on_every_executor([](Process& self) -> Async<> {
    const auto reason_for_callers = [](Process& me, Outcome outcome) -> Async<ExitReason> {
      const Pid server = co_await server_in_init(me);
      auto waiting = send_request(me, named<Opening>("opening"), Opening::Get{});
      send(server, outcome);
      const auto reply = co_await waiting.response();
      EXPECT_EQ(reply.error().code, CallError::Code::down);
      EXPECT_EQ(reply.error().server, server);
      EXPECT_FALSE(named<Opening>("opening").pid());
      co_return reply.error().reason;
    };
    EXPECT_EQ(co_await reason_for_callers(self, Outcome::stop), ExitReason{"not_today"});
    EXPECT_TRUE((co_await reason_for_callers(self, Outcome::ignore)).is_normal());
    EXPECT_EQ((co_await reason_for_callers(self, Outcome::error)).term()[0], Term{Atom{"boom"}});
    const auto late = co_await try_call(self, named<Opening>("opening"), Opening::Get{});
    EXPECT_EQ(late.error().code, CallError::Code::noproc);
  });
}

TEST_F(GenServerInit, a_name_of_a_server_of_another_type_is_nobodys_during_init_too) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid server = co_await server_in_init(self);
    const auto reply = co_await try_call(self, named<Another>("opening"), Opening::Get{});
    EXPECT_EQ(reply.error().code, CallError::Code::noproc);
    send(server, Outcome::ok);
  });
}

TEST_F(GenServerInit, a_name_in_a_registry_leads_to_a_server_in_its_init) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Registry::start_link(self, {.name = "of_opening"});
    spawn_link(
        [](Process& me, Pid opener) -> Async<> {
          const Via key = Registry::via("of_opening", "key");
          (void)co_await Opening::try_start(me, {.via = key}, opener);
          co_await me.sleep(infinity);
        },
        self.pid());
    const Pid server = co_await self.receive<Pid>();
    auto reply = send_request(self, Registry::find<Opening>("of_opening", "key"), Opening::Get{});
    send(server, Outcome::ok);
    EXPECT_EQ(co_await reply.response(), 7);
  });
}

// A child's init may take long; who asks its supervisor meanwhile waits, by name as by pid.
TEST_F(GenServerInit, a_supervisor_that_starts_its_children_can_be_asked_by_name) {
  on_every_executor([](Process& self) -> Async<> {
    spawn_link(
        [](Process& me, Pid opener) -> Async<> {
          co_await Supervisor::start_link(me, children(child<Opening>(opener).id("opening")),
                                          {.name = "of_slow_children"});
          co_await me.sleep(infinity);
        },
        self.pid());
    const Pid server = co_await self.receive<Pid>();
    send_after(server, 5ms, Outcome::ok);
    const ChildCounts counts =
        co_await Supervisor::count_children(self, named<Supervisor>("of_slow_children"));
    EXPECT_EQ(counts.active, 1U);
  });
}

}  // namespace
}  // namespace troupe
