// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/redis_differential.hpp"

#include <algorithm>

#include "greenroom/reply_frames.hpp"

namespace greenroom::test {
namespace {

constexpr std::string_view end_mark = "end-of-this-exchange";
const std::string end_reply = "$20\r\n" + std::string(end_mark) + "\r\n";

}  // namespace

void RedisDifferential::begin(const std::vector<std::string>& arguments) {
  std::string reason;
  oracle_ = RedisOracle::start(arguments, reason);
  if (oracle_ == nullptr) GTEST_SKIP() << reason;
}

void RedisDifferential::compare(const std::vector<std::string>& requests, LocalServer& server) {
  std::string bytes;
  for (const std::string& one : requests) bytes.append(one);
  bytes.append(request({"ECHO", end_mark}));
  std::string theirs = oracle_->exchange(bytes, end_reply);
  LocalConnection connection{server};
  std::string ours = connection.send(bytes);
  auto their_replies = split_replies(theirs);
  auto our_replies = split_replies(ours);
  ASSERT_TRUE(their_replies.has_value()) << theirs.substr(0, 1000);
  ASSERT_TRUE(our_replies.has_value()) << ours.substr(0, 1000);
  std::size_t count = std::min(our_replies->size(), their_replies->size());
  for (std::size_t i = 0; i < count; ++i)
    ASSERT_EQ((*our_replies)[i], (*their_replies)[i])
        << "reply " << i << " to request " << i + silent_
        << " or later: " << (i + silent_ < requests.size() ? requests[i + silent_] : "the end");
  ASSERT_EQ(our_replies->size(), their_replies->size());
}

void RedisDifferential::compare(const std::vector<std::string>& requests) {
  for (const char* version : {"2", "3"}) {
    LocalServer server;
    // HELLO's own reply tells version and number of the connection, which differ.
    std::vector<std::string> all{request({"FLUSHALL"}), request({"CLIENT", "REPLY", "SKIP"}),
                                 request({"HELLO", version})};
    all.insert(all.end(), requests.begin(), requests.end());
    silent_ = 2;
    compare(all, server);
    if (HasFatalFailure()) return;
  }
}

void RedisDifferential::compare_to_the_end(const std::string& bytes) {
  LocalServer server;
  LocalConnection connection{server};
  std::string ours = connection.send(bytes);
  EXPECT_EQ(ours, oracle_->exchange(bytes, "never sent")) << bytes.substr(0, 100);
  EXPECT_TRUE(connection.is_closed()) << bytes.substr(0, 100);
}

std::string RedisDifferential::ask_redis(const std::string& asked) {
  return oracle_->exchange(asked + request({"ECHO", end_mark}), end_reply);
}

std::vector<std::string> lines(std::initializer_list<std::string_view> inline_requests) {
  std::vector<std::string> requests;
  for (std::string_view line : inline_requests) requests.push_back(std::string(line) + "\r\n");
  return requests;
}

}  // namespace greenroom::test
