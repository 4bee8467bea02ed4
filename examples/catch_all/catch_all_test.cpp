// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "catch_all/catch_all.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace catch_all;

TEST(CatchAll, takes_what_no_other_clause_wants) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(careful);
    send(pid, 1);
    send(pid, std::string{"what?"});
    send(pid, Known{self.pid()});
    EXPECT_EQ((co_await self.receive<Handled>()).unknown, 2);
    EXPECT_EQ((co_await process_info(self, pid))->mailbox_length, 0u);
  });
}

TEST(CatchAll, without_one_the_mailbox_grows) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(careless);
    for (int i = 0; i < 100; ++i) send(pid, i);
    send(pid, Known{self.pid()});
    co_await self.receive<Handled>();
    EXPECT_EQ((co_await process_info(self, pid))->mailbox_length, 100u);
  });
}

}  // namespace
