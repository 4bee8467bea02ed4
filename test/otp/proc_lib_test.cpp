// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/proc_lib.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using proc_lib::InitAck;
using test::on_every_executor;

class ProcLib : public testing::Test {
 protected:
  test::CapturedLog log_;
};

Async<> good(Process& self, InitAck<std::string> ready, Pid starter) {
  EXPECT_EQ(ready.starter(), starter);
  ready.ack("my answer");
  const Pid from = co_await self.receive<Pid>();
  send(from, "pong");
}
void forgets(Process&, InitAck<std::string>) {}
void leaves(Process& self, InitAck<std::string>) { self.exit("too_bad"); }
Async<> dawdles(Process& self, InitAck<std::string>) { co_await self.sleep(1h); }

TEST_F(ProcLib, a_process_acknowledges_with_a_value_and_goes_on) {
  on_every_executor([](Process& self) -> Async<> {
    const auto started = co_await proc_lib::start_link<std::string>(self, good, self.pid());
    EXPECT_EQ(started->value, "my answer");
    send(started->pid, self.pid());
    EXPECT_EQ(co_await self.receive<std::string>(), "pong");
  });
}

TEST_F(ProcLib, an_end_before_the_acknowledgement_is_the_error) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto left = co_await proc_lib::start_link<std::string>(self, leaves);
    EXPECT_EQ(left.error().term(), atom("too_bad"));
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{"too_bad"});
    const auto forgot = co_await proc_lib::start_link<std::string>(self, forgets);
    EXPECT_EQ(forgot.error().term(), Term{atoms::normal});
    const auto alone = co_await proc_lib::start<std::string>(self, leaves);
    EXPECT_EQ(alone.error().term(), atom("too_bad"));
  });
}

TEST_F(ProcLib, a_start_that_takes_too_long_is_killed) {
  on_every_executor([](Process& self) -> Async<> {
    const auto late = co_await proc_lib::start_link_within<std::string>(self, 5ms, dawdles);
    EXPECT_EQ(late.error().code, StartError::Code::timeout);
    EXPECT_FALSE((co_await self.receive<Exit>(5ms)).has_value());
    const auto alone = co_await proc_lib::start_within<std::string>(self, 5ms, dawdles);
    EXPECT_EQ(alone.error().term(), Term{atoms::timeout});
  });
}

Async<> says_nothing_but_ready(Process& self, InitAck<> ready) {
  ready.ack();
  ready.ack();
  co_await self.sleep(1h);
}

TEST_F(ProcLib, an_acknowledgement_may_carry_nothing_and_counts_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto started = co_await proc_lib::start_link(self, says_nothing_but_ready);
    EXPECT_TRUE(started.has_value());
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
  });
}

}  // namespace
}  // namespace troupe
