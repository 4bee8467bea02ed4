// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The HTTP server as its clients see it, over loopback and over the simulated network: routes,
// keep-alive, pipelining, limits, crashes, the end.
#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include <troupe/http_server.hpp>
#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

struct Go {};
struct InHandler {
  Pid pid;
};

// Under the name "observer" somebody is told that a handler runs, and tells it to go on.
Async<http::Response> wait_to_go(Process& self, http::Exchange&) {
  send("observer", InHandler{self.pid()});
  (void)co_await self.receive<Go>();
  co_return http::Response::text(200, "finished\n");
}

Async<> stream_three(Process& self, http::Exchange& exchange) {
  auto stream = co_await exchange.begin(self, http::Response::text(200, ""));
  for (int i = 1; stream && i <= 3; ++i) {
    auto written = co_await stream->write(self, "part " + std::to_string(i) + "\n");
    if (!written) co_return;
  }
}

Async<> stream_until_nobody_reads(Process& self, http::Exchange& exchange) {
  auto stream = co_await exchange.begin(self, http::Response::text(200, ""));
  bool goes_on = stream.has_value();
  while (goes_on) {
    auto written = co_await stream->write(self, "more\n");
    goes_on = written.has_value();
    co_await self.sleep(1ms);
  }
}

http::Router routes() {
  http::Router router;
  router.on("GET", "/", [](const http::Exchange&) { return http::Response::text(200, "root\n"); });
  router.on("GET", "/hello/{name}", [](const http::Exchange& exchange) {
    return http::Response::text(200, "hello " + std::string{exchange.capture("name")} + "\n");
  });
  router.on("POST", "/echo", [](const http::Exchange& exchange) {
    return http::Response::text(200, exchange.request().body);
  });
  router.on("GET", "/files/{path...}", [](const http::Exchange& exchange) {
    return http::Response::text(200, "file " + std::string{exchange.capture("path")} + "\n");
  });
  router.on("GET", "/crash", [](const http::Exchange&) -> http::Response {
    throw std::runtime_error{"a handler crashed"};
  });
  router.on("GET", "/wait", wait_to_go);
  router.on("GET", "/parts", stream_three);
  router.on("GET", "/endless", stream_until_nobody_reads);
  router.on("GET", "/nothing", [](Process&, http::Exchange&) -> Async<> { co_return; });
  return router;
}

http::ServerOptions small() {
  http::ServerOptions options;
  options.listen.port = 0;
  options.max_header_bytes = 1'000;
  options.max_body_bytes = 2'000;
  return options;
}

struct Running {
  Pid pid;
  net::Address address;
};

Async<Running> start(Process& self, http::ServerOptions options = small()) {
  auto server = co_await http::start_link(self, std::move(options), routes());
  EXPECT_TRUE(server.has_value());
  const std::uint16_t port = co_await http::listening_port(self, *server);
  co_return Running{*server, {"127.0.0.1", port}};
}

// Everything until the end of the connection.
Async<std::string> rest_of(Process& self, net::Stream& stream) {
  std::string all;
  char buffer[4'000];
  while (true) {
    auto count = co_await stream.read(self, buffer, 200s);
    if (!count) all += "(error: " + count.error().text + ")";
    if (!count || *count == 0) co_return all;
    all.append(buffer, *count);
  }
}

// Sends the bytes, and gives all that comes back until the server closes.
Async<std::string> talk(Process& self, net::Address address, std::string bytes) {
  auto stream = co_await net::Stream::connect(self, std::move(address), 10s);
  EXPECT_TRUE(stream.has_value());
  if (!stream) co_return std::string{};
  (void)co_await stream->write(self, bytes, 10s);
  co_return co_await rest_of(self, *stream);
}

std::string get(std::string_view target, std::string_view more = "Connection: close\r\n") {
  return "GET " + std::string{target} + " HTTP/1.1\r\nHost: test\r\n" + std::string{more} + "\r\n";
}

// One answer of the route "/", leaving the connection open.
Async<> ask_root(Process& self, net::Stream& stream) {
  (void)co_await stream.write(self, get("/", ""), 10s);
  std::string answer;
  char buffer[4'000];
  while (!answer.ends_with("root\n")) {
    auto count = co_await stream.read(self, buffer, 10s);
    EXPECT_TRUE(count.has_value() && *count > 0) << answer;
    if (!count || *count == 0) co_return;
    answer.append(buffer, *count);
  }
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

bool has(std::string_view text, std::string_view what) { return text.find(what) != text.npos; }

TEST(HttpServer, routes_answer_and_what_has_none_is_404_or_405) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    const net::Address at = server.address;
    std::string answer = co_await talk(self, at, get("/hello/w%C3%B6rld?x=1"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(has(answer, "\r\nContent-Length: 13\r\n")) << answer;
    EXPECT_TRUE(has(answer, "\r\nDate: "));
    EXPECT_TRUE(answer.ends_with("\r\n\r\nhello w\xC3\xB6rld\n")) << answer;
    answer = co_await talk(self, at, get("/files/a/b%2Fc/"));
    EXPECT_TRUE(answer.ends_with("\r\n\r\nfile a/b/c/\n")) << answer;
    answer = co_await talk(self, at, get("/hello"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 Not Found\r\n")) << answer;
    answer = co_await talk(self, at, get("/hello/a/b"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 ")) << answer;
    answer = co_await talk(self, at, get("/echo"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << answer;
    EXPECT_TRUE(has(answer, "\r\nAllow: POST\r\n")) << answer;
    answer = co_await talk(self, at, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(has(answer, "\r\nContent-Length: 5\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
    answer = co_await talk(self, at, get("/nothing"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 204 No Content\r\n")) << answer;
    EXPECT_FALSE(has(answer, "Content-Length")) << answer;
  });
}

TEST(HttpServer, pipelined_requests_are_answered_in_order_on_one_connection) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    std::string bytes;
    for (int i = 0; i < 50; ++i) bytes += get("/hello/" + std::to_string(i), "");
    bytes +=
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n";
    bytes += get("/");
    const std::string answers = co_await talk(self, server.address, bytes);
    EXPECT_EQ(count_of(answers, "HTTP/1.1 200 OK"), 52u);
    std::size_t at = 0;
    for (int i = 0; i < 50; ++i) {
      at = answers.find("hello " + std::to_string(i) + "\n", at);
      EXPECT_NE(at, std::string::npos) << i;
    }
    EXPECT_TRUE(answers.ends_with("root\n"));
    EXPECT_TRUE(has(answers, "\r\n\r\nabcHTTP/1.1 200 OK"));
  });
}

TEST(HttpServer, bad_requests_are_told_what_is_wrong_and_the_server_goes_on) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    const net::Address at = server.address;
    std::string answer = co_await talk(self, at, "SET a b\r\nfoo\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
    answer = co_await talk(self, at, get("/", "X: " + std::string(5'000, 'x') + "\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer;
    EXPECT_TRUE(has(answer, "the header is larger than allowed")) << answer;
    answer = co_await talk(self, at,
                           "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" +
                               std::string(100'000, 'x'));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    EXPECT_FALSE(has(answer, "(error")) << answer;
    answer = co_await talk(self, at,
                           "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "5\r\nabcdefgh\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(has(answer, "chunk")) << answer;
    answer = co_await talk(self, at, get("/"));
    EXPECT_TRUE(answer.ends_with("root\n")) << answer;
  });
}

// Strangers may send 100 bytes; who names a wrong key is refused.
http::Admission look_at_key(Process&, const http::Exchange& exchange) {
  const auto key = exchange.request().fields.find("key");
  if (!key) return {.max_body_bytes = 100};
  if (*key == "right") return {};
  return {.refusal = http::Response::text(401, "wrong key\n")};
}

TEST(HttpServer, who_is_not_let_in_is_told_before_the_body_is_read) {
  test::on_every_executor([](Process& self) -> Async<> {
    http::Router router = routes();
    router.admit(look_at_key);
    auto server = co_await http::start_link(self, small(), router);
    const net::Address at{"127.0.0.1", co_await http::listening_port(self, *server)};
    const auto post = [](std::string_view fields, std::string_view body = "") {
      return "POST /echo HTTP/1.1\r\nHost: h\r\n" + std::string{fields} + "\r\n" +
             std::string{body};
    };
    // Nothing of what is announced is sent, and nobody waits for it.
    std::string answer = co_await talk(self, at, post("Key: no\r\nContent-Length: 1000\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 401 ")) << answer;
    EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nwrong key\n")) << answer;
    answer = co_await talk(self, at, post("Content-Length: 101\r\nExpect: 100-continue\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    answer = co_await talk(
        self, at,
        post("Transfer-Encoding: chunked\r\n", "40\r\n" + std::string(64, 'x') + "\r\n40\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    // Without a body the connection goes on.
    answer = co_await talk(self, at,
                           get("/", "Key: no\r\n") + get("/nowhere", "Key: no\r\n") +
                               post("Content-Length: 2\r\n", "ab") +
                               post("Transfer-Encoding: chunked\r\n", "2\r\ncd\r\n0\r\n\r\n") +
                               get("/"));
    EXPECT_EQ(count_of(answer, "HTTP/1.1 401 "), 2u) << answer;
    EXPECT_TRUE(has(answer, "\r\n\r\nabHTTP/1.1 200 ")) << answer;
    EXPECT_TRUE(has(answer, "\r\n\r\ncdHTTP/1.1 200 ")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nroot\n")) << answer;
    const std::string large(1'500, 'x');
    answer = co_await talk(
        self, at, post("Key: right\r\nConnection: close\r\nContent-Length: 1500\r\n", large));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n" + large));
    answer = co_await talk(self, at, post("Key: right\r\nContent-Length: 2001\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << "the server's own limit";
  });
}

TEST(HttpServer, a_request_that_trickles_is_ended_by_its_deadline_and_an_idle_one_by_its_own) {
  // In the simulator the minutes cost nothing.
  test::on_every_seed([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    auto slow = co_await net::Stream::connect(self, server.address, 10s);
    const Duration begin = self.monotonic_time();
    bool is_open = true;
    for (int i = 0; i < 1'000 && is_open; ++i) {
      auto written = co_await slow->write(self, i == 0 ? "GET / HTTP/1.1\r\n" : "X: y\r\n", 10s);
      is_open = written.has_value();
      co_await self.sleep(1s);
      if (self.monotonic_time() - begin > 15s) break;
    }
    const std::string answer = co_await rest_of(self, *slow);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << answer;
    EXPECT_LT(self.monotonic_time() - begin, 20s);

    auto idle = co_await net::Stream::connect(self, server.address, 10s);
    co_await ask_root(self, *idle);
    const Duration asked = self.monotonic_time();
    char buffer[4'000];
    auto count = co_await idle->read(self, buffer, 200s);
    EXPECT_TRUE(count.has_value());
    EXPECT_GT(self.monotonic_time() - asked, 70s);
    EXPECT_LT(self.monotonic_time() - asked, 90s);
  });
}

TEST(HttpServer, a_body_that_does_not_come_in_time_is_408) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    const std::string answer = co_await talk(
        self, server.address, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
  });
}

TEST(HttpServer, who_expects_100_continue_gets_it_before_the_body) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    auto stream = co_await net::Stream::connect(self, server.address, 10s);
    (void)co_await stream->write(self,
                                 "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                                 "Expect: 100-continue\r\nConnection: close\r\n\r\n",
                                 10s);
    std::string answer(25, '\0');
    std::size_t got = 0;
    while (got < answer.size()) {
      auto count = co_await stream->read(self, std::span{answer}.subspan(got), 10s);
      EXPECT_TRUE(count.has_value() && *count > 0);
      if (!count || *count == 0) co_return;
      got += *count;
    }
    EXPECT_EQ(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    (void)co_await stream->write(self, "abc", 10s);
    answer = co_await rest_of(self, *stream);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nabc")) << answer;
  });
}

TEST(HttpServer, a_handler_that_throws_costs_its_connection_and_no_other) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    auto other = co_await net::Stream::connect(self, server.address, 10s);
    std::string answer = co_await talk(self, server.address, get("/crash", "") + get("/", ""));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n")) << answer;
    EXPECT_EQ(count_of(answer, "HTTP/1.1"), 1u);
    (void)co_await other->write(self, get("/"), 10s);
    answer = co_await rest_of(self, *other);
    EXPECT_TRUE(answer.ends_with("root\n")) << answer;
  });
}

TEST(HttpServer, an_answer_in_parts_is_chunked_or_ends_with_the_connection) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    std::string answer = co_await talk(self, server.address, get("/parts", "") + get("/"));
    EXPECT_TRUE(has(answer, "\r\nTransfer-Encoding: chunked\r\n")) << answer;
    EXPECT_TRUE(has(answer, "\r\n\r\n7\r\npart 1\n\r\n7\r\npart 2\n\r\n7\r\npart 3\n\r\n0\r\n\r\n"))
        << answer;
    EXPECT_TRUE(answer.ends_with("root\n")) << answer;
    answer = co_await talk(self, server.address, "GET /parts HTTP/1.0\r\n\r\n");
    EXPECT_FALSE(has(answer, "chunked")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\npart 1\npart 2\npart 3\n")) << answer;
  });
}

TEST(HttpServer, an_answer_in_parts_to_head_has_none_and_the_connection_goes_on) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    for (const std::string path : {"/parts", "/endless"}) {
      const std::string head = "HEAD " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
      const std::string answer = co_await talk(self, server.address, head + get("/"));
      const std::size_t end = answer.find("\r\n\r\n");
      EXPECT_TRUE(answer.substr(end).starts_with("\r\n\r\nHTTP/1.1 200 OK\r\n")) << answer;
      EXPECT_TRUE(answer.ends_with("root\n")) << answer;
    }
  });
}

TEST(HttpServer, beyond_the_limit_of_connections_one_is_told_503) {
  test::on_every_executor([](Process& self) -> Async<> {
    http::ServerOptions options = small();
    options.max_connections = 2;
    const Running server = co_await start(self, std::move(options));
    auto one = co_await net::Stream::connect(self, server.address, 10s);
    auto two = co_await net::Stream::connect(self, server.address, 10s);
    co_await ask_root(self, *one);
    co_await ask_root(self, *two);
    auto three = co_await net::Stream::connect(self, server.address, 10s);
    const std::string answer = co_await rest_of(self, *three);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    one->close();
    // Until the server has noticed.
    std::string retried;
    for (int i = 0; i < 1'000 && !has(retried, "root"); ++i) {
      retried = co_await talk(self, server.address, get("/"));
    }
    EXPECT_TRUE(has(retried, "root")) << retried;
  });
}

TEST(HttpServer, at_its_end_answers_under_way_are_finished_and_idle_connections_closed) {
  test::on_every_executor([](Process& self) -> Async<> {
    self.register_name("observer");
    self.trap_exits();
    const Running server = co_await start(self);
    auto idle = co_await net::Stream::connect(self, server.address, 10s);
    co_await ask_root(self, *idle);
    char buffer[4'000];
    auto busy = co_await net::Stream::connect(self, server.address, 10s);
    (void)co_await busy->write(self, get("/wait", ""), 10s);
    const InHandler handler = co_await self.receive<InHandler>();
    exit(server.pid, ExitReason{atoms::shutdown});
    auto count = co_await idle->read(self, buffer, 10s);
    EXPECT_TRUE(count.has_value());
    if (count) {
      EXPECT_EQ(*count, 0u);
    }
    auto late = co_await net::Stream::connect(self, server.address, 10s);
    if (late) {
      // In the queue of the listener when that was closed.
      auto nothing = co_await late->read(self, buffer, 10s);
      EXPECT_TRUE(!nothing || *nothing == 0);
    }
    send(handler.pid, Go{});
    const std::string answer = co_await rest_of(self, *busy);
    EXPECT_TRUE(has(answer, "finished")) << answer;
    const Exit exit = co_await self.receive<Exit>();
    EXPECT_EQ(exit.from, server.pid);
    EXPECT_TRUE(exit.reason.is(atoms::shutdown)) << exit.reason.to_string();
  });
}

TEST(HttpServer, a_port_in_use_is_a_start_error_that_says_so) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Running server = co_await start(self);
    http::ServerOptions options = small();
    options.listen = server.address;
    auto second = co_await http::start_link(self, std::move(options), routes());
    EXPECT_FALSE(second.has_value());
    if (second) co_return;
    const std::string text{second.error().term().as_binary().value_or("")};
    EXPECT_TRUE(has(text, "cannot listen on 127.0.0.1:")) << text;
  });
}

TEST(HttpRouter, patterns_that_make_no_sense_are_refused) {
  http::Router router;
  const auto handler = [](const http::Exchange&) { return http::Response{}; };
  EXPECT_THROW(router.on("GET", "no/slash", handler), ErrorException);
  EXPECT_THROW(router.on("GET", "/{open", handler), ErrorException);
  EXPECT_THROW(router.on("GET", "/{rest...}/more", handler), ErrorException);
}

}  // namespace
}  // namespace troupe
