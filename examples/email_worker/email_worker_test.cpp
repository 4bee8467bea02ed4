// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The worker's line, its retries and its counts, with a server in this program, so that all of it
// runs over the simulated network and in virtual time. (drive.py has a real SMTP server.)
#include "email_worker/email_worker.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace email_worker;

struct Accepted {
  std::string text;
};

// Up to `end`, which is taken off; nothing if the client is gone.
Async<std::optional<std::string>> read_to(Process& self, net::Stream& client, std::string& received,
                                          std::string end) {
  std::size_t at = 0;
  while ((at = received.find(end)) == std::string::npos) {
    char bytes[512];
    const auto count = co_await client.read(self, bytes);
    if (!count || *count == 0) co_return std::nullopt;
    received.append(bytes, *count);
  }
  std::string line = received.substr(0, at);
  received.erase(0, at + end.size());
  co_return line;
}

Async<> converse(Process& self, net::Stream client, Pid tell) {
  std::string received;
  if (!co_await client.write(self, "220 at your service\r\n")) co_return;
  while (const auto line = co_await read_to(self, client, received, "\r\n")) {
    const char* answer = "250 done\r\n";
    if (line->starts_with("EHLO")) answer = "250-this host\r\n250 8BITMIME\r\n";
    if (line->starts_with("RCPT TO:<nobody@")) answer = "550 no such user\r\n";
    if (line->starts_with("QUIT")) answer = "221 good bye\r\n";
    if (*line == "DATA") {
      if (!co_await client.write(self, "354 go on\r\n")) co_return;
      auto text = co_await read_to(self, client, received, "\r\n.\r\n");
      if (!text) co_return;
      send(tell, Accepted{std::move(*text)});
    }
    if (!co_await client.write(self, answer)) co_return;
  }
}

// Turns away the first `busy` clients, then serves one after the other.
Async<> smtp_server(Process& self, int busy, Pid tell) {
  auto listener = net::Listener::listen(self, {"127.0.0.1", 0}).value();
  send(tell, static_cast<int>(listener.port()));
  for (;;) {
    auto client = co_await listener.accept(self);
    if (!client) co_return;
    if (busy-- > 0) {
      (void)co_await client->write(self, "421 too busy\r\n");
    } else {
      co_await converse(self, std::move(*client), tell);
    }
  }
}

Async<> start_both(Process& self, int busy = 0) {
  spawn_link(smtp_server, busy, self.pid());
  const int port = co_await self.receive<int>();
  const net::Address server{"127.0.0.1", static_cast<std::uint16_t>(port)};
  co_await Supervisor::start_link(self, children(child<EmailWorker>(server).named("email_worker")));
}

// The counts when nothing waits any more.
Async<EmailWorker::Counts> counts(Process& self) {
  EmailWorker::Counts now;
  do {
    co_await self.sleep(1ms);
    now =
        co_await call(self, named<EmailWorker>("email_worker"), EmailWorker::GetCounts{}, infinity);
  } while (now.waiting != 0);
  co_return now;
}

TEST(EmailWorker, returns_at_once_and_delivers_in_the_background) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start_both(self);
    send_email("user@example.com", "Hello", "World");
    send_email("user@example.com", "Again", ".\n..");
    const std::string first = (co_await self.receive<Accepted>()).text;
    EXPECT_NE(first.find("To: user@example.com\r\nSubject: Hello\r\n\r\nWorld"), first.npos)
        << first;
    const std::string second = (co_await self.receive<Accepted>()).text;
    EXPECT_TRUE(second.ends_with("\r\n\r\n..\r\n...")) << second;
    const auto now = co_await counts(self);
    EXPECT_EQ(now.delivered, 2u);
    EXPECT_EQ(now.failed, 0u);
  });
}

TEST(EmailWorker, tries_again_where_the_server_is_busy_and_gives_up_after_three_times) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await start_both(self, 5);
    send_email("user@example.com", "lost", "");     // turned away three times
    send_email("user@example.com", "delayed", "");  // twice
    EXPECT_NE((co_await self.receive<Accepted>()).text.find("Subject: delayed"), std::string::npos);
    const auto now = co_await counts(self);
    EXPECT_EQ(now.delivered, 1u);
    EXPECT_EQ(now.failed, 1u);
  });
}

TEST(EmailWorker, what_can_never_be_delivered_is_not_tried_again) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start_both(self);
    send_email("nobody@example.com", "Hello", "");
    send_email("not an address", "Hello", "");
    send_email("a@b", "two\r\nlines", "");
    send_email("user@example.com", "Hello", "World");
    co_await self.receive<Accepted>();
    const auto now = co_await counts(self);
    EXPECT_EQ(now.delivered, 1u);
    EXPECT_EQ(now.failed, 3u);
  });
}

}  // namespace
