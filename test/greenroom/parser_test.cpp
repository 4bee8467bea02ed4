// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The request parser: requests found however the bytes are cut, limits, final errors, memory and
// time. Error words against a real Redis are in redis_differential_test.cpp.
#include "resp/parser.hpp"

#include <algorithm>
#include <ctime>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "greenroom/local_server.hpp"

namespace greenroom::test {
namespace {

using Requests = std::vector<std::vector<std::string>>;

// Feeds the bytes in chunks of the given size, each from memory of its own that is gone afterwards.
Requests parse(RequestParser& parser, std::string_view bytes, std::size_t chunk_size) {
  Requests requests;
  while (!bytes.empty()) {
    auto chunk = std::make_unique<std::string>(bytes.substr(0, chunk_size));
    bytes.remove_prefix(chunk->size());
    parser.feed(*chunk);
    while (parser.next() == ParseStep::request)
      requests.emplace_back(parser.arguments().begin(), parser.arguments().end());
  }
  return requests;
}

std::string error_of(std::string_view bytes, const RequestLimits& limits = {}) {
  std::string first;
  for (std::size_t chunk_size : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    RequestParser parser{limits};
    parser.set_peer(Peer::authenticated);
    parse(parser, bytes, chunk_size);
    if (first.empty()) first = parser.error();
    EXPECT_EQ(parser.error(), first) << "in chunks of " << chunk_size;
  }
  return first;
}

TEST(RequestParser, finds_the_same_requests_however_the_bytes_are_cut) {
  std::string bytes =
      "PING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n\r\n*0\r\n*-1\r\nSET 'a b' \"\\x41\"\n" +
      request({"SET", "key", std::string("\r\n\0*1", 5)}) + request({""}) + "  ECHO   x  \r\n";
  Requests expected{
      {"PING"}, {"GET", "a"}, {"SET", "a b", "A"}, {"SET", "key", std::string("\r\n\0*1", 5)},
      {""},     {"ECHO", "x"}};
  for (std::size_t chunk_size = 1; chunk_size <= bytes.size(); ++chunk_size) {
    RequestParser parser;
    EXPECT_EQ(parse(parser, bytes, chunk_size), expected) << "in chunks of " << chunk_size;
    EXPECT_EQ(parser.pending_bytes(), 0u);
  }
}

TEST(RequestParser, arguments_of_a_whole_request_are_views_into_the_chunk) {
  RequestParser parser;
  std::string chunk = request({"GET", "key"});
  parser.feed(chunk);
  ASSERT_EQ(parser.next(), ParseStep::request);
  const char* key = parser.arguments()[1].data();
  EXPECT_TRUE(chunk.data() <= key && key < chunk.data() + chunk.size());
}

TEST(RequestParser, feeding_before_all_was_taken_loses_nothing) {
  RequestParser parser;
  auto first = std::make_unique<std::string>("PING 1\r\nPING 2\r\nPI");
  parser.feed(*first);
  ASSERT_EQ(parser.next(), ParseStep::request);
  parser.feed("NG 3\r\n");
  first.reset();
  for (std::string_view expected : {"2", "3"}) {
    ASSERT_EQ(parser.next(), ParseStep::request);
    EXPECT_EQ(parser.arguments()[1], expected);
  }
  EXPECT_EQ(parser.next(), ParseStep::incomplete);
}

TEST(RequestParser, an_error_is_final) {
  RequestParser parser;
  parser.feed("*1\r\n!\r\nPING\r\n");
  EXPECT_EQ(parser.next(), ParseStep::failed);
  EXPECT_EQ(parser.error(), "ERR Protocol error: expected '$', got '!'");
  EXPECT_TRUE(parser.arguments().empty());
  parser.feed("PING\r\n");
  EXPECT_EQ(parser.next(), ParseStep::failed);
  EXPECT_EQ(parser.pending_bytes(), 0u);
}

TEST(RequestParser, refuses_lengths_beyond_the_limits_in_the_words_of_redis) {
  EXPECT_EQ(error_of("*1\r\n$10737418240\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1\r\n$67108865\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1\r\n$-1\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1048577\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*99999999999999999999\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of(std::string(65'537, 'x') + "\r\n"),
            "ERR Protocol error: too big inline request");
  EXPECT_EQ(error_of(std::string(1'000'000, 'x')), "ERR Protocol error: too big inline request");
  EXPECT_EQ(error_of("*" + std::string(100, '1')),
            "ERR Protocol error: too big mbulk count string");
  EXPECT_EQ(error_of("*1\r\n$" + std::string(100, '1')),
            "ERR Protocol error: too big bulk count string");
  EXPECT_EQ(error_of("PING \"abc\r\n"), "ERR Protocol error: unbalanced quotes in request");
  EXPECT_EQ(error_of("*1\rx"), "ERR Protocol error: invalid multibulk length");
}

TEST(RequestParser, takes_what_is_exactly_at_the_limits) {
  EXPECT_EQ(error_of(std::string(65'534, 'x') + "\r\n"), "");
  RequestLimits limits{.max_arguments = 2, .max_bulk_bytes = 5};
  EXPECT_EQ(error_of("*2\r\n$5\r\nabcde\r\n$0\r\n\r\n", limits), "");
  EXPECT_EQ(error_of("*3\r\n", limits), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*2\r\n$6\r\n", limits), "ERR Protocol error: invalid bulk length");
}

TEST(RequestParser, refuses_a_bulk_string_whose_length_is_wrong) {
  EXPECT_EQ(error_of("*1\r\n$3\r\nPING\r\n"),
            "ERR Protocol error: expected CRLF after bulk string");
  EXPECT_EQ(error_of("*1\r\n$4\r\nPING\n\n"),
            "ERR Protocol error: expected CRLF after bulk string");
}

TEST(RequestParser, bounds_a_request_as_a_whole) {
  RequestLimits limits{.max_request_bytes = 100};
  std::string part = "$30\r\n" + std::string(30, 'x') + "\r\n";
  EXPECT_EQ(error_of("*4\r\n" + part + part + part + part, limits),
            "ERR Protocol error: too big request");
  EXPECT_EQ(error_of("*2\r\n" + part + part, limits), "");
}

TEST(RequestParser, a_stranger_may_send_small_requests_only) {
  RequestParser parser;
  std::string bytes = request({"AUTH", std::string(16'384, 'x')}) + "*11\r\n";
  parser.feed(bytes);
  EXPECT_EQ(parser.next(), ParseStep::request);
  EXPECT_EQ(parser.next(), ParseStep::failed);
  EXPECT_EQ(parser.error(), "ERR Protocol error: unauthenticated multibulk length");

  RequestParser longer;
  longer.feed("*2\r\n$4\r\nAUTH\r\n$16385\r\n");
  EXPECT_EQ(longer.next(), ParseStep::failed);
  EXPECT_EQ(longer.error(), "ERR Protocol error: unauthenticated bulk length");
}

TEST(RequestParser, a_request_behind_auth_in_the_same_chunk_has_the_larger_limits) {
  RequestParser parser;
  parser.feed("AUTH secret\r\n*11\r\n");
  ASSERT_EQ(parser.next(), ParseStep::request);
  parser.set_peer(Peer::authenticated);
  EXPECT_EQ(parser.next(), ParseStep::incomplete);
}

TEST(RequestParser, announced_lengths_reserve_nothing) {
  RequestParser parser;
  parser.set_peer(Peer::authenticated);
  parser.feed("*1048576\r\n$67108864\r\nabc");
  EXPECT_EQ(parser.next(), ParseStep::incomplete);
  EXPECT_LT(parser.memory_bytes(), 4096u);
}

TEST(RequestParser, gives_memory_back_when_a_large_request_is_done) {
  RequestParser parser;
  std::string bytes = request({"SET", "k", std::string(1'000'000, 'x')});
  parser.set_peer(Peer::authenticated);
  EXPECT_EQ(parse(parser, bytes, 10'000).size(), 1u);
  EXPECT_LT(parser.memory_bytes(), 8192u);
}

// Seconds of this thread's processor time, of which others on the machine take nothing.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Seconds to parse `count` small requests fed in chunks; the best of three.
double seconds_for(std::size_t count, std::size_t chunk_size) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.append(request({"SET", "key", "value"}));
  double best = 1e9;
  for (int round = 0; round < 3; ++round) {
    RequestParser parser;
    const double start = processor_seconds();
    std::size_t found = 0;
    for (std::size_t at = 0; at < bytes.size(); at += chunk_size) {
      parser.feed(std::string_view{bytes}.substr(at, chunk_size));
      while (parser.next() == ParseStep::request) ++found;
    }
    const double taken = processor_seconds() - start;
    EXPECT_EQ(found, count);
    best = std::min(best, taken);
  }
  return best;
}

TEST(RequestParser, a_pipeline_of_100000_requests_takes_linear_time) {
  // Ten times the requests would take a hundred times as long if each moved or searched the rest.
  for (std::size_t chunk_size : {16'384u, 100'000'000u})
    EXPECT_LT(seconds_for(100'000, chunk_size), 40 * seconds_for(10'000, chunk_size) + 0.05);
}

TEST(RequestParser, a_request_that_comes_byte_by_byte_takes_linear_time) {
  std::vector<std::string> words(50'000, "x");
  std::string bytes = request(words);
  RequestParser parser;
  parser.set_peer(Peer::authenticated);
  Requests requests = parse(parser, bytes, 1);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].size(), 50'000u);
  EXPECT_EQ(parse(parser, std::string(60'000, 'y') + "\r\n", 1).size(), 1u);
}

}  // namespace
}  // namespace greenroom::test
