// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// HTTP messages without I/O: what is taken apart how, in pieces of every size, and what is refused.
#include "net/http_parser.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/exit_reason.hpp>
#include <troupe/sse.hpp>

#include "net/http_date.hpp"

namespace troupe::http {
namespace {

using Kind = MessageParser::Kind;
using State = MessageParser::State;

constexpr MessageParser::Limits limits{1'000, 2'000};

// Feeds the bytes in pieces of `size`, as a connection does; gives what was left over.
std::string feed(MessageParser& parser, std::string_view bytes, std::size_t size) {
  std::string buffer;
  while (!bytes.empty() && parser.state() == State::incomplete) {
    buffer += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
    buffer.erase(0, parser.feed(buffer));
  }
  return buffer + std::string{bytes};
}

TEST(HttpParser, a_request_is_the_same_in_pieces_of_every_size) {
  const std::string bytes =
      "POST /a%20b?x=1 HTTP/1.1\r\nHost: example.org\r\nX-Two: a\r\nX-Two: b\r\n"
      "Content-Length: 11\r\n\r\nhello world";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    MessageParser parser{Kind::request, limits};
    EXPECT_EQ(feed(parser, bytes, size), "");
    ASSERT_EQ(parser.state(), State::complete) << size << ": " << parser.error().text;
    const Request& request = parser.request();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/a%20b?x=1");
    EXPECT_EQ(request.path(), "/a%20b");
    EXPECT_EQ(request.fields.find("x-two"), "a");
    EXPECT_EQ(request.fields.size(), 4u);
    EXPECT_EQ(request.body, "hello world");
    EXPECT_TRUE(parser.keep_alive());
  }
}

TEST(HttpParser, what_follows_a_request_is_left_for_the_next) {
  const std::string one = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string two = "GET /2 HTTP/1.0\r\n\r\n";
  MessageParser first{Kind::request, limits};
  EXPECT_EQ(feed(first, one + two, 1'000), two);
  MessageParser second{Kind::request, limits};
  EXPECT_EQ(feed(second, "\r\n" + two, 7), "");
  EXPECT_EQ(second.state(), State::complete);
  EXPECT_EQ(second.request().target, "/2");
  EXPECT_FALSE(second.keep_alive());
}

TEST(HttpParser, the_only_chunk_may_be_the_last_one) {
  const std::string bytes =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    MessageParser parser{Kind::request, limits};
    EXPECT_EQ(feed(parser, bytes, size), "");
    ASSERT_EQ(parser.state(), State::complete) << size << ": " << parser.error().text;
    EXPECT_EQ(parser.request().body, "");
  }
}

TEST(HttpParser, chunks_make_one_body_and_their_trailer_is_dropped) {
  const std::string bytes =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n1;name=value\r\n \r\n5\r\nworld\r\n0\r\nAuthorization: smuggled\r\n\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    MessageParser parser{Kind::request, limits};
    EXPECT_EQ(feed(parser, bytes, size), "");
    ASSERT_EQ(parser.state(), State::complete) << size << ": " << parser.error().text;
    EXPECT_EQ(parser.request().body, "hello world");
    EXPECT_FALSE(parser.request().fields.has("authorization"));
  }
}

struct Refusal {
  const char* bytes;
  int status;
};

TEST(HttpParser, what_is_wrong_is_refused_with_the_status_that_says_so) {
  const std::string long_field = "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(1'000, 'x');
  const std::string long_line = "GET /" + std::string(1'000, 'x');
  const std::string long_chunk =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;" +
      std::string(100'000, 'x');
  const Refusal refusals[] = {
      {"GARBAGE\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},                                   // no Host
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},             // two of them
      {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},                       // space before ':'
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400},   // no number
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},  // negative
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999999\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2001\r\n\r\n", 413},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"PUT / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d1\r\n", 413},
      {long_field.c_str(), 431},
      {long_line.c_str(), 431},
      {long_chunk.c_str(), 431},
  };
  for (const Refusal& refusal : refusals) {
    for (std::size_t size : {1'000'000u, 1'000u, 7u}) {
      MessageParser parser{Kind::request, limits};
      feed(parser, refusal.bytes, size);
      ASSERT_EQ(parser.state(), State::failed) << refusal.bytes;
      EXPECT_EQ(parser.status(), refusal.status) << refusal.bytes << parser.error().text;
      EXPECT_FALSE(parser.error().text.empty());
    }
  }
}

TEST(HttpParser, answers_end_with_their_length_their_chunks_or_the_connection) {
  MessageParser with_length{Kind::response, limits};
  EXPECT_EQ(feed(with_length, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokrest", 1), "rest");
  EXPECT_EQ(with_length.response().body, "ok");
  EXPECT_TRUE(with_length.keep_alive());

  MessageParser to_the_end{Kind::response, limits};
  feed(to_the_end, "HTTP/1.1 404 Not Found\r\n\r\nuntil the end", 5);
  EXPECT_EQ(to_the_end.state(), State::incomplete);
  to_the_end.end_of_stream();
  ASSERT_EQ(to_the_end.state(), State::complete);
  EXPECT_EQ(to_the_end.response().status, 404);
  EXPECT_EQ(to_the_end.response().body, "until the end");
  EXPECT_FALSE(to_the_end.keep_alive());

  MessageParser to_head{Kind::response_to_head, limits};
  feed(to_head, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 5);
  EXPECT_EQ(to_head.state(), State::complete);

  MessageParser cut{Kind::response, limits};
  feed(cut, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 5);
  cut.end_of_stream();
  EXPECT_EQ(cut.state(), State::failed);
  EXPECT_EQ(cut.error().kind, ErrorKind::closed);
}

TEST(HttpMessage, line_breaks_of_user_data_never_reach_the_wire) {
  Response response = Response::text(200, "x");
  response.fields.add("X-Name", "a\r\nSet-Cookie: stolen=1");
  std::string out;
  EXPECT_THROW(append_head(out, response, Framing::length), ErrorException);
  EXPECT_THROW(to_wire(Request{.method = "GET\r\n", .target = "/"}), ErrorException);
  EXPECT_THROW(to_wire(Request{.method = "GET", .target = "/a b"}), ErrorException);
  EXPECT_THROW(to_wire(Request{.method = "GET", .target = "/", .fields = {{"A:", "b"}}}),
               ErrorException);
}

TEST(HttpMessage, lengths_are_ours_to_say) {
  const Request request{.method = "POST",
                        .target = "/",
                        .fields = {{"Host", "h"}, {"Content-Length", "99"}},
                        .body = "four"};
  EXPECT_EQ(to_wire(request), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nfour");
}

TEST(HttpMessage, queries_forms_and_cookies_are_decoded) {
  Request request{.target = "/p?a=1&b=x%26y&c=one+two&a=2&bad=%4"};
  EXPECT_EQ(request.query("a"), "1");
  EXPECT_EQ(request.query("b"), "x&y");
  EXPECT_EQ(request.query("c"), "one two");
  EXPECT_EQ(request.query("d"), std::nullopt);
  EXPECT_EQ(request.query("bad"), std::nullopt);
  request.body = "user=me&password=a%3Db";
  EXPECT_EQ(request.form("user"), std::nullopt);
  request.fields.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  EXPECT_EQ(request.form("password"), "a=b");
  request.fields.add("Cookie", "a=b; session=abc=; empty=");
  EXPECT_EQ(request.cookie("session"), "abc=");
  EXPECT_EQ(request.cookie("empty"), "");
  EXPECT_EQ(request.cookie("ession"), std::nullopt);
}

TEST(HttpMessage, urls_are_taken_apart_and_nonsense_is_none) {
  auto url = parse_url("https://[::1]:8443/a?b#c");
  ASSERT_TRUE(url.has_value());
  EXPECT_TRUE(url->is_encrypted);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/a?b");
  EXPECT_EQ(url->authority(), "[::1]:8443");
  url = parse_url("http://example.org?q");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->target, "/?q");
  EXPECT_EQ(url->authority(), "example.org");
  for (const char* text :
       {"", "example.org", "ftp://a", "http://", "http://:80/", "http://a:0/", "http://a:99999/",
        "http://a:b/", "http://u:p@h/", "http://a b/", "http://[::1/", "http://a\r\n/",
        "http://[]/", "http://[x:1]/", "http://[12]:80/", "http://a]b/"}) {
    EXPECT_FALSE(parse_url(text).has_value()) << text;
  }
}

TEST(HttpMessage, text_is_escaped_for_where_it_goes) {
  EXPECT_EQ(escape_html("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
  EXPECT_EQ(percent_encode("a/b ü~"), "a%2Fb%20%C3%BC~");
  EXPECT_EQ(percent_decode("a%2fb%20c"), "a/b c");
  EXPECT_EQ(percent_decode("100%"), std::nullopt);
  EXPECT_EQ(http_date(std::chrono::seconds{784'111'777}), "Sun, 06 Nov 1994 08:49:37 GMT");
}

std::vector<Event> events_in(std::string_view bytes, std::size_t size) {
  EventParser parser{1'000};
  std::vector<Event> events;
  while (!bytes.empty()) {
    parser.feed(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
    while (auto event = parser.next()) events.push_back(std::move(*event));
  }
  return events;
}

TEST(EventParser, events_are_the_same_in_pieces_of_every_size) {
  const std::string bytes =
      "\xEF\xBB\xBF: comment\nretry: 100\n\ndata: one\n\nid: 7\revent: named\rdata:two\rdata:  "
      "three\r\rdata\r\n\r\nid\ndata: x\nunknown: y\n\nevent: lost\n\ndata: incomplete\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const std::vector<Event> events = events_in(bytes, size);
    ASSERT_EQ(events.size(), 4u) << size;
    EXPECT_EQ(events[0].data, "one");
    EXPECT_EQ(events[0].id, "");
    EXPECT_EQ(events[1].data, "two\n three");
    EXPECT_EQ(events[1].type, "named");
    EXPECT_EQ(events[1].id, "7");
    EXPECT_EQ(events[2].data, "");
    EXPECT_EQ(events[2].id, "7");
    EXPECT_EQ(events[3].data, "x");
    EXPECT_EQ(events[3].id, "");
  }
}

TEST(EventParser, what_is_written_is_read_and_line_breaks_do_not_escape) {
  std::string bytes;
  append_event(bytes, {.id = "1\ndata: forged", .type = "t", .data = "a\r\nb\nc\rd"});
  const std::vector<Event> events = events_in(bytes, 3);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, "1");
  EXPECT_EQ(events[0].data, "a\nb\nc\nd");
}

TEST(EventParser, an_event_without_end_is_too_large) {
  EventParser one_line{100};
  one_line.feed("data: " + std::string(200, 'x'));
  EXPECT_EQ(one_line.next().has_value(), false);
  EXPECT_TRUE(one_line.is_too_large());
  EventParser many_lines{100};
  for (int i = 0; i < 100 && !many_lines.is_too_large(); ++i) {
    many_lines.feed("data: ten bytes.\n");
    EXPECT_FALSE(many_lines.next().has_value());
  }
  EXPECT_TRUE(many_lines.is_too_large());
}

}  // namespace
}  // namespace troupe::http
