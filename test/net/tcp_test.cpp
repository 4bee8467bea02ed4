// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// TCP for processes: the same bodies over the kernel's loopback and over the simulated network.
#include <chrono>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <troupe/net.hpp>
#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

struct Listening {
  std::uint16_t port;
};

Async<> echo(Process& self, net::Stream stream) {
  char buffer[4096];
  while (true) {
    auto count = co_await stream.read(self, buffer);
    if (!count || *count == 0) co_return;
    auto written = co_await stream.write(self, std::string_view{buffer, *count});
    if (!written) co_return;
  }
}

Async<> echo_server(Process& self, Pid owner) {
  auto listener = net::Listener::listen(self, {});
  if (!listener) self.exit("cannot_listen");
  send(owner, Listening{listener->port()});
  while (true) {
    auto stream = co_await listener->accept(self);
    if (!stream) self.exit("cannot_accept");
    spawn(echo, std::move(*stream));
  }
}

Async<net::Address> start_echo(Process& self) {
  spawn_link(echo_server, self.pid());
  const Listening listening = co_await self.receive<Listening>();
  co_return net::Address{"127.0.0.1", listening.port};
}

TEST(Tcp, what_is_sent_comes_back_in_order) {
  test::on_every_executor([](Process& self) -> Async<> {
    const net::Address address = co_await start_echo(self);
    for (int round = 0; round < 5; ++round) {
      auto stream = co_await net::Stream::connect(self, address, 10s);
      EXPECT_TRUE(stream.has_value());
      if (!stream) co_return;
      std::string sent(3'000, 'a');
      for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 26);
      EXPECT_TRUE((co_await stream->write(self, sent, 10s)).has_value());
      std::string received;
      char buffer[700];
      while (received.size() < sent.size()) {
        auto count = co_await stream->read(self, buffer, 10s);
        if (!count || *count == 0) break;
        received.append(buffer, *count);
      }
      EXPECT_EQ(received, sent);
    }
  });
}

TEST(Tcp, nobody_listening_is_refused) {
  test::on_every_executor([](Process& self) -> Async<> {
    auto listener = net::Listener::listen(self, {});
    const std::uint16_t port = listener->port();
    listener->close();
    auto stream = co_await net::Stream::connect(self, {"127.0.0.1", port}, 10s);
    EXPECT_FALSE(stream.has_value());
    if (!stream) {
      EXPECT_EQ(stream.error().kind, net::ErrorKind::refused);
    }
  });
}

TEST(Tcp, a_port_in_use_cannot_be_listened_on) {
  test::on_every_executor([](Process& self) -> Async<> {
    auto first = net::Listener::listen(self, {});
    auto second = net::Listener::listen(self, {"127.0.0.1", first->port()});
    EXPECT_FALSE(second.has_value());
    if (!second) {
      EXPECT_EQ(second.error().kind, net::ErrorKind::address_in_use);
    }
    co_return;
  });
}

TEST(Tcp, a_read_gives_up_at_its_deadline) {
  test::on_every_executor([](Process& self) -> Async<> {
    const net::Address address = co_await start_echo(self);
    auto stream = co_await net::Stream::connect(self, address, 10s);
    char buffer[16];
    auto count = co_await stream->read(self, buffer, 20ms);
    EXPECT_FALSE(count.has_value());
    if (!count) {
      EXPECT_EQ(count.error().kind, net::ErrorKind::timed_out);
    }
  });
}

// What process_info shows is the line of the process, however deep in the library it stands.
TEST(Tcp, a_process_waits_at_its_own_line) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid server = spawn(
        [](Process& other, Pid main) -> Async<> {
          auto listener = net::Listener::listen(other, {});
          send(main, Listening{listener->port()});
          send(main, int{__LINE__} + 1);
          auto stream = co_await listener->accept(other);
          char buffer[16];
          send(main, int{__LINE__} + 1);
          (void)co_await stream->read(other, buffer);
        },
        self.pid());
    const Listening listening = co_await self.receive<Listening>();
    std::optional<net::Stream> client;
    for (int wait = 0; wait < 2; ++wait) {
      const std::string place = "tcp_test.cpp:" + std::to_string(co_await self.receive<int>());
      std::string seen;
      for (int i = 0; i < 10'000 && !seen.ends_with(place); ++i) {
        seen = (co_await process_info(self, server))->waits_at;
        co_await self.sleep(1ms);
      }
      EXPECT_TRUE(seen.ends_with(place)) << seen << ", not " << place;
      if (!client) {
        auto stream = co_await net::Stream::connect(self, {"127.0.0.1", listening.port}, 10s);
        EXPECT_TRUE(stream.has_value());
        if (!stream) break;
        client.emplace(std::move(*stream));
      }
    }
    exit(server, "kill");
  });
}

TEST(Tcp, the_peer_of_a_process_that_ends_sees_the_end_of_the_stream) {
  test::on_every_executor([](Process& self) -> Async<> {
    auto listener = net::Listener::listen(self, {});
    const net::Address address{"127.0.0.1", listener->port()};
    const Pid client = spawn(
        [](Process& connecting, std::string host, int port) -> Async<> {
          auto stream = co_await net::Stream::connect(
              connecting, {host, static_cast<std::uint16_t>(port)}, 10s);
          co_await connecting.sleep(infinity);
        },
        address.host, int{address.port});
    auto stream = co_await listener->accept(self, 10s);
    EXPECT_TRUE(stream.has_value());
    exit(client, "kill");
    char buffer[16];
    auto count = co_await stream->read(self, buffer, 10s);
    EXPECT_TRUE(count.has_value());
    if (count) {
      EXPECT_EQ(*count, 0u);
    }
  });
}

}  // namespace
}  // namespace troupe
