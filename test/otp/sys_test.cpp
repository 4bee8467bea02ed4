// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/gen_server.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class Sys : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Sum : GenServer<Sum> {
  struct Add {
    int n;
    using Reply = int;
  };
  struct Told {
    int n;
  };
  explicit Sum(int start) : value{start} {}
  int handle_call(Add m) { return value += m.n; }
  void handle_cast(Told m) { value += m.n; }
  void handle_info(std::string) {}
  Term introspect() const { return Term{value}; }
  int value;
};

TEST_F(Sys, the_state_is_read_and_replaced_from_outside) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sum = co_await Sum::start_link(self, 10);
    EXPECT_EQ(co_await sys::get_state(self, sum.pid()), Term{10});
    EXPECT_EQ(co_await sys::read_state(self, sum, [](const Sum& s) { return s.value; }), 10);
    co_await sys::replace_state(self, sum, [](Sum& s) { s.value *= 3; });
    EXPECT_EQ(co_await call(self, sum, Sum::Add{0}), 30);
    bool failed = false;
    try {
      co_await sys::replace_state(self, sum, [](Sum& s) {
        s.value = 0;
        throw ErrorException{Atom{"bad_fun"}};
      });
    } catch (const ErrorException& error) {
      failed = true;
      EXPECT_EQ(error.error()[0], atom("bad_fun"));
    }
    EXPECT_TRUE(failed);
    EXPECT_EQ(co_await sys::get_state(self, sum.pid()), Term{30});
  });
}

TEST_F(Sys, a_suspended_server_answers_system_requests_only) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sum = co_await Sum::start_link(self, 0);
    co_await sys::suspend(self, sum.pid());
    cast(sum, Sum::Told{1});
    const auto waiting = co_await try_call(self, sum, Sum::Add{2}, 5ms);
    EXPECT_EQ(waiting.error().code, CallError::Code::timeout);
    cast(sum, Sum::Told{3});
    EXPECT_EQ(co_await sys::get_state(self, sum.pid()), Term{0});
    EXPECT_TRUE((co_await sys::get_status(self, sum.pid())).is_suspended);
    co_await sys::resume(self, sum.pid());
    EXPECT_EQ(co_await call(self, sum, Sum::Add{0}), 6);
    const sys::Status status = co_await sys::get_status(self, sum.pid());
    EXPECT_FALSE(status.is_suspended);
    EXPECT_EQ(status.parent, self.pid());
    EXPECT_EQ(status.state, Term{6});
  });
}

struct Idle : GenServer<Idle> {
  explicit Idle(Pid tell) : tell_{tell} {}
  Init init() { return Init::timeout(50ms); }
  void handle_timeout() { send(tell_, "idle"); }
  Pid tell_;
};

TEST_F(Sys, a_system_request_neither_voids_nor_delivers_a_timeout) {
  on_every_executor([](Process& self) -> Async<> {
    const Duration begin = self.monotonic_time();
    const auto idle = co_await Idle::start_link(self, self.pid());
    co_await self.sleep(1ms);
    EXPECT_EQ(co_await sys::get_state(self, idle.pid()), Term{atoms::undefined});
    EXPECT_EQ(co_await self.receive<std::string>(), "idle");
    EXPECT_GE(self.monotonic_time() - begin, 50ms);
  });
}

TEST_F(Sys, terminate_works_on_a_suspended_server_too) {
  on_every_executor([](Process& self) -> Async<> {
    for (const bool suspended : {false, true}) {
      const auto [sum, ref] = co_await Sum::start_monitor(self, 0);
      if (suspended) co_await sys::suspend(self, sum.pid());
      co_await sys::terminate(self, sum.pid(), "asked_to");
      EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"asked_to"});
    }
  });
}

TEST_F(Sys, counting_and_tracing_are_off_until_they_are_switched_on) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    const auto sum = co_await Sum::start_link(self, 0);
    EXPECT_FALSE(co_await sys::statistics(self, sum.pid()));
    co_await sys::count(self, sum.pid(), true);
    (void)co_await call(self, sum, Sum::Add{1});
    cast(sum, Sum::Told{1});
    send(sum, std::string{"x"});
    cast(sum, Sum::Told{1});
    const auto counted = co_await sys::statistics(self, sum.pid());
    EXPECT_EQ(counted->calls, 1u);
    EXPECT_EQ(counted->casts, 2u);
    EXPECT_EQ(counted->infos, 1u);
    co_await sys::count(self, sum.pid(), false);
    EXPECT_FALSE(co_await sys::statistics(self, sum.pid()));
    EXPECT_EQ(log_.count("takes"), 0);
    co_await sys::trace(self, sum.pid(), true);
    (void)co_await call(self, sum, Sum::Add{1});
    co_await sys::trace(self, sum.pid(), false);
    (void)co_await call(self, sum, Sum::Add{1});
    EXPECT_EQ(log_.count("info", "Sum takes", "Sum::Add"), 1);
  });
}

}  // namespace
}  // namespace troupe
