// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Every reply type in both protocol versions, byte for byte.
#include "resp/reply_writer.hpp"

#include <gtest/gtest.h>
#include <limits>

#include "greenroom/reply_frames.hpp"

namespace greenroom::test {
namespace {

std::string in(RespVersion version, auto write) {
  std::string out;
  ReplyWriter reply{out, version};
  write(reply);
  return out;
}

// What `write` writes in RESP2 and in RESP3.
void expect_both(auto write, std::string_view resp2, std::string_view resp3) {
  EXPECT_EQ(in(RespVersion::resp2, write), resp2);
  EXPECT_EQ(in(RespVersion::resp3, write), resp3);
}

TEST(ReplyWriter, strings_errors_integers_and_arrays_are_the_same_in_both_versions) {
  expect_both([](ReplyWriter& r) { r.simple("PONG"); }, "+PONG\r\n", "+PONG\r\n");
  expect_both([](ReplyWriter& r) { r.ok(); }, "+OK\r\n", "+OK\r\n");
  expect_both([](ReplyWriter& r) { r.error("ERR no"); }, "-ERR no\r\n", "-ERR no\r\n");
  expect_both([](ReplyWriter& r) { r.integer(INT64_MIN); }, ":-9223372036854775808\r\n",
              ":-9223372036854775808\r\n");
  expect_both([](ReplyWriter& r) { r.bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n");
  expect_both([](ReplyWriter& r) { r.bulk(std::string_view("a\0\r\n", 4)); },
              std::string_view("$4\r\na\0\r\n\r\n", 10), std::string_view("$4\r\na\0\r\n\r\n", 10));
  expect_both([](ReplyWriter& r) { r.array(3); }, "*3\r\n", "*3\r\n");
}

TEST(ReplyWriter, what_resp2_lacks_is_written_as_redis_does) {
  expect_both([](ReplyWriter& r) { r.null(); }, "$-1\r\n", "_\r\n");
  expect_both([](ReplyWriter& r) { r.null_array(); }, "*-1\r\n", "_\r\n");
  expect_both([](ReplyWriter& r) { r.map(2); }, "*4\r\n", "%2\r\n");
  expect_both([](ReplyWriter& r) { r.set(2); }, "*2\r\n", "~2\r\n");
  expect_both([](ReplyWriter& r) { r.push(2); }, "*2\r\n", ">2\r\n");
  expect_both([](ReplyWriter& r) { r.boolean(true); }, ":1\r\n", "#t\r\n");
  expect_both([](ReplyWriter& r) { r.boolean(false); }, ":0\r\n", "#f\r\n");
  expect_both([](ReplyWriter& r) { r.text("a:b"); }, "$3\r\na:b\r\n", "=7\r\ntxt:a:b\r\n");
}

TEST(ReplyWriter, doubles_are_the_shortest_text_that_reads_back) {
  expect_both([](ReplyWriter& r) { r.number(0.1); }, "$3\r\n0.1\r\n", ",0.1\r\n");
  expect_both([](ReplyWriter& r) { r.number(3); }, "$1\r\n3\r\n", ",3\r\n");
  double infinity = std::numeric_limits<double>::infinity();
  expect_both([&](ReplyWriter& r) { r.number(-infinity); }, "$4\r\n-inf\r\n", ",-inf\r\n");
}

TEST(ReplyWriter, line_ends_in_an_error_cannot_fake_another_reply) {
  expect_both([](ReplyWriter& r) { r.error("ERR 'a\r\n+OK\r\n'"); }, "-ERR 'a  +OK  '\r\n",
              "-ERR 'a  +OK  '\r\n");
}

TEST(ReplyFrames, split_only_whole_and_well_formed_streams) {
  auto replies = split_replies("+OK\r\n*2\r\n:1\r\n%1\r\n$1\r\na\r\n_\r\n$-1\r\n");
  ASSERT_TRUE(replies.has_value());
  EXPECT_EQ(*replies, (std::vector<std::string_view>{
                          "+OK\r\n", "*2\r\n:1\r\n%1\r\n$1\r\na\r\n_\r\n", "$-1\r\n"}));
  for (std::string_view broken :
       {"+OK", "$3\r\nab\r\n", "*2\r\n:1\r\n", ":x\r\n", "?\r\n", "_x\r\n"})
    EXPECT_FALSE(split_replies(broken).has_value()) << broken;
}

}  // namespace
}  // namespace greenroom::test
