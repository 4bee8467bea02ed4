// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// TLS between processes over loopback: what goes through, and who is refused with which words. On
// the executors of real time only: OpenSSL draws its own random bytes.
#include <chrono>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include <troupe/tls.hpp>
#include <troupe/troupe.hpp>

#include "net/certificates.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

const test::Certificates& certificates() {
  static const test::Certificates made;
  return made;
}

net::TlsContext server_context(const std::string& name, const std::string& host, int days,
                               std::string client_ca = {}) {
  certificates().issue(name, host, days);
  auto context = net::TlsContext::server({.certificate = certificates().file(name + ".pem"),
                                          .key = certificates().file(name + ".key"),
                                          .client_ca = std::move(client_ca)});
  EXPECT_TRUE(context.has_value()) << context.error().text;
  return *context;
}

net::TlsContext client_context() {
  auto context = net::TlsContext::client({.ca = certificates().authority()});
  EXPECT_TRUE(context.has_value());
  return *context;
}

struct Listening {
  std::uint16_t port;
};
struct Refused {
  std::string text;
};

// Sends everything back, with a mark at the end of the stream.
Async<> echo_one(Process& self, Pid owner, net::TlsContext context) {
  auto listener = net::Listener::listen(self, {});
  send(owner, Listening{listener->port()});
  auto stream = co_await listener->accept(self, 10s);
  auto channel = co_await net::Channel::accept_tls(self, std::move(*stream), context, 10s);
  if (!channel) {
    send(owner, Refused{channel.error().text});
    co_return;
  }
  std::string buffer(40'000, '\0');
  while (true) {
    auto count = co_await channel->read(self, buffer, 10s);
    if (!count || *count == 0) break;
    auto written = co_await channel->write(self, std::string_view{buffer}.substr(0, *count), 10s);
    if (!written) co_return;
  }
  (void)co_await channel->write(self, "END", 10s);
}

Async<net::Result<net::Channel>> connect_to(Process& self, net::TlsContext server,
                                            net::TlsContext client, std::string name) {
  spawn_link(echo_one, self.pid(), server);
  const Listening listening = co_await self.receive<Listening>();
  auto stream = co_await net::Stream::connect(self, {"127.0.0.1", listening.port}, 10s);
  EXPECT_TRUE(stream.has_value());
  co_return co_await net::Channel::connect_tls(self, std::move(*stream), client, std::move(name),
                                               10s);
}

TEST(Tls, a_megabyte_comes_back_as_it_went_and_the_end_is_seen) {
  const net::TlsContext server = server_context("good", "127.0.0.1", 5);
  const net::TlsContext client = client_context();
  test::on_real_executors([=](Process& self) -> Async<> {
    auto channel = co_await connect_to(self, server, client, "127.0.0.1");
    EXPECT_TRUE(channel.has_value()) << channel.error().text;
    if (!channel) co_return;
    EXPECT_TRUE(channel->is_encrypted());
    std::string sent(1'000'000, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 % 251);
    std::string received;
    std::string buffer(50'000, '\0');
    for (std::size_t at = 0; at < sent.size(); at += 50'000) {
      EXPECT_TRUE((co_await channel->write(self, sent.substr(at, 50'000), 10s)).has_value());
      while (received.size() < at + 50'000) {
        auto count = co_await channel->read(self, buffer, 10s);
        EXPECT_TRUE(count.has_value() && *count > 0);
        if (!count || *count == 0) co_return;
        received.append(buffer, 0, *count);
      }
    }
    EXPECT_TRUE(received == sent);
    channel->shutdown_write();
    std::string rest;
    while (true) {
      auto count = co_await channel->read(self, buffer, 10s);
      EXPECT_TRUE(count.has_value()) << count.error().text;
      if (!count || *count == 0) break;
      rest.append(buffer, 0, *count);
    }
    EXPECT_EQ(rest, "END");
  });
}

void expect_refusal(net::TlsContext server, net::TlsContext client, std::string name,
                    std::string words) {
  Runtime runtime;
  test::expect_to_return(runtime, [=](Process& self) -> Async<> {
    auto channel = co_await connect_to(self, server, client, name);
    EXPECT_FALSE(channel.has_value());
    if (channel) co_return;
    EXPECT_EQ(channel.error().kind, net::ErrorKind::tls);
    EXPECT_NE(channel.error().text.find(words), std::string::npos) << channel.error().text;
    // The server learns of it from the client's alert.
    const Refused refused = co_await self.receive<Refused>();
    EXPECT_NE(refused.text.find("alert"), std::string::npos) << refused.text;
  });
}

TEST(Tls, an_expired_certificate_is_refused) {
  expect_refusal(server_context("expired", "127.0.0.1", -3), client_context(), "127.0.0.1",
                 "certificate has expired");
}

TEST(Tls, a_certificate_for_another_name_is_refused) {
  expect_refusal(server_context("other", "other.example", 5), client_context(), "127.0.0.1",
                 "IP address mismatch");
  expect_refusal(server_context("other", "other.example", 5), client_context(), "mine.example",
                 "hostname mismatch");
}

TEST(Tls, a_certificate_of_an_unknown_authority_is_refused) {
  const test::Certificates strangers;
  strangers.issue("server", "127.0.0.1", 5);
  auto server = net::TlsContext::server(
      {.certificate = strangers.file("server.pem"), .key = strangers.file("server.key")});
  ASSERT_TRUE(server.has_value());
  expect_refusal(*server, client_context(), "127.0.0.1", "unable to get local issuer certificate");
}

TEST(Tls, a_client_without_the_certificate_that_is_asked_for_is_refused) {
  const net::TlsContext server =
      server_context("mutual", "127.0.0.1", 5, certificates().authority());
  const net::TlsContext client = client_context();
  certificates().issue("client", "somebody", 5);
  auto with_certificate = net::TlsContext::client({.ca = certificates().authority(),
                                                   .certificate = certificates().file("client.pem"),
                                                   .key = certificates().file("client.key")});
  ASSERT_TRUE(with_certificate.has_value());
  Runtime runtime;
  test::expect_to_return(runtime, [=](Process& self) -> Async<> {
    auto refused = co_await connect_to(self, server, client, "127.0.0.1");
    const Refused why = co_await self.receive<Refused>();
    EXPECT_NE(why.text.find("did not return a certificate"), std::string::npos) << why.text;
    auto welcome = co_await connect_to(self, server, *with_certificate, "127.0.0.1");
    EXPECT_TRUE(welcome.has_value());
    if (!welcome) co_return;
    EXPECT_TRUE((co_await welcome->write(self, "hello", 10s)).has_value());
    char buffer[16];
    auto count = co_await welcome->read(self, buffer, 10s);
    EXPECT_TRUE(count.has_value()) << count.error().text;
  });
}

TEST(Tls, a_client_that_speaks_no_tls_is_refused_and_one_that_says_nothing_times_out) {
  const net::TlsContext server = server_context("good", "127.0.0.1", 5);
  test::on_real_executors([=](Process& self) -> Async<> {
    auto listener = net::Listener::listen(self, {});
    auto client = co_await net::Stream::connect(self, {"127.0.0.1", listener->port()}, 10s);
    auto accepted = co_await listener->accept(self, 10s);
    EXPECT_TRUE((co_await client->write(self, "PING\r\nPING\r\nPING\r\n")).has_value());
    auto channel = co_await net::Channel::accept_tls(self, std::move(*accepted), server, 10s);
    EXPECT_FALSE(channel.has_value());
    if (!channel) {
      EXPECT_EQ(channel.error().kind, net::ErrorKind::tls) << channel.error().text;
    }

    auto silent = co_await net::Stream::connect(self, {"127.0.0.1", listener->port()}, 10s);
    accepted = co_await listener->accept(self, 10s);
    channel = co_await net::Channel::accept_tls(self, std::move(*accepted), server, 20ms);
    EXPECT_FALSE(channel.has_value());
    if (!channel) {
      EXPECT_EQ(channel.error().kind, net::ErrorKind::timed_out);
    }
  });
}

struct Cut {};

// Says "half", and then has its connection cut.
Async<> say_half(Process& self, Pid middleman, net::Listener listener, net::TlsContext context) {
  auto stream = co_await listener.accept(self, 10s);
  auto channel = co_await net::Channel::accept_tls(self, std::move(*stream), context, 10s);
  (void)co_await channel->write(self, "half", 10s);
  send(middleman, Cut{});
  co_await self.sleep(infinity);
}

Async<bool> pump(Process& self, net::Stream& from, net::Stream& to) {
  char buffer[4'000];
  auto count = from.try_read(buffer);
  if (!count || *count == 0) co_return false;
  co_return (co_await to.write(self, std::string_view{buffer, *count}, 10s)).has_value();
}

// Passes bytes on between a client and say_half until that asks for the cut; the ends of its
// streams know nothing of TLS.
Async<> middleman(Process& self, net::Listener listener, net::TlsContext context) {
  auto inner = net::Listener::listen(self, {});
  const net::Address address{"127.0.0.1", inner->port()};
  spawn_link(say_half, self.pid(), std::move(*inner), context);
  auto client = co_await listener.accept(self, 10s);
  auto server = co_await net::Stream::connect(self, address, 10s);
  while (true) {
    const bool up = co_await pump(self, *client, *server);
    const bool down = co_await pump(self, *server, *client);
    if (up || down) continue;
    auto cut = co_await self.receive<Cut>(0ms);
    if (cut) break;
    (void)co_await client->readable(self, 1ms);
  }
  while (co_await pump(self, *server, *client)) {
  }
}

TEST(Tls, a_connection_that_is_cut_is_no_end_of_the_stream) {
  const net::TlsContext server = server_context("good", "127.0.0.1", 5);
  const net::TlsContext client = client_context();
  Runtime runtime;
  test::expect_to_return(runtime, [=](Process& self) -> Async<> {
    auto listener = net::Listener::listen(self, {});
    const std::uint16_t port = listener->port();
    spawn(middleman, std::move(*listener), server);
    auto stream = co_await net::Stream::connect(self, {"127.0.0.1", port}, 10s);
    auto channel =
        co_await net::Channel::connect_tls(self, std::move(*stream), client, "127.0.0.1", 10s);
    EXPECT_TRUE(channel.has_value());
    if (!channel) co_return;
    char buffer[16];
    auto count = co_await channel->read(self, buffer, 10s);
    EXPECT_TRUE(count.has_value());
    if (count) {
      EXPECT_EQ((std::string_view{buffer, *count}), "half");
    }
    count = co_await channel->read(self, buffer, 10s);
    EXPECT_FALSE(count.has_value());
    if (!count) {
      EXPECT_EQ(count.error().kind, net::ErrorKind::reset);
    }
  });
}

TEST(Tls, a_key_that_is_not_the_certificates_is_an_error_that_names_the_file) {
  certificates().issue("one", "127.0.0.1", 5);
  certificates().issue("two", "127.0.0.1", 5);
  auto mixed = net::TlsContext::server(
      {.certificate = certificates().file("one.pem"), .key = certificates().file("two.key")});
  ASSERT_FALSE(mixed.has_value());
  EXPECT_NE(mixed.error().text.find("two.key"), std::string::npos) << mixed.error().text;
  EXPECT_NE(mixed.error().text.find("mismatch"), std::string::npos) << mixed.error().text;

  auto absent = net::TlsContext::server(
      {.certificate = certificates().file("absent.pem"), .key = certificates().file("one.key")});
  ASSERT_FALSE(absent.has_value());
  EXPECT_NE(absent.error().text.find("absent.pem"), std::string::npos) << absent.error().text;

  std::ofstream{certificates().file("no.pem")} << "this is no certificate\n";
  auto no_pem = net::TlsContext::server(
      {.certificate = certificates().file("no.pem"), .key = certificates().file("one.key")});
  EXPECT_FALSE(no_pem.has_value());
}

}  // namespace
}  // namespace troupe
