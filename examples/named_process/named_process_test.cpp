// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "named_process/named_process.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace named_process;

TEST(NamedProcess, answers_under_its_name) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = start();
    EXPECT_EQ(whereis("my_server"), pid);
    EXPECT_EQ(co_await request(self, "Hello"), "Processed: Hello");
  });
}

TEST(NamedProcess, the_name_is_free_when_it_has_stopped) {
  test::on_every_executor([](Process& self) -> Async<> {
    self.monitor(start());
    send("my_server", Stop{});
    co_await self.receive<Down>();
    EXPECT_FALSE(whereis("my_server"));
    try {
      co_await request(self, "anybody?");
      ADD_FAILURE() << "sent to a name that nobody has";
    } catch (const ErrorException& error) {
      EXPECT_EQ(error.error(), Term{atoms::badarg});
    }
  });
}

// Answers the first request only when the second has come.
Async<> late(Process& self) {
  Request first = co_await self.receive<Request>();
  Request second = co_await self.receive<Request>();
  send(first.reply_to, Response{first.reply_to.ref, "late"});
  send(second.reply_to, Response{second.reply_to.ref, "in time"});
}

TEST(NamedProcess, a_late_answer_is_not_taken_for_the_next_one) {
  test::on_every_seed([](Process& self) -> Async<> {
    register_name("my_server", spawn(late));
    EXPECT_EQ(co_await request(self, "one", 10ms), std::nullopt);
    EXPECT_EQ(co_await request(self, "two"), "in time");
  });
}

}  // namespace
