// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "mailbox_order/mailbox_order.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

TEST(MailboxOrder, messages_come_in_the_order_in_which_they_were_sent) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid reader = spawn(mailbox_order::reader, 3, self.pid());
    for (const char* text : {"first", "second", "third"}) send(reader, text);
    const auto read = co_await self.receive<std::vector<std::string>>();
    EXPECT_EQ(read, (std::vector<std::string>{"first", "second", "third"}));
  });
}

TEST(MailboxOrder, a_receive_of_another_type_leaves_the_order_alone) {
  test::on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), 1);
    send(self.pid(), std::string{"a text"});
    send(self.pid(), 2);
    EXPECT_EQ(co_await self.receive<std::string>(), "a text");
    EXPECT_EQ(co_await self.receive<int>(), 1);
    EXPECT_EQ(co_await self.receive<int>(), 2);
  });
}

}  // namespace
