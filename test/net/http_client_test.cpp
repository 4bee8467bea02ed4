// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The HTTP client and event streams, against our own server and against servers that misbehave.
#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include <troupe/sse.hpp>
#include <troupe/troupe.hpp>

#include "net/certificates.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

std::string url_of(std::uint16_t port, std::string_view scheme = "http") {
  return std::string{scheme} + "://127.0.0.1:" + std::to_string(port);
}

// Sends numbered events from Last-Event-ID on, three on each connection.
Async<> send_events(Process& self, http::Exchange& exchange) {
  auto events = co_await http::EventStream::begin(self, exchange);
  if (!events) co_return;
  const std::string last{exchange.request().fields.find("last-event-id").value_or("0")};
  int number = std::stoi(last);
  (void)co_await events->retry(self, 10ms);
  for (int i = 0; i < 3; ++i) {
    ++number;
    http::Event event{.id = std::to_string(number), .data = "event\n" + std::to_string(number)};
    auto sent = co_await events->send(self, std::move(event));
    if (!sent) co_return;
    (void)co_await events->ping(self);
  }
}

Async<std::uint16_t> start_server(Process& self, net::TlsContext tls = {}) {
  http::Router router;
  router.on("GET", "/events", send_events);
  router.on("POST", "/echo", [](const http::Exchange& exchange) {
    http::Response response = http::Response::text(201, exchange.request().body);
    response.fields.add("X-Type", exchange.request().fields.find("content-type").value_or(""));
    response.fields.add("X-Peer-Port", std::to_string(exchange.peer().port));
    response.fields.add("X-Encrypted", exchange.is_encrypted() ? "yes" : "no");
    return response;
  });
  http::ServerOptions options;
  options.listen.port = 0;
  options.tls = std::move(tls);
  auto server = co_await http::start_link(self, std::move(options), router);
  EXPECT_TRUE(server.has_value());
  co_return co_await http::listening_port(self, *server);
}

TEST(HttpClient, two_requests_go_over_one_connection) {
  test::on_every_executor([](Process& self) -> Async<> {
    const std::uint16_t port = co_await start_server(self);
    http::Client client{url_of(port)};
    auto one = co_await client.post(self, "/echo", "text/x", "first");
    auto two = co_await client.post(self, "/echo", "text/x", std::string(100'000, 'x'));
    EXPECT_TRUE(one.has_value() && two.has_value());
    if (!one || !two) co_return;
    EXPECT_EQ(one->status, 201);
    EXPECT_EQ(one->body, "first");
    EXPECT_EQ(one->fields.find("x-type"), "text/x");
    EXPECT_EQ(two->body.size(), 100'000u);
    EXPECT_EQ(one->fields.find("x-peer-port"), two->fields.find("x-peer-port"));
    auto missing = co_await http::fetch(self, url_of(port) + "/missing");
    EXPECT_TRUE(missing.has_value());
    if (missing) {
      EXPECT_EQ(missing->status, 404);
    }
  });
}

// Takes `connections` connections one after the other, and on each writes `answer` for each
// request, `answers` times, and then closes it.
Async<> canned(Process& self, net::Listener listener, std::string answer, int connections,
               int answers) {
  for (int i = 0; i < connections; ++i) {
    auto stream = co_await listener.accept(self, 30s);
    if (!stream) co_return;
    for (int j = 0; j < answers; ++j) {
      // Requests here have no body, or "x". Closing before all of one was read would reset the
      // connection.
      std::string request;
      while (!request.ends_with("\r\n\r\nx") &&
             !(request.starts_with("GET") && request.ends_with("\r\n\r\n"))) {
        char buffer[4'000];
        auto count = co_await stream->read(self, buffer, 30s);
        if (!count || *count == 0) break;
        request.append(buffer, *count);
      }
      (void)co_await stream->write(self, answer, 30s);
    }
  }
  co_await self.sleep(infinity);
}

std::uint16_t start_canned(Process& self, std::string answer, int connections, int answers) {
  auto listener = net::Listener::listen(self, {});
  const std::uint16_t port = listener->port();
  spawn_link(canned, std::move(*listener), std::move(answer), connections, answers);
  return port;
}

TEST(HttpClient, a_kept_connection_that_was_closed_is_renewed_for_get_and_told_for_post) {
  test::on_every_executor([](Process& self) -> Async<> {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    http::Client client{url_of(start_canned(self, answer, 3, 1))};
    for (int i = 0; i < 2; ++i) {
      auto response = co_await client.get(self, "/");
      EXPECT_TRUE(response.has_value()) << response.error().text;
      // Let the close arrive, so that the kept connection is known to be dead at the next send.
      co_await self.sleep(2ms);
    }
    auto told = co_await client.post(self, "/", "text/plain", "x");
    EXPECT_TRUE(!told || told->status == 200);
    if (!told) {
      EXPECT_EQ(told.error().kind, http::ErrorKind::closed);
      told = co_await client.post(self, "/", "text/plain", "x");
      EXPECT_TRUE(told.has_value());
    }
  });
}

// Answers one GET, says a minute later that it has waited long enough for the next, and closes.
// Then it serves another connection as `canned` does.
Async<> impatient(Process& self, net::Listener listener) {
  {
    auto stream = co_await listener.accept(self, 30s);
    if (!stream) co_return;
    std::string request;
    while (!request.ends_with("\r\n\r\n")) {
      char buffer[4'000];
      auto count = co_await stream->read(self, buffer, 30s);
      if (!count || *count == 0) co_return;
      request.append(buffer, *count);
    }
    (void)co_await stream->write(self, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none", 30s);
    co_await self.sleep(1min);
    (void)co_await stream->write(
        self, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        30s);
  }
  co_await canned(self, std::move(listener), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo", 1,
                  1);
}

TEST(HttpClient, what_came_before_a_request_is_not_taken_for_its_answer) {
  test::on_every_seed([](Process& self) -> Async<> {
    auto listener = net::Listener::listen(self, {});
    http::Client client{url_of(listener->port())};
    spawn_link(impatient, std::move(*listener));
    auto one = co_await client.get(self, "/");
    EXPECT_TRUE(one && one->body == "one");
    co_await self.sleep(70s);
    auto two = co_await client.post(self, "/", "text/plain", "x");
    EXPECT_TRUE(two.has_value()) << two.error().text;
    if (two) {
      EXPECT_EQ(two->status, 200);
      EXPECT_EQ(two->body, "two");
    }
  });
}

struct Misbehaviour {
  const char* answer;
  http::ErrorKind kind;
};

TEST(HttpClient, servers_that_misbehave_are_errors_of_the_right_kind) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Misbehaviour cases[] = {
        {"* OK IMAP4 ready\r\n\r\n", http::ErrorKind::malformed},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", http::ErrorKind::closed},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", http::ErrorKind::too_large},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         http::ErrorKind::malformed},
    };
    http::ClientOptions options;
    options.max_body_bytes = 1'000;
    for (const Misbehaviour& each : cases) {
      const std::uint16_t port = start_canned(self, each.answer, 2, 1);
      auto response = co_await http::fetch(self, url_of(port), {}, options);
      EXPECT_FALSE(response.has_value()) << each.answer;
      if (!response) {
        EXPECT_EQ(response.error().kind, each.kind) << response.error().text;
      }
    }
    auto nobody = net::Listener::listen(self, {});
    const std::uint16_t port = nobody->port();
    nobody->close();
    auto refused = co_await http::fetch(self, url_of(port));
    EXPECT_FALSE(refused.has_value());
    if (!refused) {
      EXPECT_EQ(refused.error().kind, http::ErrorKind::network);
    }
    auto no_url = co_await http::fetch(self, "127.0.0.1");
    EXPECT_FALSE(no_url.has_value());
    if (!no_url) {
      EXPECT_EQ(no_url.error().kind, http::ErrorKind::bad_url);
    }
  });
}

TEST(HttpClient, a_server_that_never_answers_times_out) {
  test::on_every_executor([](Process& self) -> Async<> {
    http::ClientOptions options;
    options.timeout = 20ms;
    const std::uint16_t port = start_canned(self, "", 1, 2);
    auto response = co_await http::fetch(self, url_of(port), {}, options);
    EXPECT_FALSE(response.has_value());
    if (!response) {
      EXPECT_EQ(response.error().kind, http::ErrorKind::timed_out);
    }
  });
}

TEST(EventSource, events_go_on_after_a_break_from_the_last_one_that_was_seen) {
  test::on_every_executor([](Process& self) -> Async<> {
    const std::uint16_t port = co_await start_server(self);
    http::EventSource source{url_of(port) + "/events"};
    for (int i = 1; i <= 8; ++i) {
      auto event = co_await source.next(self, 30s);
      EXPECT_TRUE(event.has_value()) << event.error().text;
      if (!event) co_return;
      EXPECT_EQ(event->data, "event\n" + std::to_string(i));
      EXPECT_EQ(source.last_id(), std::to_string(i));
    }
    http::EventSource late{url_of(port) + "/events"};
    late.set_last_id("100");
    auto event = co_await late.next(self, 30s);
    EXPECT_TRUE(event.has_value());
    if (event) {
      EXPECT_EQ(event->id, "101");
    }
  });
}

TEST(EventSource, what_is_no_stream_of_events_is_an_error) {
  test::on_every_executor([](Process& self) -> Async<> {
    const std::uint16_t port = co_await start_server(self);
    http::EventSource source{url_of(port) + "/missing"};
    auto event = co_await source.next(self, 30s);
    EXPECT_FALSE(event.has_value());
    if (!event) {
      EXPECT_EQ(event.error().kind, http::ErrorKind::malformed) << event.error().text;
    }
  });
}

TEST(HttpClient, https_goes_to_who_can_prove_the_name_and_to_nobody_else) {
  const test::Certificates certificates;
  certificates.issue("good", "127.0.0.1", 5);
  certificates.issue("expired", "127.0.0.1", -2);
  const auto server_with = [&](const char* name) {
    const std::string stem = certificates.file(name);
    return *net::TlsContext::server({.certificate = stem + ".pem", .key = stem + ".key"});
  };
  const net::TlsContext good = server_with("good");
  const net::TlsContext expired = server_with("expired");
  http::ClientOptions trusting;
  trusting.tls = *net::TlsContext::client({.ca = certificates.authority()});
  test::on_real_executors([=](Process& self) -> Async<> {
    http::Client client{url_of(co_await start_server(self, good), "https"), trusting};
    for (int i = 0; i < 2; ++i) {
      auto response = co_await client.post(self, "/echo", "text/x", "secret");
      EXPECT_TRUE(response.has_value()) << response.error().text;
      if (!response) co_return;
      EXPECT_EQ(response->body, "secret");
      EXPECT_EQ(response->fields.find("x-encrypted"), "yes");
    }
    http::Client misled{url_of(co_await start_server(self, expired), "https"), trusting};
    auto refused = co_await misled.get(self, "/");
    EXPECT_FALSE(refused.has_value());
    if (!refused) {
      EXPECT_EQ(refused.error().kind, http::ErrorKind::tls);
      EXPECT_TRUE(refused.error().text.find("expired") != std::string::npos);
    }
  });
}

}  // namespace
}  // namespace troupe
